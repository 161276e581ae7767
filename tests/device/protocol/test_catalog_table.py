"""SPEC 8.2, 8.3: a table against a dict."""

import hashlib
import struct
from binascii import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.protocol import catalog_table
from device.protocol.catalog import SongRecord, row_of
from device.protocol.catalog_table import Layout, Table, build, page_hashes, read_scopes, read_table
from device.protocol.errors import MalformedError


def row(name: str, duration_s: int = 240) -> bytes:
    return row_of(name, f"work of {name}", file=hashlib.sha256(name.encode()).hexdigest(), duration_s=duration_s)


def sealed(body: bytes) -> bytes:
    """A table as its author would sign it, whatever it says."""
    return body + page_hashes(body)


def test_8_2_the_layout_to_the_byte() -> None:
    scopes = ((), ("110000", "310000"), ("440000",))
    data = build(0x0102, [row("A"), row_of("B", "W")], scopes)
    crcs = {name: crc32(name.encode()) for name in ("A", "B")}
    rows = [row("A"), row_of("B", "W")]
    order = sorted(crcs, key=crcs.__getitem__)
    if order == ["B", "A"]:
        rows.reverse()
    header = b"FBCATLG1" + bytes.fromhex("00000002 00000040 0000000000000102 00000004 00000001 00000014") + bytes(28)
    songs, files = [0] * 16, [0] * 16
    assert crcs["A"] >> 28 != crcs["B"] >> 28
    for number, name in enumerate(order):
        songs[crcs[name] >> 28] = number << 12 | 1 << 8 | 1 << (crcs[name] & 7)
    file = hashlib.sha256(b"A").digest()
    files[file[0] >> 4] = 1 << 8 | 1 << (file[3] & 7)
    body = header + struct.pack("<32I", *songs, *files) + b"".join(rows)
    body += struct.pack("<I", rows.index(row("A"))) + b"110000,310000;440000"
    assert data == sealed(body)
    assert read_scopes(b"110000,310000;440000") == scopes
    assert read_scopes(b"") == ((),)


@settings(max_examples=60)
@given(st.dictionaries(st.text("abc019_-", min_size=1, max_size=20), st.integers(0, 65_535), max_size=80))
def test_8_2_every_song_is_found_and_no_other(durations: dict[str, int]) -> None:
    rows = {name: row(name, duration_s) for name, duration_s in durations.items()}
    table = read_table(build(3, rows.values()))
    assert (table.layout.entries, table.layout.epoch) == (len(rows), 3)
    assert {name: table.find(name) for name in rows} == rows
    strangers = ["zz", "a" * 21, "no-song", "", "歌", *(name + "x" for name in rows), *(name[:-1] for name in rows)]
    assert [name for name in strangers if name not in rows and table.find(name) is not None] == []
    assert {name: table.find_by_file(hashlib.sha256(name.encode()).digest()[:16]) for name in rows} == rows
    assert sorted(table.rows()) == sorted(rows.values())


def test_8_2_a_bucket_of_many_is_searched_to_its_end() -> None:
    """Sixteen buckets for fifteen songs of one: names whose CRC-32 begin alike."""
    alike = [name for name in (f"S{number}" for number in range(600)) if crc32(name.encode()) < 1 << 28]
    table = read_table(build(1, [row(name) for name in alike[:15]]))
    assert all(table.find(name) == row(name) for name in alike[:15])
    assert table.find(alike[15]) is None


def test_8_2_a_row_across_two_pages_is_found() -> None:
    songs = [f"S{number}" for number in range(500)]
    data = build(1, map(row, songs))
    whole = read_table(data)
    asked: list[int] = []
    layout = Layout(data[:64], len(data))
    words = struct.unpack(f"<{layout.scopes_at // 4}I", data[: layout.scopes_at])

    def check(page: int) -> bool:
        asked.append(page)
        return True

    table = Table(layout, data, words, bytes(layout.pages), check)
    assert all(table.find(song) == whole.find(song) for song in songs)
    assert set(asked) == set(range(layout.file_rows_at // 4096 + 1))


def test_8_3_what_stands_on_a_page_that_is_not_sound_is_not_found() -> None:
    songs = [f"S{number}" for number in range(500)]
    data = build(1, map(row, songs))
    layout = Layout(data[:64], len(data))
    words = struct.unpack(f"<{layout.scopes_at // 4}I", data[: layout.scopes_at])
    for bad in range(layout.pages):
        sound = bytes(page != bad for page in range(layout.pages))
        table = Table(layout, data, words, sound, lambda _page: False)
        found = [song for song in songs if table.find(song) is not None]
        by_file = [song for song in songs if table.find_by_file(hashlib.sha256(song.encode()).digest()[:16])]
        assert len(found) < 500 or bad > layout.file_rows_at // 4096 - 1
        assert len(by_file) < 500 or bad < layout.file_index_at // 4096


@pytest.mark.parametrize("word", [0xFFFFFFFF, 1 << 12 | 15 << 8 | 255, 1 << 12 | 1 << 8 | 255, 0xFFFFF << 12 | 255])
def test_8_2_an_index_that_leads_out_of_the_rows_finds_nothing(word: int) -> None:
    data = build(1, [row("A")])
    layout = Layout(data[:64], len(data))
    spoiled = data[:64] + struct.pack("<32I", *(32 * [word])) + data[64 + 128 : layout.pages_at]
    table = read_table(sealed(spoiled))
    assert table.find("A") is None
    assert table.find_by_file(hashlib.sha256(b"A").digest()[:16]) is None


def test_8_2_a_file_word_that_leads_out_of_the_rows_finds_nothing() -> None:
    data = build(1, [row("A")])
    layout = Layout(data[:64], len(data))
    spoiled = data[: layout.file_rows_at] + struct.pack("<I", 1) + data[layout.scopes_at : layout.pages_at]
    assert read_table(sealed(spoiled)).find_by_file(hashlib.sha256(b"A").digest()[:16]) is None


def test_8_2_of_songs_with_one_file_the_first_is_found() -> None:
    both = [row_of(name, "W", file="ab" * 32) for name in ("A", "B")]
    table = read_table(build(1, both))
    found = table.find_by_file(b"\xab" * 16)
    assert found is not None
    assert SongRecord(found).song in ("A", "B")
    assert table.find_by_file(b"\xab" * 15 + b"\xac") is None
    assert table.layout.files == 1


def test_8_2_two_rows_of_one_song_are_refused() -> None:
    with pytest.raises(MalformedError, match="CATALOG_DUPLICATE"):
        build(1, [row("A"), row("B"), row("A", 1)])


def test_8_2_a_table_holds_so_many_songs_and_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CATALOG_ENTRIES_MAX", "SCOPES_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(catalog_table, name, 1)
            assert build(1, [row("A")])
            with pytest.raises(MalformedError, match="CATALOG_TOO_LARGE"):
                build(1, [row("A"), row("B")], ((), ("110000",)))


def test_8_2_a_bucket_holds_so_many_songs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_table, "_TAKEN_MAX", 1)
    with pytest.raises(MalformedError, match="CATALOG_TOO_LARGE"):
        build(1, [row(f"S{number}") for number in range(17)])


def test_8_2_a_table_grows_its_index_with_its_songs() -> None:
    for count, bits in ((0, 4), (16, 4), (17, 5), (1000, 10)):
        data = build(1, [row(str(number)) for number in range(count)])
        assert Layout(data[:64], len(data)).bits == bits


def test_8_2_a_damaged_header_is_told() -> None:
    data = build(1, [row("A")])
    for damaged in (
        data[:63],
        b"X" + data[1:],
        data + b"\x00",
        data[:-1],
        data[:15] + b"\x41" + data[16:],
        data[:27] + b"\x03" + data[28:],
        data[:27] + b"\x15" + data[28:],
        data[:31] + b"\x02" + data[32:],
    ):
        with pytest.raises(MalformedError, match="CATALOG_MALFORMED"):
            Layout(damaged[:64], len(damaged))


@pytest.mark.parametrize("scopes", [b"\xff", b"110000;", b"110000,", b"11000", ("110000," * 64 + "110000").encode()])
def test_8_2_damaged_scopes_are_told(scopes: bytes) -> None:
    with pytest.raises(MalformedError, match="CATALOG_MALFORMED"):
        read_scopes(scopes)


def test_8_2_more_scopes_than_there_may_be_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_table, "SCOPES_MAX", 2)
    assert read_scopes(b"110000") == ((), ("110000",))
    with pytest.raises(MalformedError, match="CATALOG_MALFORMED"):
        read_scopes(b"110000;310000")


def test_8_3_a_table_in_memory_is_checked_whole() -> None:
    data = build(1, [row(str(number)) for number in range(100)])
    for at in range(0, len(data), 997):
        spoiled = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(MalformedError, match="CATALOG_MALFORMED"):
            read_table(spoiled)


def test_8_3_pages_are_hashed_one_by_one() -> None:
    body = bytes(5_000)
    assert page_hashes(body) == hashlib.sha256(bytes(4096)).digest() + hashlib.sha256(bytes(904)).digest()
    assert page_hashes(b"") == b""
