"""What a server publishes, a box takes: metadata that is less strict than any document is not published (SPEC 5.1)."""

import pytest
from tuf.api.metadata import Metadata, Root

from device.protocol.errors import ProtocolError
from fleet_server.repository.verification import accept_role, accept_root
from tests.fleet_server.repository.published import PublishedFleet

SPELLINGS = [
    (b'"version"', b'"version": 9, "version"'),
    (b'"signatures"', b'"x": NaN, "signatures"'),
    (b'"signatures"', b'"length": true, "signatures"'),
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


@pytest.mark.parametrize(("old", "new"), SPELLINGS)
def test_5_1_metadata_that_a_box_does_not_read_is_not_published(fleet: PublishedFleet, old: bytes, new: bytes) -> None:
    root: Metadata[Root] = accept_root(fleet.root, None)
    assert old in fleet.root
    with pytest.raises(ProtocolError, match="ROOT_UNSOUND"):
        accept_root(fleet.root.replace(old, new, 1), None)
    raw = (fleet.publisher.folder.metadata / "1.targets.json").read_bytes()
    accept_role(raw, "targets", root, None, {})
    assert old in raw
    with pytest.raises(ProtocolError, match="UPDATE_UNTRUSTED"):
        accept_role(raw.replace(old, new, 1), "targets", root, None, {})
