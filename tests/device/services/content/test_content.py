"""What the box takes from the fleet (SPEC 5, 8, 13.2)."""

import errno
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.crypto import card_mac
from device.drivers.policy_store import NAMES, PolicyStore
from device.protocol.catalog import gone_row, row_of
from tests.builders import BoardSecret, policy
from tests.device.protocol.builders import listed_ban
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet, a_table, catalog_files, overlay_files, with_bans


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
    assert len(list((box.folder / "content").glob("table-*"))) == 1


async def test_a_delta_fetches_the_overlay_alone(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    base = fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish("catalog", overlay_files(base, 6, [gone_row("000001"), row_of("900001", "W")], len(SONGS)))
    server.requests.clear()
    assert await box.look() == [CatalogLoaded(epoch=6, entries=len(SONGS))]
    assert [request for request in server.requests if ".bin" in request] == [
        request for request in server.requests if ".6.bin" in request
    ]
    assert [song for song in ("000001", "000002", "900001") if box.catalog.find(song)] == ["000002", "900001"]
    assert box.restart()[1:] == [CatalogLoaded(epoch=6, entries=len(SONGS))]
    assert [song for song in ("000001", "000002", "900001") if box.catalog.find(song)] == ["000002", "900001"]


async def test_8_7_the_bans_of_a_release_come_with_it_and_stay(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish("catalog", with_bans(catalog_files(5, SONGS), listed_ban()))
    assert (await box.look())[1:] == [CatalogLoaded(epoch=5, entries=len(SONGS), bans=(listed_ban(),))]
    assert box.restart()[1:] == [CatalogLoaded(epoch=5, entries=len(SONGS), bans=(listed_ban(),))]


async def test_8_7_bans_that_are_no_signed_target_take_no_release_into_force(box: Box, fleet: PublishedFleet) -> None:
    files = with_bans(catalog_files(5, SONGS), listed_ban())
    fleet.publish("catalog", {path: data for path, data in files.items() if "bans" not in path})
    assert (await box.look())[1:] == [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]
    assert box.catalog.find("000001") is None


async def test_a_box_that_is_far_behind_fetches_all(box: Box, fleet: PublishedFleet) -> None:
    base = fleet.publish_catalog(5, SONGS)
    first = overlay_files(base, 6, [gone_row("000001")], len(SONGS) - 1)
    fleet.publish("catalog", first)
    fleet.publish("catalog", overlay_files(first, 7, [gone_row("000002")], len(SONGS) - 2))
    assert CatalogLoaded(epoch=7, entries=len(SONGS) - 2) in await box.look()
    assert [song for song in SONGS[:4] if box.catalog.find(song)] == ["000000", "000003"]


async def test_tables_that_are_signed_and_none_are_not_fetched_again_and_again(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    files = catalog_files(5, SONGS)
    manifest = json.loads(files["catalog/manifest.json"])
    manifest["tables"][0]["entries"] -= 1
    fleet.publish("catalog", files | {"catalog/manifest.json": json.dumps(manifest).encode()})
    events = await box.look()
    assert events[1:] == [ContentRejected(what="catalog", epoch=5, code="CATALOG_MALFORMED")]
    server.requests.clear()
    assert await box.look() == []
    assert not any(".bin" in request for request in server.requests)


def place_of(box: Box, data: bytes) -> Path:
    """Where the box fetches this table to."""
    return box.folder / "content" / box.catalog.name_of(a_table("catalog/5.bin", data))


async def test_a_part_that_does_not_fit_is_thrown_away(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    files = fleet.publish_catalog(5, SONGS)

    def unsatisfiable(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        if answer.headers.get("Range") is None:
            return False
        answer.send_error(416)
        return True

    server.misbehave["5.bin"] = unsatisfiable
    place_of(box, files["catalog/5.bin"]).write_bytes(b"of something else")
    await box.look()
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()


async def test_a_part_that_a_power_cut_tore_is_no_reason_to_accuse_anybody(box: Box, fleet: PublishedFleet) -> None:
    files = fleet.publish_catalog(5, SONGS)
    data = files["catalog/5.bin"]
    place_of(box, data).write_bytes(data[:50_000] + bytes(20_000))
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS))


async def test_a_download_goes_on_where_it_was_cut_off(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)
    cuts = [50_000, 40_000]

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
    assert [request.partition(" ")[2] for request in asked] == ["", "bytes=40000-", "bytes=90000-"]


async def test_5_1_over_a_line_that_always_breaks_release_after_release_leaves_no_more_than_one(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fleet.publish("catalog", with_bans(catalog_files(5, SONGS), listed_ban()))
    await box.look()
    in_force = _fetched(box)

    def cut(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer.send_response(200)
        answer.send_header("Content-Length", str(len(data)))
        answer.end_headers()
        answer.wfile.write(data[:-10])
        answer.close_connection = True
        return True

    server.misbehave[".bin"] = cut
    begun = set()
    for epoch in (6, 7, 8):
        fleet.publish("catalog", with_bans(catalog_files(epoch, SONGS), listed_ban()))
        assert await box.look() == []
        (part,) = _fetched(box) - in_force
        begun.add(part)
    assert len(begun) == 3
    assert box.restart()[1:] == [CatalogLoaded(epoch=5, entries=len(SONGS), bans=(listed_ban(),))]
    server.misbehave.clear()
    server.requests.clear()
    assert await box.look() == [CatalogLoaded(epoch=8, entries=len(SONGS), bans=(listed_ban(),))]
    (asked,) = [request for request in server.requests if ".8.bin" in request]
    assert "bytes=" in asked  # what a restart has left of it is gone on with


def _fetched(box: Box) -> set[str]:
    return {path.name for path in (box.folder / "content").iterdir() if path.name.startswith(("table-", "bans-"))}


async def test_expired_metadata_brings_nothing_new_and_takes_nothing_away(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    box.proven_ms = int((datetime.now(UTC) + timedelta(days=30)).timestamp() * 1000)
    assert await box.look() == []
    assert box.catalog.find("000001") is not None
    assert len(box.restart()) == 2


async def test_a_fleet_that_is_down_changes_nothing(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    await box.look()
    server.misbehave["timestamp.json"] = hang_up
    fleet.publish_catalog(5, SONGS)
    assert await box.look() == []


async def test_8_3_a_page_that_was_changed_on_disk_lists_nothing_and_is_fetched_again(
    box: Box, fleet: PublishedFleet
) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    (path,) = (box.folder / "content").glob("table-*")
    raw = bytearray(path.read_bytes())
    raw[100_000] ^= 1
    path.write_bytes(raw)
    box.restart()
    found = [song for song in SONGS if box.catalog.find(song) is not None]
    assert len(found) < len(SONGS)
    assert box.catalog.is_damaged()
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert all(box.catalog.find(song) is not None for song in SONGS)


@pytest.mark.parametrize("name", ["catalog.json", "table-*"])
async def test_a_catalog_that_cannot_be_opened_is_fetched_again(box: Box, fleet: PublishedFleet, name: str) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    (path,) = (box.folder / "content").glob(name)
    path.write_bytes(b"x" + path.read_bytes()[2:])
    code = "CONTENT_UNAUTHENTIC" if name == "catalog.json" else "CATALOG_MALFORMED"
    assert box.restart()[1:] == [ContentRejected(what="catalog", epoch=0, code=code)]
    assert box.catalog.find("000001") is None
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert box.catalog.find("000001") is not None


async def test_8_6_what_another_board_wrote_is_not_used_and_fetched_again(box: Box, fleet: PublishedFleet) -> None:
    """A card from another box, or one that its owner wrote: genuine to the eye, and not ours."""
    fleet.publish_catalog(5, SONGS)
    loaded = await box.look()
    box.secret = BoardSecret(b"another board")
    assert box.restart() == [
        ContentRejected(what="policy", epoch=0, code="CONTENT_UNAUTHENTIC"),
        ContentRejected(what="catalog", epoch=0, code="CONTENT_UNAUTHENTIC"),
    ]
    assert box.catalog.find("000001") is None
    assert await box.look() == loaded
    assert box.restart() == loaded


@pytest.mark.parametrize("name", ["policy.json", "catalog.json"])
async def test_8_6_neither_file_passes_for_the_other_nor_edited(box: Box, fleet: PublishedFleet, name: str) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    place = box.folder / "content" / name
    raw, other = place.read_bytes(), "catalog.json" if name == "policy.json" else "policy.json"
    for edited in (raw[:-1], raw.replace(b'"v":1', b'"v":1 '), (place.parent / other).read_bytes(), b""):
        place.write_bytes(edited)
        codes = [event.code for event in box.restart() if isinstance(event, ContentRejected)]
        assert codes == ["CONTENT_UNAUTHENTIC"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoilt", [None, b"", b"{}"])
async def test_8_6_of_two_copies_of_the_policy_one_is_enough_and_makes_the_other(
    box: Box, fleet: PublishedFleet, server: TufServer, name: str, spoilt: bytes | None
) -> None:
    policy, *_ = await box.look()
    place = box.folder / "content" / name
    written = place.read_bytes()
    place.unlink() if spoilt is None else place.write_bytes(spoilt)
    *said, loaded = box.restart()
    assert loaded == policy
    assert said == ([] if spoilt is None else [ContentRejected(what="policy", epoch=0, code="CONTENT_UNAUTHENTIC")])
    server.misbehave["timestamp.json"] = hang_up
    assert await box.look() == []
    assert place.read_bytes() == written


async def test_8_6_a_policy_of_which_no_copy_is_left_is_fetched_again(box: Box, fleet: PublishedFleet) -> None:
    loaded = await box.look()
    for name in NAMES:
        (box.folder / "content" / name).unlink()
    assert box.restart() == []
    assert await box.look() == loaded
    assert box.restart() == loaded


async def test_8_6_of_two_policies_the_newer_is_used(box: Box, fleet: PublishedFleet) -> None:
    old, newer = policy(epoch=3).encode(), policy(epoch=4).encode()
    for first, second in ((old, newer), (newer, old)):
        for name, raw in zip(NAMES, (first, second), strict=True):
            written = card_mac.authenticate(box.secret.read(), b"policy", raw)
            (box.folder / "content" / name).write_bytes(written)
        assert box.restart() == [PolicyLoaded(raw=newer)]


async def test_8_6_a_card_that_takes_no_second_copy_keeps_no_look_away(
    box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.look()
    (box.folder / "content" / NAMES[1]).unlink()
    box.restart()
    fleet.publish_catalog(5, SONGS)
    with monkeypatch.context() as sick:
        sick.setattr(PolicyStore, "save", _no_room)
        assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    await box.look()
    assert (box.folder / "content" / NAMES[1]).exists()


async def test_a_bundle_comes_whole(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image" * 10_000)
    assert await box.bundle("1.1.0") == b"image" * 10_000


async def test_bundles_that_are_not_for_this_box(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image", compatible="other")
    assert await box.refused("1.1.0") == "UPDATE_INCOMPATIBLE"
    assert await box.refused("1.2.0") == "UPDATE_UNTRUSTED"
    fleet.publish_bundle("1.3.0", b"image", security_epoch=1)
    assert await box.refused("1.3.0", security_epoch=2) == "UPDATE_DOWNGRADE"


async def test_a_full_disk_is_said_as_such_and_heals(
    box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times: no room for the table, then room again."""
    for epoch in (5, 6, 7):
        fleet.publish_catalog(epoch, SONGS)
        with monkeypatch.context() as full:
            full.setattr("device.services.fleet_files.os.fsync", _no_room)
            assert not any(isinstance(event, CatalogLoaded) for event in await box.look())
            assert box.content.fault == "DISK_FULL"
        assert CatalogLoaded(epoch=epoch, entries=len(SONGS)) in await box.look()
        assert box.content.fault == ""


async def test_a_fleet_that_is_away_is_a_fault_until_it_answers(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.publish_catalog(5, SONGS)
    for _ in range(3):
        with monkeypatch.context() as away:
            away.setattr("device.services.fleet_files._Line", _nobody)
            assert await box.look() == []
            assert box.content.fault == "CONTENT_UNREACHABLE"
        await box.look()
        assert box.content.fault == ""


def hang_up(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
    answer.close_connection = True
    return True


def _no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _nobody(*_: object, **__: object) -> None:
    raise ConnectionRefusedError
