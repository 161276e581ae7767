"""SPEC 8.1, 8.2: manifests, and what a row says of a song."""

import hashlib
import struct
from typing import Any

import pytest

from device.protocol import bans, catalog
from device.protocol.catalog import (
    ADVERT,
    CORE,
    FILLER,
    GONE,
    NO_FILE,
    NO_NAME,
    TEST,
    CatalogManifest,
    SongRecord,
    day_of,
    file_key,
    gone_row,
    picture_key,
    row_of,
    work_key,
)
from device.protocol.errors import MalformedError
from tests.device.protocol.builders import ban_list, catalog_manifest, listed_ban, table_file

FILE = hashlib.sha256(b"file").hexdigest()
PICTURE = hashlib.sha256(b"picture").hexdigest()


def test_8_2_a_row_to_the_byte() -> None:
    row = row_of(
        "A_1", "W", file=FILE, picture=PICTURE, duration_s=254, flags=CORE, scope=3, not_before=20_000, not_after=20_001
    )
    assert row == (
        b"A_1".ljust(21, b"\0")
        + hashlib.sha256(b"file").digest()[:16]
        + hashlib.sha256(b"W").digest()[:8]
        + hashlib.sha256(b"picture").digest()[:8]
        + struct.pack(">HHHHHx", 3, 20_000, 20_001, 254, 8)
    )
    assert len(row) == 64


def test_8_2_a_record_says_what_its_row_holds() -> None:
    scopes = ((), ("110000",), ("310000", "320500"))
    fields: dict[str, Any] = {"duration_s": 65_535, "scope": 2, "not_before": 1, "not_after": 65_535}
    record = SongRecord(row_of("A", "W", file=FILE, picture=PICTURE, flags=FILLER | ADVERT | TEST, **fields), scopes)
    assert (record.song, record.flags, record.duration_s) == ("A", 7, 65_535)
    assert (record.file_key, record.work_key, record.picture_key) == (
        file_key(FILE),
        work_key("W"),
        picture_key(PICTURE),
    )
    assert (record.regions, record.not_before, record.not_after) == (("310000", "320500"), 1, 65_535)
    assert record.is_limited


def test_8_2_what_is_not_known_is_zero() -> None:
    record = SongRecord(row_of("A" * 20, "W"))
    assert (record.song, record.file_key, record.picture_key) == ("A" * 20, NO_FILE, NO_NAME)
    assert (record.regions, record.not_before, record.not_after, record.duration_s) == ((), 0, 0, 0)
    assert not record.is_limited


@pytest.mark.parametrize("limit", ["scope", "not_before", "not_after"])
def test_8_2_any_limit_is_one(limit: str) -> None:
    fields: dict[str, Any] = {limit: 1}
    assert SongRecord(row_of("A", "W", **fields)).is_limited


def test_8_2_a_scope_that_the_catalog_does_not_have_is_told() -> None:
    assert SongRecord(row_of("A", "W", scope=1)).regions is None


def test_8_2_a_song_that_is_gone_keeps_nothing_but_its_name() -> None:
    row = gone_row("A")
    assert (SongRecord(row).song, SongRecord(row).flags) == ("A", GONE)
    assert row[21:61] == bytes(40)
    assert row[61:63] >= catalog.GONE_BYTES > row_of("A", "W", flags=0x7FFF)[61:63]


def test_8_5_a_day_begins_at_midnight_of_the_country() -> None:
    midnight_ms = 20_000 * 24 * 3600 * 1000 - 8 * 3600 * 1000
    assert (day_of(midnight_ms - 1), day_of(midnight_ms)) == (19_999, 20_000)


def test_8_1_a_manifest_is_read_as_it_was_written() -> None:
    assert CatalogManifest.decode(catalog_manifest().encode()) == catalog_manifest()


TEN = tuple(table_file("catalog/t.bin").replace(epoch=epoch) for epoch in range(3, 13))


@pytest.mark.parametrize("tables", [(), (table_file("../12.bin"),), TEN])
def test_8_1_a_manifest_has_a_base_and_so_many_overlays(tables: Any) -> None:
    with pytest.raises(MalformedError):
        catalog_manifest().replace(tables=tables).encode()


@pytest.mark.parametrize("epochs", [(9, 8, 12), (9, 9, 12), (9, 11), (9, 13)])
def test_8_1_the_epochs_of_tables_rise_to_the_manifest_s(epochs: tuple[int, ...]) -> None:
    tables = tuple(table_file("catalog/t.bin").replace(epoch=epoch) for epoch in epochs)
    with pytest.raises(MalformedError, match="DOCUMENT_MALFORMED"):
        catalog_manifest().replace(tables=tables).encode()


def test_8_7_a_release_bans_so_many_targets_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bans, "BANNED_MAX", 2)
    assert bans.BanList.decode(ban_list().encode()) == ban_list()
    three = ban_list().replace(bans=(*ban_list().bans, listed_ban()))
    with pytest.raises(MalformedError, match="DOCUMENT_MALFORMED"):
        three.encode()
