"""Boxes follow the rotation of the root of trust (SPEC 5.4): the verb, the server and TUF's client together."""

from tuf.api.metadata import Metadata, Root

from device.core.events import CatalogLoaded, ContentRejected
from fleet_server.repository import take_in
from hil_tests.bench.hostile_fleet import signer_of
from provisioning import clock, rotation
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
