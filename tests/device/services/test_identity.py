"""The papers of a box and what is locked in them."""

from pathlib import Path

import pytest

from device.drivers.folder import Folder
from device.ports import DriverError
from device.services.identity import Identity
from tests import builders


class Cut(Folder):
    """Takes one more file and then none."""

    left = 1

    def replace(self, name: str, data: bytes) -> None:
        if self.left == 0:
            raise OSError(5, "the power is gone")
        self.left -= 1
        super().replace(name, data)


def test_a_cut_while_the_key_is_made_leaves_a_step_that_can_be_done_again(tmp_path: Path) -> None:
    secret = builders.BoardSecret()
    with pytest.raises(DriverError, match="IDENTITY_UNAVAILABLE"):
        Identity(Cut(tmp_path), secret, lambda: 0).make_key("KTV-0001")
    again = Identity(Folder(tmp_path), secret, lambda: 0)
    key = again.make_key("KTV-0001")
    assert again.box == "KTV-0001"
    after = Identity(Folder(tmp_path), secret, lambda: 0)
    assert (after.box, after.signing_key().pem()) == ("KTV-0001", key.pem())
