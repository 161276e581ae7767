"""Boxes follow the rotation of the root of trust (SPEC 5.4): the verb, the server and TUF's client together."""

from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

from device.core.events import CatalogLoaded, ContentRejected
from device.protocol.errors import RejectedError
from fleet_server.repository import Publisher, RepositoryFolder, take_in
from hil_tests.bench.hostile_fleet import signer_of
from provisioning import cli, clock, rotation
from tests.device.services.content.rig import SONGS, Box
from tests.fleet_server.repository.published import PublishedFleet


def rotated(fleet: PublishedFleet, version: int, keys: list[str], *replaced: int) -> None:
    files = [fleet.keys / f"{name}.pem" for name in keys]
    rotation.rotate(fleet.keys, fleet.data, version, files, list(replaced), clock.now_ms())
    assert take_in(fleet.publisher, clock.now_ms()) == [f"root-{version}"]


async def test_5_4_a_box_two_versions_behind_follows(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    rotated(fleet, 2, ["root-1", "root-2"], 3)
    rotated(fleet, 3, ["root-1", "root-3-v2"], 1, 2)  # none of the first keys is left
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]
    box.restart()
    fleet.publish_catalog(7, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=7, entries=1)]


async def test_5_4_a_box_that_never_looked_climbs_from_the_root_of_the_factory(box: Box, fleet: PublishedFleet) -> None:
    rotated(fleet, 2, ["root-1", "root-2"], 1, 2)
    rotated(fleet, 3, ["root-1-v2", "root-3"], 3)
    fleet.publish_catalog(5, SONGS)
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()


async def test_5_4_a_root_of_new_keys_alone_is_not_followed(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    rotated(fleet, 2, ["root-1", "root-2"], 1, 2, 3)
    place = fleet.data / "tuf" / "metadata" / "2.root.json"
    root = Metadata[Root].from_file(str(place))
    old = fleet.keys / "root-1.pem"
    kept = {signer_of(old).public_key.keyid}
    root.signatures = {
        keyid: found for keyid, found in root.signatures.items() if keyid in root.signed.keys or keyid in kept
    }
    place.write_bytes(root.to_bytes())  # its own threshold, and one of the old keys
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]
    assert box.catalog.find("000001") is not None


async def test_5_4_a_root_of_old_keys_alone_is_not_followed(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    rotated(fleet, 2, ["root-1", "root-2"], 1, 2, 3)
    place = fleet.data / "tuf" / "metadata" / "2.root.json"
    root = Metadata[Root].from_file(str(place))
    root.signatures = {keyid: found for keyid, found in root.signatures.items() if keyid not in root.signed.keys}
    place.write_bytes(root.to_bytes())
    assert await box.look() == [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]


async def test_5_4_no_version_is_passed_over(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    rotated(fleet, 2, ["root-1", "root-2"], 1, 2)
    rotated(fleet, 3, ["root-1-v2", "root-2-v2"])
    metadata = fleet.data / "tuf" / "metadata"
    metadata.joinpath("2.root.json").write_bytes(metadata.joinpath("3.root.json").read_bytes())
    assert await box.look() == [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]


def online_rotated(fleet: PublishedFleet, version: int, *roles: str) -> None:
    named = [word for role in roles for word in ("--role", role)]
    keys = [word for number in (1, 2) for word in ("--key", str(fleet.keys / f"root-{number}.pem"))]
    place = ["--ceremony", str(fleet.keys), "--fleet", str(fleet.data), "--version", str(version)]
    assert cli.main(["root", "rotate-online", *place, *keys, *named]) == 0
    assert take_in(fleet.publisher, clock.now_ms()) == [f"root-{version}"]


@pytest.mark.parametrize("roles", [(), ("snapshot",), ("timestamp",)])
async def test_5_4_new_online_keys_are_followed_and_the_old_ones_sign_nothing_more(
    box: Box, fleet: PublishedFleet, roles: tuple[str, ...]
) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    old_keys = {role: (fleet.data / "keys" / f"{role}.pem").read_bytes() for role in ("snapshot", "timestamp")}
    online_rotated(fleet, 2, *roles)
    for role in roles or old_keys:
        (fleet.data / "keys" / f"{role}.pem").unlink()  # as the operator does
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]
    new_box = Box(fleet, box.server, box.folder / "new")
    assert CatalogLoaded(epoch=6, entries=1) in await new_box.look(), "from the root of the factory"
    thief = Publisher(RepositoryFolder(fleet.data / "tuf"), box.folder / "stolen")
    (box.folder / "stolen").mkdir()
    for role, pem in old_keys.items():
        (box.folder / "stolen" / f"{role}.pem").write_bytes(pem)
    with pytest.raises(RejectedError, match="KEY_FILE"):
        thief.publish({}, {}, clock.now_ms())
    signed_by(fleet, box.folder / "stolen")
    assert await box.look() == [ContentRejected(what="catalog", epoch=6, code="CONTENT_UNTRUSTED")]
    online_rotated(fleet, 3)
    fleet.publish_catalog(7, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=7, entries=1)]


def signed_by(fleet: PublishedFleet, keys: Path) -> None:
    """Snapshot and timestamp of the repository, one version on, by these keys: who took them does not ask the root."""
    place = fleet.data / "tuf" / "metadata"
    timestamp = Metadata[Timestamp].from_file(str(place / "timestamp.json"))
    number = timestamp.signed.snapshot_meta.version
    snapshot = Metadata[Snapshot].from_file(str(place / f"{number}.snapshot.json"))
    snapshot.signed.version = timestamp.signed.snapshot_meta.version = number + 1
    timestamp.signed.version += 1
    snapshot.sign(signer_of(keys / "snapshot.pem"))
    timestamp.sign(signer_of(keys / "timestamp.pem"))
    snapshot.to_file(str(place / f"{number + 1}.snapshot.json"))
    timestamp.to_file(str(place / "timestamp.json"))


async def test_5_4_a_rotation_of_online_keys_that_was_cut_short_is_run_again(box: Box, fleet: PublishedFleet) -> None:
    """The root lies there and the timestamp is still the old one: nothing of it is lost when the server comes back."""
    fleet.publish_catalog(5, SONGS)
    await box.look()
    keys = [fleet.keys / f"root-{number}.pem" for number in (1, 2)]
    rotation.rotate(fleet.keys, fleet.data, 2, keys, [], clock.now_ms(), rotation.ONLINE)
    waiting = fleet.data / "tuf" / "incoming" / "root-2" / "metadata" / "2.root.json"
    (fleet.data / "tuf" / "metadata" / "2.root.json").write_bytes(waiting.read_bytes())
    assert await box.look() == [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]
    assert take_in(fleet.publisher, clock.now_ms()) == ["root-2"]
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]
