"""Power cuts at every write of a catalog switch (SPEC 8.1): what a box finds then is the old edition or the new one.

    run(20_000, seed=1)     # AssertionError names the seed of the case that failed

A case is a box with a base and perhaps overlays, to which a new overlay or a new base comes: in bytes, or by a
download that is cut off and goes on. The epoch goes into the state record behind the switch, on the same disk.
"""

import random

from device.drivers.catalog_file import CatalogFile
from device.drivers.state_store import StateStore
from tests.builders import BoardSecret
from tests.device.drivers.crash_folder import CrashFolder, Files
from tests.device.drivers.editions import Edition, a_base, an_overlay

SWITCHED, SAVED = 1, 2  # what was told to somebody
_SECRET = BoardSecret()


def run(count: int, seed: int) -> int:
    """At least so many cuts; returns how many there were."""
    done = 0
    case = seed
    while done < count:
        try:
            done += _one(random.Random(case))
        except Exception as error:  # whatever it was, the seed must be named
            raise AssertionError(f"a cut of case {case}: {error}") from error
        case += 1
    return done


def _one(chance: random.Random) -> int:
    old = a_base(chance, chance.randrange(1, 9), chance.randrange(1, 40))
    for _ in range(chance.randrange(3)):
        old = an_overlay(chance, old, chance.randrange(4))
    is_overlay = chance.random() < 0.7
    new = an_overlay(chance, old, chance.randrange(6)) if is_overlay else a_base(chance, old.epoch + 1, 30)
    disk = CrashFolder(_installed(old))
    catalog, states = CatalogFile(disk, _SECRET), StateStore(disk, _SECRET)
    catalog.load()
    _switch(catalog, disk, new, chance)
    disk.acknowledge(SWITCHED)
    states.save(_state(new))
    disk.acknowledge(SAVED)
    cuts = 0
    for files, told in disk.crash_states(chance):
        _check(files, told, old, new)
        cuts += 1
    return cuts


def _installed(edition: Edition) -> Files:
    disk = CrashFolder()
    CatalogFile(disk, _SECRET).switch(edition.raw, edition.files)
    StateStore(disk, _SECRET).save(_state(edition))
    return disk.files


def _state(edition: Edition) -> bytes:
    return b"%d" % edition.epoch


def _switch(catalog: CatalogFile, disk: CrashFolder, new: Edition, chance: random.Random) -> None:
    if chance.random() < 0.5:
        catalog.switch(new.raw, new.files)
        return
    for table in catalog.missing(new.manifest):
        name, data = catalog.name_of(table), new.files[table.path]
        middle = chance.randrange(len(data))
        for start, end in ((0, middle), (middle, len(data))):
            disk.write(name, start, data[start:end])
            disk.sync(name)
    catalog.switch(new.raw)


def _check(files: Files, told: int, old: Edition, new: Edition) -> None:
    catalog = CatalogFile(CrashFolder(files), _SECRET)
    manifest = catalog.load()
    assert manifest is not None, "no catalog"
    found = {old.epoch: old, new.epoch: new}[manifest.epoch]
    assert told < SWITCHED or found is new, "a switch was told and is forgotten"
    saved = StateStore(CrashFolder(files), _SECRET).load()
    assert saved is not None, "no state"
    assert manifest.epoch >= int(saved), "the state record knows a newer catalog than there is"
    assert told < SAVED or int(saved) == new.epoch, "a state was told and is forgotten"
    _check_songs(catalog, found, {**old.songs, **new.songs})
    # Whatever the cut has left, the same switch goes on from there.
    for table in catalog.missing(new.manifest):
        assert table.path in new.files
    catalog.switch(new.raw, new.files)
    _check_songs(catalog, new, {**old.songs, **new.songs})


def _check_songs(catalog: CatalogFile, edition: Edition, asked: dict[str, bytes]) -> None:
    for song in [*asked, "never"]:
        assert catalog.find_row(song) == edition.songs.get(song), f"{song} of epoch {edition.epoch}"
    assert not catalog.is_damaged(), "damaged"
