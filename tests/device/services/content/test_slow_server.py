"""However slowly a fleet server gives one file, policy, bans and catalog of the next look come (SPEC 5.5)."""

import asyncio
import os
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest
from tuf.api.exceptions import DownloadHTTPError

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.services.fleet_files import SOCKET_FOR_S, TRIES_COUNT, FleetFiles
from tests.device.protocol.builders import listed_ban
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet, catalog_files, with_bans

IMAGE = os.urandom(100_000)


class Hold:
    """A server that begins an answer and gives no more of it until the box ends the connection."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def __call__(self, answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer.close_connection = True
        answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data[: len(data) // 2])
        self.begun.release()
        with suppress(OSError):
            answer.rfile.read(1)
        self.ended.release()
        return True

    async def until_begun(self) -> None:
        await asyncio.to_thread(self.begun.acquire)

    async def until_ended(self) -> None:
        await asyncio.to_thread(self.ended.acquire)


async def _end(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_5_5_while_an_image_comes_so_do_policy_bans_and_catalog(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fleet.publish_bundle("1.1.0", IMAGE)
    server.misbehave["image"] = hold = Hold()
    fetching = asyncio.create_task(box.bundle("1.1.0"))
    await hold.until_begun()
    fleet.publish("catalog", with_bans(catalog_files(5, SONGS), listed_ban()))
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS), bans=(listed_ban(),))
    assert not fetching.done()
    await _end(fetching)


async def test_5_5_an_image_that_is_not_wanted_any_more_is_given_up_at_once(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fleet.publish_bundle("1.1.0", IMAGE)
    server.misbehave["image"] = hold = Hold()
    fetching = asyncio.create_task(box.bundle("1.1.0"))
    await hold.until_begun()
    await _end(fetching)
    await asyncio.wait_for(hold.until_ended(), SOCKET_FOR_S - 2)  # by itself it ends later
    server.misbehave.clear()
    assert await box.bundle("1.1.0") == IMAGE


async def test_5_5_while_a_table_comes_the_policy_is_in_force_and_a_newer_catalog_overtakes_it(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fleet.publish_catalog(5, SONGS)
    server.misbehave["5.bin"] = hold = Hold()
    (policy,) = await box.content.look()
    assert isinstance(policy, PolicyLoaded)
    fetching = asyncio.create_task(box.content.fetch_catalog())
    await hold.until_begun()
    assert await box.content.look() == []  # nothing newer: it goes on
    assert not fetching.done()
    fleet.publish_catalog(6, SONGS)
    newer = await asyncio.wait_for(box.look(), SOCKET_FOR_S - 2)  # by itself the older one ends later
    assert newer == [CatalogLoaded(epoch=6, entries=len(SONGS))]
    assert await fetching == []
    assert box.content.fault == ""


async def test_5_5_a_catalog_of_files_that_are_here_needs_no_fetching(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fleet.publish_catalog(5, SONGS)
    (place,) = [path for path in (fleet.data / "tuf").rglob("*.5.bin")]
    table = place.read_bytes()
    (box.folder / "content" / f"table-{place.name.partition('.')[0]}.bin").write_bytes(table)
    _, catalog = await box.content.look()
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS))
    assert not box.content.catalog_wanted.is_set()


async def test_5_5_a_connection_is_left_after_its_time_and_the_file_goes_on_over_the_next(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.services.fleet_files.CONNECTION_FOR_S", 10)
    fleet.publish_bundle("1.1.0", IMAGE)

    def as_ever(_answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        box.passes_ms = 11_000  # from here on: one piece of a file is all that a connection has time for
        return False

    server.misbehave["image"] = as_ever
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    assert await box.bundle("1.1.0") == IMAGE
    asked = [request.partition("bytes=")[2] for request in server.requests if ".image" in request]
    assert len(asked) > TRIES_COUNT
    assert all(asked[1:])
    assert synced[-1] == len(IMAGE)  # its time was over with the last piece
    assert synced[-len(asked) : -1] == [int(begin[:-1]) for begin in asked[1:]]


async def test_5_5_what_begins_anew_with_every_connection_is_not_fetched_for_ever(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.services.fleet_files.CONNECTION_FOR_S", 10)
    fleet.publish_bundle("1.1.0", IMAGE)
    given = [8_000, 14_000, 12_000, 13_000, 12_500, *[1_000] * 10]  # each in one piece

    def from_the_beginning(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        box.passes_ms = 11_000
        answer.send_response(200)
        answer.send_header("Content-Length", str(len(data)))
        answer.end_headers()
        answer.wfile.write(data[: given.pop(0)])
        answer.close_connection = True
        return True

    server.misbehave["image"] = from_the_beginning
    assert await box.refused("1.1.0") == "CONTENT_UNREACHABLE"
    assert given == [1_000] * 10
    server.misbehave.clear()
    box.passes_ms = 0
    assert await box.bundle("1.1.0") == IMAGE


async def test_5_5_a_look_ends_in_its_time_however_slow_its_documents_are(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.publish_catalog(5, SONGS)
    server.misbehave["timestamp.json"] = Hold()
    with monkeypatch.context() as short:
        short.setattr("device.services.fleet_files.LOOK_FOR_S", 0.3)
        assert await box.look() == []
    assert box.content.fault == "CONTENT_UNREACHABLE"
    server.misbehave.clear()
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "targets.json", "catalog.json"])
async def test_5_5_metadata_that_is_cut_off_is_rejected_by_nobody(
    box: Box, fleet: PublishedFleet, server: TufServer, name: str
) -> None:
    fleet.publish_catalog(5, SONGS)

    def cut(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer.close_connection = True
        answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data[: len(data) // 2])
        return True

    server.misbehave[name] = cut
    assert [event for event in await box.look() if isinstance(event, ContentRejected)] == []
    assert box.content.fault == "CONTENT_UNREACHABLE"


async def test_at_the_end_everything_is_given_up(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_bundle("1.1.0", IMAGE)
    fleet.publish_catalog(5, SONGS)
    server.misbehave["image"] = image = Hold()
    server.misbehave["5.bin"] = table = Hold()
    await box.content.look()
    tasks = asyncio.create_task(box.refused("1.1.0")), asyncio.create_task(box.content.fetch_catalog())
    await image.until_begun()
    await table.until_begun()
    box.content.close()
    assert await asyncio.gather(*tasks) == ["CONTENT_UNREACHABLE", []]
    assert await box.look() == []


async def test_5_1_a_look_that_was_given_up_for_want_of_room_is_not_the_last(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of an image breaks on a full card, just as a manifest comes: what is under way goes."""
    fleet.publish_bundle("1.1.0", IMAGE)
    fleet.publish("catalog", catalog_files(5, SONGS))
    server.misbehave["image"] = image = Hold()
    fetching = asyncio.create_task(box.bundle("1.1.0"))
    await image.until_begun()
    server.misbehave["manifest.json"] = manifest = Hold()
    looking = asyncio.create_task(box.look())
    await manifest.until_begun()
    with monkeypatch.context() as full:
        full.setattr(os, "statvfs", lambda _path: os.statvfs_result((1, 1, 0, 1_000, 1_000, 0, 0, 0, 0, 0)))
        await _end(fetching)
        await manifest.until_ended()
        assert CatalogLoaded not in [type(event) for event in await looking]
    server.misbehave.clear()
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()
    assert box.content.fault == ""


def test_the_socket_of_an_answer_that_was_not_taken_is_not_left_to_the_collector(server: TufServer) -> None:
    files = FleetFiles(server.url, server.ca, lambda: 0)
    with pytest.raises(DownloadHTTPError, match="404") as said:
        files.download_bytes(f"{files.metadata_url}9.root.json", 1024)
    assert files._line is not None
    assert files._line._stream is not None
    assert files._line._stream.fileno() == -1, f"whoever keeps {said.value!r} keeps no socket"
