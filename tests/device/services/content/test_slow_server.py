"""However slowly a fleet server gives one file, policy, bans and catalog of the next look come (SPEC 5.5)."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue

import pytest
from tuf.api.exceptions import DownloadHTTPError

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.services.fleet_files import LOOK_FOR_S, SOCKET_FOR_S, TRIES_COUNT, FleetFiles
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


class Watches:
    """In the place of `threading.Timer`: what is watched ends by the clock of the box, which a server lets go on."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._changed = threading.Condition()
        self.active: Watch | None = None

    def timer(self, for_s: float, end: Callable[[], None]) -> "Watch":
        return Watch(self, self._box.passed_ms + 1000 * for_s, end)

    def watch(self, active: "Watch | None") -> None:
        with self._changed:
            self.active = active
            self._changed.notify_all()

    def wait_for_another_than(self, watch: "Watch | None") -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.active not in (None, watch))

    def ended_after(self, passed_s: int) -> int:
        """How many connections have had their time when so much has passed."""
        self._box.passed_ms += 1000 * passed_s
        watch = self.active
        if watch is None or self._box.passed_ms < watch.due_ms:
            return 0
        watch.end()
        return 1

    def each_passes(self, server: TufServer, suffix: str, passed_s: int) -> None:
        """Until a file of this name is answered."""

        def answer_later(_answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
            self._box.passed_ms += 1000 * passed_s
            return False

        server.misbehave[suffix] = answer_later


class Watch:
    """One of them."""

    def __init__(self, watches: Watches, due_ms: float, end: Callable[[], None]) -> None:
        self._watches = watches
        self.due_ms = due_ms
        self.end = end

    def start(self) -> None:
        self._watches.watch(self)

    def cancel(self) -> None:
        self._watches.watch(None)


@pytest.fixture
def watches(box: Box, monkeypatch: pytest.MonkeyPatch) -> Watches:
    found = Watches(box)
    monkeypatch.setattr(threading, "Timer", found.timer)
    return found


async def _image_under_way(box: Box, fleet: PublishedFleet, server: TufServer) -> "tuple[asyncio.Task[bytes], Hold]":
    fleet.publish_bundle("1.1.0", IMAGE)
    server.misbehave["image"] = hold = Hold()
    fetching = asyncio.create_task(box.bundle("1.1.0"))
    await hold.until_begun()
    return fetching, hold


async def _end(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_5_5_while_an_image_comes_so_do_policy_bans_and_catalog(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fetching, _ = await _image_under_way(box, fleet, server)
    fleet.publish("catalog", with_bans(catalog_files(5, SONGS), listed_ban()))
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS), bans=(listed_ban(),))
    assert not fetching.done()
    await _end(fetching)


async def test_5_5_an_image_that_is_not_wanted_any_more_is_given_up_at_once(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    fetching, hold = await _image_under_way(box, fleet, server)
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


@pytest.mark.parametrize(("passed_s", "came"), [(LOOK_FOR_S, True), (LOOK_FOR_S + 1, False)])
async def test_5_5_what_comes_behind_the_time_of_a_look_is_late(
    box: Box, fleet: PublishedFleet, server: TufServer, watches: Watches, passed_s: int, came: bool
) -> None:
    """However soon each of its documents came when it was asked for."""
    fleet.publish_catalog(5, SONGS)
    watches.each_passes(server, "timestamp.json", passed_s - 1)
    watches.each_passes(server, "manifest.json", 1)
    policy, *catalog = await box.content.look()
    assert isinstance(policy, PolicyLoaded)
    assert (box.content.catalog_wanted.is_set(), box.content.fault) == (came, "" if came else "CONTENT_UNREACHABLE")
    server.misbehave.clear()
    assert catalog + await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]


@pytest.mark.parametrize("is_head_here", [False, True])
@pytest.mark.parametrize(("waits_s", "ended"), [(9, 0), (10, 1)])
async def test_5_5_a_server_that_says_nothing_is_waited_for_as_long_as_the_look_has_time(
    box: Box, fleet: PublishedFleet, server: TufServer, watches: Watches, is_head_here: bool, waits_s: int, ended: int
) -> None:
    """With no byte there is nothing at which the box would look at its clock."""
    fleet.publish_catalog(5, SONGS)
    watches.each_passes(server, "timestamp.json", LOOK_FOR_S - 10)
    seen: SimpleQueue[int] = SimpleQueue()

    def silent(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        if is_head_here:
            of_the_head = watches.active
            answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
            watches.wait_for_another_than(of_the_head)
        answer.close_connection = True
        seen.put(watches.ended_after(waits_s))
        return True

    server.misbehave["snapshot.json"] = silent
    assert await box.look() == []
    assert box.content.fault == "CONTENT_UNREACHABLE"
    assert await asyncio.to_thread(seen.get) == ended


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


async def test_5_5_a_document_that_comes_over_ever_more_connections_is_late_with_its_look(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.services.fleet_files.CONNECTION_FOR_S", 10)
    connections = 0

    def a_little(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        nonlocal connections
        connections += 1
        box.passes_ms = 11_000  # a piece, and the connection has had its time
        begin = int(answer.headers.get("Range", "bytes=0-")[6:-1])
        answer.send_response(206 if begin else 200)
        answer.send_header("Content-Length", str(len(data) - begin))
        answer.end_headers()
        answer.wfile.write(data[begin : begin + 10])
        answer.close_connection = True
        return True

    server.misbehave["authority.json"] = a_little
    assert await box.look() == []
    assert box.content.fault == "CONTENT_UNREACHABLE"
    assert TRIES_COUNT < connections <= LOOK_FOR_S // 11
    server.misbehave.clear()
    box.passes_ms = 0
    assert PolicyLoaded in [type(event) for event in await box.look()]


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
    fleet.publish("catalog", catalog_files(5, SONGS))
    fetching, _ = await _image_under_way(box, fleet, server)
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
