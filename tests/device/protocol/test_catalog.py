"""SPEC 8: the catalog file against a dict."""

import hashlib
import mmap
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.protocol import catalog
from device.protocol.catalog import (
    ADVERT,
    FILLER,
    HEADER_BYTES,
    KEY_BYTES,
    KEYS_AT,
    NO_FILE,
    PAGE_BYTES,
    RECORD_BYTES,
    TEST,
    CatalogManifest,
    SongRecord,
    build,
    file_key,
    find,
    pages_of,
    read_header,
    text_key,
)
from device.protocol.errors import MalformedError
from tests.device.protocol.builders import catalog_manifest, content_file


def song(name: str, duration_s: int = 240, flags: int = 0) -> SongRecord:
    return SongRecord(
        name, text_key(f"work of {name}"), file_key(hashlib.sha256(name.encode()).hexdigest()), duration_s, flags
    )


def same(found: SongRecord | None, wanted: SongRecord) -> bool:
    return found is not None and found.song == wanted.song and found.encode() == wanted.encode()


def put_keys(keys: list[bytes]) -> bytes:
    """A catalog file of keys that no song has: to place a match where chance would take years."""
    buckets = [struct.unpack(">H", key[:2])[0] for key in keys]
    bounds = [len([bucket for bucket in buckets if bucket < limit]) for limit in range(65_537)]
    records = b"".join(struct.pack(">16s16sHH4x", key, NO_FILE, at, 0) for at, key in enumerate(keys))
    header = b"FBCATLG1" + struct.pack(">IIQ8x", len(keys), 40, 5)
    return header + struct.pack(">65537I", *bounds) + b"".join(keys) + records


@settings(max_examples=25)  # each builds an index of 65,537 bounds
@given(st.dictionaries(st.text("abc019_-", min_size=1, max_size=6), st.integers(0, 65_535), max_size=40))
def test_8_2_every_song_is_found_and_no_other(durations: dict[str, int]) -> None:
    songs = [song(name, duration_s) for name, duration_s in durations.items()]
    data = build(3, songs)
    assert read_header(data) == (len(songs), 3)
    assert all(same(find(data, len(songs), wanted.song), wanted) for wanted in songs)
    assert [name for name in ("zz", "a" * 20, "no-song") if find(data, len(songs), name)] == []


def test_8_2_a_record_holds_what_it_was_given() -> None:
    data = build(1, [song("A", 65_535, FILLER | ADVERT | TEST), SongRecord("B", text_key("W"), NO_FILE, 0, 0)])
    first, second = find(data, 2, "A"), find(data, 2, "B")
    assert first is not None
    assert second is not None
    assert (first.flags, first.duration_s, first.work_key) == (7, 65_535, text_key("work of A"))
    assert (second.file_key, second.work_key) == (NO_FILE, hashlib.sha256(b"W").digest()[:16])


def test_8_2_the_layout_to_the_byte() -> None:
    data = build(0x0102, [song("A")])
    key = hashlib.sha256(b"A").digest()[:16]
    bucket = struct.unpack(">H", key[:2])[0]
    assert data[:32] == b"FBCATLG1" + bytes.fromhex("00000001 00000028 0000000000000102 0000000000000000")
    bounds = struct.unpack(">65537I", data[HEADER_BYTES:KEYS_AT])
    assert bounds == (0,) * (bucket + 1) + (1,) * (65_536 - bucket)
    assert data[KEYS_AT:] == key + song("A").encode()
    assert len(song("A").encode()) == RECORD_BYTES


def test_8_2_a_match_that_straddles_two_keys_is_none() -> None:
    """The wanted key stands across two neighbours of its bucket, and then once more in its own place."""
    wanted = text_key("A")
    lead = wanted[:2]
    across = [lead + b"\x00" * 6 + wanted[:8], wanted[8:] + b"\xff" * 8]
    keys = [across[0], lead + across[1][2:], wanted]
    data = put_keys(keys)
    assert find(data, 3, "A") is not None
    without = data[: KEYS_AT + 16] + wanted[8:] + b"\xff" * 8 + b"\xff" * 16 + data[KEYS_AT + 48 :]
    assert without.find(wanted, KEYS_AT) == KEYS_AT + 8
    assert find(without, 3, "A") is None
    beyond = data[: KEYS_AT + 16] + wanted[8:] + b"\xff" * 8 + data[KEYS_AT + 32 :]
    found = find(beyond, 3, "A")
    assert found is not None
    assert found.duration_s == 2


def test_8_2_a_mapped_file_is_searched_as_bytes_are(tmp_path: Path) -> None:
    path = tmp_path / "catalog.bin"
    songs = [song(str(number)) for number in range(200)]
    path.write_bytes(build(1, songs))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert read_header(data) == (200, 1)
        assert all(same(find(data, 200, wanted.song), wanted) for wanted in songs)
        assert find(data, 200, "none") is None


def test_8_2_damaged_bounds_lead_nowhere() -> None:
    data = build(1, [song("A")])
    bucket_at = HEADER_BYTES + 4 * struct.unpack(">H", text_key("A")[:2])[0]
    for bounds in ((0, 0xFFFFFFFF), (1, 0), (0, 2)):
        damaged = data[:bucket_at] + struct.pack(">II", *bounds) + data[bucket_at + 8 :]
        assert find(damaged, 1, "A") is None


def test_8_2_two_songs_of_one_id_are_refused() -> None:
    with pytest.raises(MalformedError, match="CATALOG_DUPLICATE"):
        build(1, [song("A"), song("B"), song("A", 1)])


def test_8_2_a_catalog_holds_so_many_songs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "CATALOG_ENTRIES_MAX", 1)
    assert build(1, [song("A")])
    with pytest.raises(MalformedError, match="CATALOG_TOO_LARGE"):
        build(1, [song("A"), song("B")])


@pytest.mark.parametrize("cut", [0, 8, KEYS_AT - 1, -1])
def test_8_2_a_damaged_header_is_told(cut: int) -> None:
    data = build(1, [song("A")])
    for damaged in (data[:cut], b"X" + data[1:], data + b"\x00", data[:15] + b"\x29" + data[16:]):
        with pytest.raises(MalformedError, match="CATALOG_MALFORMED"):
            read_header(damaged)


def test_8_3_pages_are_hashed_one_by_one() -> None:
    data = build(1, [song("A")])
    pages = pages_of(data)
    assert len(pages) == 32 * -(-len(data) // PAGE_BYTES)
    assert pages[:32] == hashlib.sha256(data[:4096]).digest()
    assert pages[-32:] == hashlib.sha256(data[len(data) // 4096 * 4096 :]).digest()
    assert pages_of(b"") == b""
    assert KEY_BYTES == 16


def test_8_1_a_manifest_is_read_as_it_was_written() -> None:
    assert CatalogManifest.decode(catalog_manifest().encode()) == catalog_manifest()
    with pytest.raises(MalformedError):
        catalog_manifest().replace(catalog=content_file("../12.bin")).encode()
