"""The state record of the core on disk: whole or not at all, and written by this box (SPEC 6.6).

The file is the record, authenticated with a key of the board (`card_mac.py`), and is replaced atomically. One
that is damaged, edited or of another board is renamed to `state.broken` (evidence, not rubbish) and said.
"""

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.drivers.folder import Folder
from device.ports import BoardSecret, DriverError

NAME = "state.json"
BROKEN = "state.broken"
_PURPOSE = b"state"


class StateStore:
    """Keeps one record in a folder."""

    def __init__(self, folder: Folder, secret: BoardSecret) -> None:
        self._folder = folder
        self._secret = secret

    def load(self) -> bytes | None:
        secret = self._secret.read()
        try:
            if NAME not in self._folder.names():
                return None
            raw = self._folder.read(NAME)
            try:
                return authentic(secret, _PURPOSE, raw)
            except NotAuthenticError as error:
                found = DriverError("STATE_DAMAGED", f"{NAME}: {error}; kept as {BROKEN}")
            self._folder.rename(NAME, BROKEN)
            self._folder.sync_names()
        except OSError as error:
            raise DriverError("STATE_UNAVAILABLE", str(error)) from error
        raise found

    def save(self, record: bytes) -> None:
        raw = authenticate(self._secret.read(), _PURPOSE, record)
        try:
            self._folder.replace(NAME, raw)
        except OSError as error:
            raise DriverError("STATE_UNAVAILABLE", str(error)) from error
