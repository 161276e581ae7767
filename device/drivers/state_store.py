"""The state record of the core on disk: whole or not at all, and known to be whole.

The file is the record, a line feed and the hex SHA-256 of the record. It is replaced atomically; a file
that does not match its digest is renamed to `state.broken` (evidence, not rubbish) and said.
"""

import hashlib

from device.drivers.folder import Folder
from device.ports import DriverError

NAME = "state.json"
BROKEN = "state.broken"
DIGEST_CHARS = 64


class StateStore:
    """Keeps one record in a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def load(self) -> bytes | None:
        try:
            if NAME not in self._folder.names():
                return None
            raw = self._folder.read(NAME)
            record, digest = raw[: -DIGEST_CHARS - 1], raw[-DIGEST_CHARS:]
            if hashlib.sha256(record).hexdigest().encode() == digest:
                return record
            self._folder.rename(NAME, BROKEN)
            self._folder.sync_names()
        except OSError as error:
            raise DriverError("STATE_UNAVAILABLE", str(error)) from error
        raise DriverError("STATE_DAMAGED", f"{NAME} does not match its digest; kept as {BROKEN}")

    def save(self, record: bytes) -> None:
        try:
            self._folder.replace(NAME, record + b"\n" + hashlib.sha256(record).hexdigest().encode())
        except OSError as error:
            raise DriverError("STATE_UNAVAILABLE", str(error)) from error
