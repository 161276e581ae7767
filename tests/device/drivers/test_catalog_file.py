"""The mapped catalog: switched whole, whatever cuts it off (SPEC 8)."""

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.protocol.catalog import CatalogManifest, file_key, gone_row, row_of
from device.protocol.errors import ProtocolError
from tests.builders import BoardSecret
from tests.device.protocol.builders import listed_ban
from tests.fleet_server.repository.published import catalog_files, overlay_files, with_bans

MANIFEST = "catalog/manifest.json"


def switch(catalog: CatalogFile, files: Mapping[str, bytes]) -> CatalogManifest:
    """Take an edition into force, as bytes that were fetched."""
    return catalog.switch(files[MANIFEST], files)


def opened(folder: Path) -> CatalogFile:
    catalog = CatalogFile(Folder(folder), BoardSecret())
    catalog.load()
    return catalog


def with_songs(folder: Path, epoch: int, songs: list[str]) -> CatalogFile:
    catalog = opened(folder)
    switch(catalog, catalog_files(epoch, songs))
    return catalog


def table_of(folder: Path, number: int = 0) -> Path:
    manifest = CatalogFile(Folder(folder), BoardSecret()).load()
    assert manifest is not None
    return folder / CatalogFile(Folder(folder), BoardSecret()).name_of(manifest.tables[number])


def spoil(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.unlink()
    path.write_bytes(data)


def test_no_catalog_lists_nothing(tmp_path: Path) -> None:
    catalog = CatalogFile(Folder(tmp_path), BoardSecret())
    assert catalog.load() is None
    assert catalog.find("000001") is None
    assert catalog.find_by_file(bytes(16)) is None
    assert not catalog.is_damaged()


def test_every_song_is_found_and_no_other(tmp_path: Path) -> None:
    songs = [f"{number:06d}" for number in range(5_000)]
    catalog = with_songs(tmp_path, 1, songs)
    found = [catalog.find(song) for song in songs]
    assert all(record is not None and record.duration_s == 180 for record in found)
    assert [song for song in ("", "5000", "00000", "x" * 21) if catalog.find(song)] == []


def test_an_overlay_adds_changes_and_takes_away(tmp_path: Path) -> None:
    songs = [f"{number:06d}" for number in range(1_000)]
    base = catalog_files(1, songs)
    catalog = opened(tmp_path)
    switch(catalog, base)
    rows = [row_of("000001", "W", duration_s=7, file="ab" * 32), row_of("NEW", "W"), gone_row("000002")]
    overlay = overlay_files(base, 2, rows, 1_000)
    newer = overlay_files(overlay, 3, [row_of("000002", "W", duration_s=9), gone_row("NEW")], 1_000)
    for _ in range(2):
        switch(catalog, overlay)
        assert [catalog.find(song) is not None for song in ("000001", "NEW", "000002", "000003")] == [
            True, True, False, True,
        ]  # fmt: skip
        changed = catalog.find("000001")
        assert changed is not None
        assert changed.duration_s == 7
        by_file = catalog.find_by_file(file_key("ab" * 32))
        assert by_file is not None
        assert by_file.song == "000001"
        catalog = opened(tmp_path)
    switch(catalog, newer)
    back = catalog.find("000002")
    assert back is not None
    assert back.duration_s == 9
    assert catalog.find("NEW") is None
    assert catalog.find("000003") is not None


def test_a_song_is_free_if_and_only_if_its_record_says_that_nothing_limits_it(tmp_path: Path) -> None:
    base = catalog_files(1, [f"{number:06d}" for number in range(100)])
    rows = [row_of("000001", "W", scope=1), row_of("000002", "W", not_before=20_000), gone_row("000003")]
    rows += [row_of("000004", "W", not_after=9), row_of("000005", "W", duration_s=9, flags=8), row_of("NEW", "W")]
    catalog = opened(tmp_path)
    assert not catalog.is_free("000001")
    for files, free in ((base, 100), (overlay_files(base, 2, rows, 100), 97), (base, 100)):
        switch(catalog, files)
        found = {name: catalog.find(name) for name in ("", "NEW", *(f"{number:06d}" for number in range(200)))}
        says = {name for name, record in found.items() if record is not None and not record.is_limited}
        assert {name for name in found if catalog.is_free(name)} == says
        assert len(says) == free


def test_a_file_that_a_newer_table_took_away_is_nobodys(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    base = catalog_files(1, ["A"])
    switch(catalog, base)
    first = overlay_files(base, 2, [row_of("B", "W", file="ab" * 32)], 2)
    switch(catalog, first)
    switch(catalog, overlay_files(first, 3, [row_of("B", "W", file="cd" * 32)], 2))
    assert catalog.find_by_file(file_key("ab" * 32)) is None
    assert catalog.find_by_file(file_key("cd" * 32)) is not None


def test_only_what_is_not_here_is_missing(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    base = catalog_files(1, ["A"])
    overlay = overlay_files(base, 2, [row_of("B", "W")], 2)
    manifest = CatalogManifest.decode(overlay[MANIFEST])
    assert [file.path for file in catalog.missing(manifest)] == ["catalog/1.bin", "catalog/2.bin"]
    switch(catalog, base)
    assert [file.path for file in catalog.missing(manifest)] == ["catalog/2.bin"]
    place = tmp_path / catalog.name_of(manifest.tables[1])
    place.write_bytes(overlay["catalog/2.bin"][:100])
    assert [file.path for file in catalog.missing(manifest)] == ["catalog/2.bin"]
    assert place.exists(), "its beginning need not be fetched again"
    place.write_bytes(overlay["catalog/2.bin"][:-1] + b"?")
    assert [file.path for file in catalog.missing(manifest)] == ["catalog/2.bin"]
    assert not place.exists(), "what a cut has spoiled has no use"
    place.write_bytes(overlay["catalog/2.bin"])
    assert catalog.missing(manifest) == []
    catalog.switch(overlay[MANIFEST])
    assert catalog.find("B") is not None


def test_a_page_that_rots_lists_no_song_and_is_fetched_again(tmp_path: Path) -> None:
    songs = [f"{number:06d}" for number in range(1_000)]
    files = catalog_files(1, songs)
    switch(opened(tmp_path), files)
    place = table_of(tmp_path)
    spoil(place, 40_000)
    catalog = opened(tmp_path)
    found = [song for song in songs if catalog.find(song)]
    assert 0 < len(found) < 1_000
    assert catalog.is_damaged()
    manifest = CatalogManifest.decode(files[MANIFEST])
    assert catalog.missing(manifest) == list(manifest.tables)
    switch(catalog, files)
    assert not catalog.is_damaged()
    assert all(catalog.find(song) for song in songs)


class BadSector(Folder):
    """A read of the sector at `bad_at` fails; through a map it would end the process."""

    bad_at = -1

    def read(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        if name.startswith("table-") and 0 <= self.bad_at - offset < (length if length > 0 else 1 << 40):
            raise OSError(errno.EIO, "a bad sector")
        return super().read(name, offset, length)


@pytest.mark.parametrize("bad_at", [40_000, 0, 20])
def test_a_sector_that_cannot_be_read_is_damage_and_no_end_of_the_process(tmp_path: Path, bad_at: int) -> None:
    songs = [f"{number:06d}" for number in range(1_000)]
    switch(opened(tmp_path), catalog_files(1, songs))
    folder = BadSector(tmp_path)
    folder.bad_at = bad_at
    catalog = CatalogFile(folder, BoardSecret())
    if bad_at < 4_096:
        with pytest.raises(ProtocolError, match="CATALOG_MALFORMED"):
            catalog.load()
        return
    catalog.load()
    assert 0 < len([song for song in songs if catalog.find(song)]) < 1_000
    assert catalog.is_damaged()


def test_a_table_cut_short_behind_the_map_is_damage_too(tmp_path: Path) -> None:
    catalog = with_songs(tmp_path, 1, [f"{number:06d}" for number in range(1_000)])
    with table_of(tmp_path).open("r+b") as file:
        file.truncate(40_000)
    assert not all(catalog.find(f"{number:06d}") for number in range(1_000))
    assert catalog.is_damaged()


def test_a_page_of_an_overlay_that_rots_does_not_bring_back_what_it_took_away(tmp_path: Path) -> None:
    songs = [f"{number:06d}" for number in range(4_000)]
    base = catalog_files(1, songs)
    switch(opened(tmp_path), base)
    gone = overlay_files(base, 2, [gone_row(song) for song in songs[:2_000]], 2_000)
    switch(opened(tmp_path), gone)
    overlay = table_of(tmp_path, 1)
    found = 0
    for at in range(4_096, overlay.stat().st_size, 4_096):
        spoil(overlay, at)
        try:
            catalog = opened(tmp_path)
        except ProtocolError:
            pass  # the page list itself, or the last page
        else:
            assert not any(catalog.find(song) or catalog.is_free(song) for song in songs[:2_000])
            found += catalog.is_damaged()
        spoil(overlay, at)
    assert found > 30, "rows of 31 pages, and the index before them"


def test_an_edition_that_does_not_open_is_not_taken_into_force(tmp_path: Path) -> None:
    catalog = with_songs(tmp_path, 1, ["000001"])
    files = catalog_files(2, ["000002"])
    with pytest.raises(ProtocolError):
        catalog.switch(files[MANIFEST], {"catalog/2.bin": files["catalog/2.bin"][:-1]})
    with pytest.raises(ProtocolError):
        catalog.switch(files[MANIFEST])
    assert catalog.find("000001") is not None
    assert opened(tmp_path).find("000001") is not None


@pytest.mark.parametrize("changes", [{"entries": 2}, {"epoch": 2}, {"pages": "0" * 64}])
def test_a_table_that_is_another_than_the_manifest_says_is_not_opened(tmp_path: Path, changes: dict[str, int]) -> None:
    files = catalog_files(1, ["000001"])
    manifest = CatalogManifest.decode(files[MANIFEST])
    other = manifest.replace(tables=(manifest.tables[0].replace(**changes),))
    with pytest.raises(ProtocolError):
        CatalogFile(Folder(tmp_path), BoardSecret()).switch(other.replace(epoch=other.tables[0].epoch).encode(), files)


def test_a_running_look_up_outlives_the_switch(tmp_path: Path) -> None:
    """The old table is gone from the folder while its mapping is still in use."""
    catalog = with_songs(tmp_path, 1, ["000001"])
    find_row = catalog.find_row
    switch(catalog, catalog_files(2, ["000002"]))
    assert len(list(tmp_path.glob("table-*"))) == 1
    assert find_row("000001") is not None


def test_8_7_bans_come_and_go_with_their_release(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    switch(catalog, with_bans(catalog_files(1, ["S1"]), listed_ban()))
    assert catalog.bans == opened(tmp_path).bans == (listed_ban(),)
    other = listed_ban(order="440000-2026-000008")
    switch(catalog, with_bans(catalog_files(2, ["S1"]), other))
    assert opened(tmp_path).bans == (other,)
    assert len(list(tmp_path.glob("bans-*"))) == 1
    switch(catalog, catalog_files(3, ["S1"]))
    assert opened(tmp_path).bans == ()
    assert list(tmp_path.glob("bans-*")) == []


@pytest.mark.parametrize("harm", ["missing", "short", "changed"])
def test_8_7_bans_that_are_not_what_was_signed_take_no_release_into_force(tmp_path: Path, harm: str) -> None:
    catalog = opened(tmp_path)
    files = with_bans(catalog_files(1, ["S1"]), listed_ban())
    manifest = switch(catalog, files)
    (place,) = tmp_path.glob("bans-*")
    if harm == "missing":
        place.unlink()
    elif harm == "short":
        place.write_bytes(place.read_bytes()[:-1])
    else:
        spoil(place, 30)
    with pytest.raises(ProtocolError, match="CATALOG_MALFORMED"):
        opened(tmp_path)
    again = CatalogFile(Folder(tmp_path), BoardSecret())
    assert [file.path for file in again.missing(manifest) if file.path.startswith("catalog/bans")] == [
        "catalog/bans-1.json"
    ]
    assert place.exists() == (harm == "short"), "the beginning of one stays, to be gone on with"
    switch(again, files)
    assert opened(tmp_path).bans == (listed_ban(),)
