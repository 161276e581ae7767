"""The authority policy on disk, twice: each copy whole or not at all, and written by this box (SPEC 8.6).

TUF vouched for it when it came; at a boot the box's own code does, so that nobody writes another one beside the box.
The copies are replaced one after the other: wherever the power goes, one of them is whole.
"""

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.drivers.folder import Folder
from device.ports import BoardSecret
from device.protocol.errors import RejectedError

NAMES = ("policy.json", "policy-2.json")
_PURPOSE = b"policy"


class PolicyStore:
    """`device.ports.PolicyStore` in a folder."""

    names = NAMES

    def __init__(self, folder: Folder, secret: BoardSecret) -> None:
        self._folder = folder
        self._secret = secret

    def load(self, name: str) -> bytes | None:
        if name not in self._folder.names():
            return None
        try:
            return authentic(self._secret.read(), _PURPOSE, self._folder.read(name))
        except NotAuthenticError as error:
            raise RejectedError("CONTENT_UNAUTHENTIC", f"{name}: {error}") from error

    def save(self, raw: bytes) -> None:
        written = authenticate(self._secret.read(), _PURPOSE, raw)
        for name in NAMES:
            self._folder.replace(name, written)
