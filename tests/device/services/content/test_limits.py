"""What a server, a disk or a clock may do to the content of a box without holding it for ever."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest
from tuf.ngclient import FetcherInterface

from device.core.events import CatalogLoaded
from device.protocol.errors import RejectedError
from device.services.fleet_files import FleetFiles
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet

LOADED = CatalogLoaded(epoch=5, entries=len(SONGS))


def _until_it_ends(answer: BaseHTTPRequestHandler, begin: bytes, more: bytes) -> bool:
    """Goes on until the box ends it."""
    answer.close_connection = True
    try:
        answer.wfile.write(begin)
        while True:
            answer.wfile.write(more)
    except OSError:
        return True


def endless_continue(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
    return _until_it_ends(answer, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def endless_trailers(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return _until_it_ends(answer, head + b"%x\r\n%b\r\n0\r\n" % (len(data), data), b"a: b\r\n")


def silent_last_answer(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
    """The connection is given to the answer, and the answer does not end."""
    answer.close_connection = True
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4000\r\n\r\n" + data[:10])
    with suppress(OSError):
        answer.rfile.read(1)
    return True


@pytest.mark.parametrize("misbehave", [endless_continue, endless_trailers, silent_last_answer])
async def test_an_answer_without_an_end_is_ended(
    box: Box,
    fleet: PublishedFleet,
    server: TufServer,
    misbehave: Callable[[BaseHTTPRequestHandler, bytes], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet.publish_catalog(5, SONGS)
    with monkeypatch.context() as short:
        short.setattr("device.services.fleet_files.HEAD_FOR_S", 0.5)
        short.setattr("device.services.fleet_files.GRACE_S", 0)
        short.setattr("device.services.fleet_files.METADATA_BYTES_MAX", 512)
        server.misbehave["timestamp.json"] = misbehave
        assert await box.look() == []
    assert box.content.fault == "CONTENT_UNREACHABLE"
    server.misbehave.clear()
    assert LOADED in await box.look()


@pytest.mark.parametrize(("bytes_asked", "bytes_max"), [(11, 5_000_000), (5_000_000, 11)])
def test_metadata_is_not_read_beyond_either_limit(
    server: TufServer, bytes_asked: int, bytes_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not the TUF library has held the length that it asked for."""
    files = FleetFiles(server.url, server.ca, mono_ms=lambda: 0)
    came = b'{"signed":{}}'
    monkeypatch.setattr(FetcherInterface, "download_bytes", lambda *_: came)
    assert files.download_bytes("timestamp.json", len(came)) == came
    monkeypatch.setattr("device.services.fleet_files.METADATA_BYTES_MAX", bytes_max)
    with pytest.raises(RejectedError) as caught:
        files.download_bytes("timestamp.json", bytes_asked)
    assert caught.value.code == "CONTENT_UNTRUSTED"


async def test_a_file_for_which_there_is_no_room_is_not_begun(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.publish_bundle("1.1.0", bytes(20_000_000))
    with _free(monkeypatch, (64 << 20) + 8_000_000, box):
        assert await box.refused("1.1.0") == "DISK_FULL"
        assert not any("image" in request for request in server.requests)
    assert await box.bundle("1.1.0") == bytes(20_000_000)


async def test_older_parts_make_room_before_anything_else_has_to(
    box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.publish_bundle("1.1.0", bytes(3_000_000))
    await box.bundle("1.1.0")
    fleet.publish_bundle("1.2.0", bytes(3_000_001))
    with _free(monkeypatch, (64 << 20) + 8_000_000, box):
        assert len(await box.bundle("1.2.0")) == 3_000_001
    sizes = [path.stat().st_size for path in (box.folder / "content" / "partial").iterdir()]
    assert sizes == [3_000_001]


async def test_parts_go_as_soon_as_the_journal_needs_their_room(
    box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.publish_bundle("1.1.0", bytes(3_000_000))
    await box.bundle("1.1.0")
    with _free(monkeypatch, (64 << 20) + 1_000_000, box):
        await box.look()
    assert not list((box.folder / "content" / "partial").iterdir())


async def test_no_expiry_is_judged_by_a_clock_that_nobody_has_proven(box: Box, fleet: PublishedFleet) -> None:
    """A battery clock may be ahead, a stolen lease key may say any year: the way for a new key stays open."""
    fleet.publish_catalog(5, SONGS)
    box.proven_ms = None
    assert LOADED in await box.look()
    fleet.publish_catalog(6, SONGS)
    box.proven_ms = 0
    assert CatalogLoaded(epoch=6, entries=len(SONGS)) in await box.look()


@contextmanager
def _free(monkeypatch: pytest.MonkeyPatch, bytes_free: int, box: Box) -> Iterator[None]:
    """A disk of this size, on which nothing lies but what the box has downloaded."""
    real = os.statvfs

    def statvfs(path: object) -> os.statvfs_result:
        used = sum(part.stat().st_size for part in (box.folder / "content" / "partial").glob("*"))
        facts = list(real(str(path)))
        facts[0] = facts[1] = 1
        facts[3] = facts[4] = bytes_free - used
        return os.statvfs_result(facts)

    with monkeypatch.context() as small:
        small.setattr(os, "statvfs", statvfs)
        yield
