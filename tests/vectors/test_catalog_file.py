"""The golden catalogs through the box's own file: mapped, checked page by page."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from device.drivers.catalog_file import CatalogFile
from device.protocol.catalog import CatalogManifest, ContentFile, pages_of
from device.protocol.errors import MalformedError
from tests.device.protocol.builders import NOW_MS
from tests.vectors import outcomes

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "catalogs.json").read_text())
FOUR_SONGS = VECTORS[0]


def opened(folder: Path, data: bytes, entries: int, epoch: int) -> CatalogFile:
    """A catalog as it comes from TUF, switched to."""

    def part(name: str, raw: bytes) -> ContentFile:
        (folder / name).write_bytes(raw)
        return ContentFile(path=f"catalog/{name}", length=len(raw), sha256=hashlib.sha256(raw).hexdigest())

    catalog, pages = part("new.bin", data), part("new.pages", pages_of(data))
    manifest = CatalogManifest(epoch=epoch, issued_at_ms=NOW_MS, entries=entries, catalog=catalog, pages=pages)
    found = CatalogFile(folder)
    found.switch(manifest.encode(), folder / "new.bin", folder / "new.pages")
    return found


def record_of(song: dict[str, Any]) -> str:
    """The record of SPEC 8.2 in hexadecimal."""
    return f"{song['work_key']}{song['file_key']}{song['duration_s']:04x}{song['flags']:04x}" + 8 * "0"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_8_2_a_box_finds_what_is_there(vector: dict[str, Any], tmp_path: Path) -> None:
    data, expected = outcomes.bytes_of(vector), vector["expect"]
    if "code" in expected:
        with pytest.raises(MalformedError, match=expected["code"]):
            opened(tmp_path, data, 4, 12)
        return
    catalog = opened(tmp_path, data, expected["entries"], expected["epoch"])
    found = [catalog.find(song) for song in vector["songs"]]
    records = [song and {"song": song.song, "flags": song.flags, "duration_s": song.duration_s} for song in found]
    assert records == [
        song and {name: song[name] for name in ("song", "flags", "duration_s")} for song in expected["songs"]
    ]
    assert not catalog.is_damaged()


def test_8_3_a_page_that_rots_lists_no_song(tmp_path: Path) -> None:
    """Whatever stands in it: bounds of buckets, keys or records."""
    data = outcomes.bytes_of(FOUR_SONGS)
    for at in range(4096, len(data), 4096):
        rotten = data[:at] + b"\xff" * min(4096, len(data) - at) + data[at + 4096 :]
        catalog = opened(tmp_path, data, 4, 12)
        (tmp_path / "catalog-12.bin").write_bytes(rotten)
        assert catalog.load() is not None
        found = [catalog.find(song) for song in FOUR_SONGS["songs"]]
        assert catalog.is_damaged() or all(found[:4])
        assert not any(found[4:])
