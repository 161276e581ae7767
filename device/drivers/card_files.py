"""Files of one folder on the card that only this board can have written (SPEC 14.1).

What the owner edits, takes from another box or from another file of this one, and what a card gave back wrong, is not
read as if it were the box's own: `read` fails as a read of bad sectors does.
"""

import errno

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.drivers.folder import Folder
from device.ports import BoardSecret


class CardFiles:
    """`services.identity_facts.Files` under the code of `crypto.card_mac`; all calls raise OSError."""

    def __init__(self, folder: Folder, secret: BoardSecret, purpose: bytes) -> None:
        self._folder = folder
        self._secret = secret
        self._purpose = purpose

    def names(self) -> list[str]:
        return self._folder.names()

    def read(self, name: str) -> bytes:
        try:
            return authentic(self._secret.read(), self._purpose_of(name), self._folder.read(name))
        except NotAuthenticError as error:
            raise OSError(errno.EBADMSG, str(error), name) from error

    def replace(self, name: str, data: bytes) -> None:
        self._folder.replace(name, authenticate(self._secret.read(), self._purpose_of(name), data))

    def _purpose_of(self, name: str) -> bytes:
        return self._purpose + b" " + name.encode()
