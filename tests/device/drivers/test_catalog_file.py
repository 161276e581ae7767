"""The mapped catalog: switched whole, whatever cuts it off (SPEC 8)."""

from pathlib import Path

import pytest

from device.drivers.catalog_file import CatalogFile
from device.protocol.errors import ProtocolError
from tests.fleet_server.repository.published import catalog_files


class PowerCutError(Exception):
    """The lights are out."""


def switch(folder: Path, epoch: int, songs: list[str]) -> CatalogFile:
    """Take an edition into force, as a download leaves it."""
    files = catalog_files(epoch, songs)
    places = []
    for suffix in ("bin", "pages"):
        place = folder / f"download-{epoch}-{suffix}"
        place.write_bytes(files[f"catalog/{epoch}.{suffix}"])
        places.append(place)
    catalog = CatalogFile(folder)
    catalog.load()
    catalog.switch(files["catalog/manifest.json"], places[0], places[1])
    return catalog


def epoch_in_force(folder: Path) -> int:
    manifest = CatalogFile(folder).load()
    return 0 if manifest is None else manifest.epoch


def test_no_catalog_lists_nothing(tmp_path: Path) -> None:
    catalog = CatalogFile(tmp_path)
    assert catalog.load() is None
    assert catalog.find("000001") is None
    assert not catalog.is_damaged()


def test_every_song_is_found_and_no_other(tmp_path: Path) -> None:
    songs = [f"{number:06d}" for number in range(5_000)]
    catalog = switch(tmp_path, 1, songs)
    found = [catalog.find(song) for song in songs]
    assert all(record is not None and record.duration_s == 180 for record in found)
    assert [song for song in ("", "5000", "00000", "x" * 20) if catalog.find(song)] == []


@pytest.mark.parametrize("renames", range(5))
def test_a_switch_that_is_cut_off_leaves_the_old_edition_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    switch(tmp_path, 1, ["000001"])
    left = renames
    rename = Path.replace

    def cut(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise PowerCutError
        left -= 1
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        try:
            switch(tmp_path, 2, ["000002"])
        except PowerCutError:
            expected = 1
        else:
            expected = 2
    assert epoch_in_force(tmp_path) == expected
    catalog = switch(tmp_path, 2, ["000002"])
    assert catalog.find("000002") is not None
    assert epoch_in_force(tmp_path) == 2


def test_an_edition_that_does_not_open_is_not_taken_into_force(tmp_path: Path) -> None:
    switch(tmp_path, 1, ["000001"])
    files = catalog_files(2, ["000002"])
    for suffix in ("bin", "pages"):
        (tmp_path / suffix).write_bytes(files[f"catalog/2.{suffix}"])
    (tmp_path / "bin").write_bytes(files["catalog/2.bin"][:-1])
    catalog = CatalogFile(tmp_path)
    catalog.load()
    with pytest.raises(ProtocolError):
        catalog.switch(files["catalog/manifest.json"], tmp_path / "bin", tmp_path / "pages")
    assert catalog.find("000001") is not None
    assert epoch_in_force(tmp_path) == 1


def test_a_running_look_up_outlives_the_switch(tmp_path: Path) -> None:
    """The old file is gone from the folder while its mapping is still in use."""
    catalog = switch(tmp_path, 1, ["000001"])
    edition = catalog._edition
    assert edition is not None
    switch(tmp_path, 2, ["000002"])
    assert edition.find("000001") is not None
