"""Single bits that flip in what a box keeps of policy and catalog: each is found before a wrong answer is given.

    flips(30_000, seed=1)   # AssertionError names the seed of the flip that was not

Bits flip in base, overlay (rows, indexes, page hashes), manifest and policy. A box then does not open the file, or
refuses the songs of the page; it never lists what was not signed, nor what an overlay took away.
"""

import random

from device.core.events import PolicyLoaded
from device.drivers.catalog_file import CatalogFile
from device.drivers.policy_store import NAMES, PolicyStore
from device.protocol.errors import ProtocolError
from device.services.content_on_disk import ContentOnDisk
from tests.builders import BoardSecret, policy
from tests.device.drivers.crash_folder import CrashFolder, Files
from tests.device.drivers.editions import Edition, a_base, an_overlay

FLIPS_OF_ONE = 200  # before another box is made
_SECRET = BoardSecret()


def flips(count: int, seed: int) -> int:
    """So many single flips; returns how many were found, which is all of them."""
    edition, files = _box(random.Random(seed))
    for number in range(count):
        if number % FLIPS_OF_ONE == 0:
            edition, files = _box(random.Random(seed + number))
        chance = random.Random(f"{seed} {number}")
        name = chance.choice(sorted(files))
        at = chance.randrange(8 * len(files[name]))
        flipped = {other: bytearray(data) for other, data in files.items()}
        flipped[name][at // 8] ^= 1 << at % 8
        try:
            is_found = _is_policy_found(flipped) if name in NAMES else _is_found(flipped, edition)
        except Exception as error:  # whatever it was, the seed must be named
            raise AssertionError(f"flip {number} of seed {seed}, bit {at} of {name}: {error!r}") from error
        assert is_found, f"flip {number} of seed {seed}, bit {at} of {name}, was not found"
    return count


def _box(chance: random.Random) -> tuple[Edition, Files]:
    edition = an_overlay(chance, a_base(chance, 1, 150), 20)
    disk = CrashFolder()
    CatalogFile(disk, _SECRET).switch(edition.raw, edition.files)
    PolicyStore(disk, _SECRET).save(policy().encode())
    return edition, disk.files


def _is_policy_found(files: Files) -> bool:
    """And the other copy is used."""
    store = PolicyStore(CrashFolder(files), _SECRET)
    found = ContentOnDisk(CatalogFile(CrashFolder({}), _SECRET), store).load()
    assert PolicyLoaded(raw=policy().encode()) in found, "a copy that is sound is not used"
    try:
        for name in NAMES:
            store.load(name)
    except ProtocolError:
        return True
    return False


def _is_found(files: Files, edition: Edition) -> bool:
    catalog = CatalogFile(CrashFolder(files), _SECRET)
    try:
        catalog.load()
    except ProtocolError:
        return True
    for song in [f"S{number}" for number in (*range(300), *range(7_000, 7_020))]:
        row = catalog.find_row(song)
        assert row is None or row == edition.songs.get(song), f"a wrong answer about {song}"
    for row in edition.songs.values():
        found = catalog.find_by_file(row[21:37])
        assert found is None or found.row == row, "a wrong answer about a file"
    return catalog.is_damaged()
