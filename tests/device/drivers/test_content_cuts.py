"""A little of what `make soak` does at length: cuts of a switch, flipped bits (SPEC 8.1, 8.3, 8.6)."""

import random

import pytest

from device.core.events import PolicyLoaded
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.policy_store import NAMES, PolicyStore
from device.protocol.catalog import TableFile
from device.services.content_on_disk import ContentOnDisk
from tests.builders import BoardSecret, policy
from tests.device.drivers import content_flips, switch_cuts
from tests.device.drivers.crash_folder import CrashFolder

SECRET = BoardSecret()


def test_8_1_a_cut_at_any_write_of_a_switch_leaves_the_old_catalog_or_the_new() -> None:
    assert switch_cuts.run(1_500, seed=1) >= 1_500


def test_8_3_every_flipped_bit_is_found_before_a_wrong_answer() -> None:
    assert content_flips.flips(800, seed=1) == 800


@pytest.mark.parametrize("lost", ["sync", "sync_names"])
def test_the_cuts_see_a_sync_that_is_missing(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """A replace without its syncs."""

    def replace(folder: Folder, name: str, data: bytes) -> None:
        folder.write(f"{name}.new", 0, data)
        if lost != "sync":
            folder.sync(f"{name}.new")
        folder.rename(f"{name}.new", name)
        if lost != "sync_names":
            folder.sync_names()

    monkeypatch.setattr(Folder, "replace", replace)
    with pytest.raises(AssertionError, match="case"):
        switch_cuts.run(3_000, seed=1)


def test_the_cuts_see_a_table_that_is_not_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    put = CatalogFile._put

    def unsynced(catalog: CatalogFile, table: TableFile, data: bytes) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(type(catalog._folder), "sync", lambda *_: None)
            put(catalog, table, data)

    monkeypatch.setattr(CatalogFile, "_put", unsynced)
    with pytest.raises(AssertionError, match="case"):
        switch_cuts.run(3_000, seed=1)


def test_the_flips_see_a_page_that_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.drivers.catalog_file._Pages.check", lambda *_: True)
    with pytest.raises(AssertionError, match="flip"):
        content_flips.flips(800, seed=1)


@pytest.mark.parametrize("seed", range(20))
def test_8_6_a_cut_at_any_write_of_a_policy_leaves_the_old_or_the_new_and_so_it_does_with_one_copy_spoilt(
    seed: int,
) -> None:
    chance = random.Random(seed)
    old, new = policy(epoch=1).encode(), policy(epoch=2).encode()
    first = CrashFolder()
    PolicyStore(first, SECRET).save(old)
    spoilt = chance.choice((*NAMES, ""))
    disk = CrashFolder({name: bytearray() if name == spoilt else raw for name, raw in first.files.items()})
    PolicyStore(disk, SECRET).save(new)
    disk.acknowledge(2)
    for files, told in disk.crash_states(chance):
        kept = ContentOnDisk(CatalogFile(CrashFolder(), SECRET), PolicyStore(CrashFolder(files), SECRET))
        loaded = [event for event in kept.load() if isinstance(event, PolicyLoaded)]
        assert loaded in ([[PolicyLoaded(raw=new)]] if told else ([PolicyLoaded(raw=old)], [PolicyLoaded(raw=new)]))
