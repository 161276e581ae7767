"""A damaged table in force is fetched again, and what is sound of it serves meanwhile (SPEC 8.3)."""

import errno
import os
from hashlib import file_digest
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from pathlib import Path

import pytest

from device.core.events import CatalogLoaded
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet, a_table

LOADED = CatalogLoaded(epoch=5, entries=len(SONGS))


async def _with_damaged_page(box: Box, fleet: PublishedFleet) -> tuple[Path, list[str]]:
    """The table in force after a restart, and the songs that it still lists."""
    fleet.publish_catalog(5, SONGS)
    await box.look()
    (path,) = (box.folder / "content").glob("table-*")
    _turn_bit(path)
    box.restart()
    left = _listed(box)
    assert 0 < len(left) < len(SONGS)
    return path, left


def _turn_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[100_000] ^= 1
    path.write_bytes(raw)


def _listed(box: Box) -> list[str]:
    return [song for song in SONGS if box.catalog.find(song) is not None]


def _put_on_bad_sector(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that is there now cannot be read to its end; one that comes in its place can."""
    number = path.stat().st_ino
    os.link(path, path.with_name("bad-sector"))  # no other file gets its number

    def read(file: BufferedReader, how: str) -> object:
        if os.fstat(file.fileno()).st_ino == number:
            raise OSError(errno.EIO, "a bad sector")
        return file_digest(file, how)

    monkeypatch.setattr("device.services.fleet_files.file_digest", read)


async def test_8_3_sound_pages_list_their_songs_until_the_whole_table_is_here_again(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    _, left = await _with_damaged_page(box, fleet)

    def cut(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer.send_response(200)
        answer.send_header("Content-Length", str(len(data)))
        answer.end_headers()
        answer.wfile.write(data[:50_000])
        answer.close_connection = True
        return True

    server.misbehave["5.bin"] = cut
    assert await box.look() == []
    assert box.restart()[1:] == [LOADED], "the line and the power were cut while it came"
    assert _listed(box) == left
    server.misbehave.clear()
    server.requests.clear()
    assert await box.look() == [LOADED]
    (asked,) = [request for request in server.requests if ".5.bin" in request]
    assert "bytes=" in asked, "what has come of it is gone on with"
    assert _listed(box) == SONGS
    assert not list((box.folder / "content" / "partial").iterdir())
    assert box.restart()[1:] == [LOADED]
    assert _listed(box) == SONGS


async def test_8_3_a_table_on_a_bad_sector_is_fetched_again(
    box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = await _with_damaged_page(box, fleet)
    _put_on_bad_sector(path, monkeypatch)
    assert await box.look() == [LOADED]
    assert _listed(box) == SONGS


async def test_8_3_a_table_that_could_not_be_read_for_a_moment_is_not_fetched_again(
    box: Box, fleet: PublishedFleet, server: TufServer
) -> None:
    path, _ = await _with_damaged_page(box, fleet)
    _turn_bit(path)
    server.requests.clear()
    assert await box.look() == [LOADED]
    assert not [request for request in server.requests if ".5.bin" in request]
    assert _listed(box) == SONGS


async def test_5_1_a_part_on_a_bad_sector_is_fetched_anew(
    box: Box, fleet: PublishedFleet, server: TufServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fleet.publish_catalog(5, SONGS)["catalog/5.bin"]
    part = box.folder / "content" / box.catalog.name_of(a_table("catalog/5.bin", data))
    part.write_bytes(data[:50_000])
    _put_on_bad_sector(part, monkeypatch)
    assert LOADED in await box.look()
    asked = [request for request in server.requests if ".5.bin" in request]
    assert ["bytes=" in request for request in asked] == [True, False]
    assert _listed(box) == SONGS
