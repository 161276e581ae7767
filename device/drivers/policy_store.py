"""The authority policy on disk: whole or not at all, and written by this box (SPEC 8.6).

TUF vouched for it when it came; at a boot the box's own code does, so that nobody writes another one beside the box.
"""

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.drivers.folder import Folder
from device.ports import BoardSecret
from device.protocol.errors import RejectedError

NAME = "policy.json"
_PURPOSE = b"policy"


class PolicyStore:
    """`device.ports.PolicyStore` in a folder."""

    def __init__(self, folder: Folder, secret: BoardSecret) -> None:
        self._folder = folder
        self._secret = secret

    def load(self) -> bytes | None:
        if NAME not in self._folder.names():
            return None
        try:
            return authentic(self._secret.read(), _PURPOSE, self._folder.read(NAME))
        except NotAuthenticError as error:
            raise RejectedError("CONTENT_UNAUTHENTIC", f"{NAME}: {error}") from error

    def save(self, raw: bytes) -> None:
        self._folder.replace(NAME, authenticate(self._secret.read(), _PURPOSE, raw))
