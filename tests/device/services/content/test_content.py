"""What the box takes from the fleet (SPEC 5, 8, 13.2)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler

import pytest

from device.core.events import CatalogLoaded, PolicyLoaded
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet


async def test_policy_and_catalog_come_and_stay(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert policy.raw == (fleet.keys / "policy.json").read_bytes()
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS))
    assert box.catalog.find("000777") is not None
    assert box.catalog.find("999999") is None
    assert await box.look() == []
    assert box.restart() == [policy, catalog]
    assert box.catalog.find("001999") is not None


async def test_a_new_catalog_replaces_the_old(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]
    assert box.catalog.find("900001") is not None
    assert box.catalog.find("000001") is None
    assert sorted(path.name for path in (box.folder / "content").glob("catalog-*")) == [
        "catalog-6.bin",
        "catalog-6.json",
        "catalog-6.pages",
    ]


async def test_a_part_that_does_not_fit_is_thrown_away(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    files = fleet.publish_catalog(5, SONGS)

    def unsatisfiable(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        if answer.headers.get("Range") is None:
            return False
        answer.send_error(416)
        return True

    server.misbehave["5.bin"] = unsatisfiable
    partial = box.folder / "content" / "partial"
    partial.mkdir(parents=True)
    (partial / sha256(files["catalog/5.bin"]).hexdigest()).write_bytes(b"of something else")
    await box.look()
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()


async def test_a_part_that_a_power_cut_tore_is_no_reason_to_accuse_anybody(box: Box, fleet: PublishedFleet) -> None:
    files = fleet.publish_catalog(5, SONGS)
    partial = box.folder / "content" / "partial"
    partial.mkdir(parents=True)
    data = files["catalog/5.bin"]
    (partial / sha256(data).hexdigest()).write_bytes(data[:50_000] + bytes(20_000))
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS))


async def test_a_download_goes_on_where_it_was_cut_off(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)
    cuts = [150_000, 100_000]

    def cut(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        if not cuts:
            return False
        start = int(answer.headers.get("Range", "bytes=0-")[6:-1])
        answer.send_response(206 if start else 200)
        answer.send_header("Content-Length", str(len(data) - start))
        answer.end_headers()
        answer.wfile.write(data[start : start + cuts.pop()])
        answer.close_connection = True
        return True

    server.misbehave["5.bin"] = cut
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()
    asked = [request for request in server.requests if ".5.bin" in request]
    assert [request.partition(" ")[2] for request in asked] == ["", "bytes=100000-", "bytes=250000-"]


async def test_expired_metadata_brings_nothing_new_and_takes_nothing_away(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    box.trusted_ms = int((datetime.now(UTC) + timedelta(days=30)).timestamp() * 1000)
    assert await box.look() == []
    assert box.catalog.find("000001") is not None
    assert len(box.restart()) == 2


async def test_a_fleet_that_is_down_changes_nothing(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    await box.look()

    def hang_up(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        answer.close_connection = True
        return True

    server.misbehave["timestamp.json"] = hang_up
    fleet.publish_catalog(5, SONGS)
    assert await box.look() == []


async def test_8_3_a_page_that_was_changed_on_disk_lists_nothing_and_is_fetched_again(
    box: Box, fleet: PublishedFleet
) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    path = box.folder / "content" / "catalog-5.bin"
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 1
    path.write_bytes(raw)
    box.restart()
    found = [song for song in SONGS if box.catalog.find(song) is not None]
    assert len(found) < len(SONGS)
    assert box.catalog.is_damaged()
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert all(box.catalog.find(song) is not None for song in SONGS)


@pytest.mark.parametrize("name", ["CURRENT", "catalog-5.json", "catalog-5.pages", "catalog-5.bin"])
async def test_a_catalog_that_cannot_be_opened_is_fetched_again(box: Box, fleet: PublishedFleet, name: str) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    path = box.folder / "content" / name
    path.write_bytes(b"x" + path.read_bytes()[2:])
    assert len(box.restart()) == 1
    assert box.catalog.find("000001") is None
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert box.catalog.find("000001") is not None


async def test_a_bundle_comes_whole(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image" * 10_000)
    assert await box.bundle("1.1.0") == b"image" * 10_000


async def test_bundles_that_are_not_for_this_box(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image", compatible="other")
    assert await box.refused("1.1.0") == "UPDATE_INCOMPATIBLE"
    assert await box.refused("1.2.0") == "UPDATE_UNTRUSTED"
    fleet.publish_bundle("1.3.0", b"image", security_epoch=1)
    assert await box.refused("1.3.0", security_epoch=2) == "UPDATE_DOWNGRADE"
