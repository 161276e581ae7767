"""The papers of a box as they lie on its card."""

from pathlib import Path

import pytest

from device.drivers.folder import Folder
from device.ports import DriverError
from device.services.identity_facts import FLEET, IdentityFacts


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 5_000])
def test_papers_that_cannot_be_read_are_damage_and_no_fall(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / FLEET).write_bytes(raw)
    with pytest.raises(DriverError, match="IDENTITY_DAMAGED"):
        IdentityFacts(Folder(tmp_path), lambda: 0).facts(FLEET)
