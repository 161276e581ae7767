"""The disk of the simulation leaves behind what a disk could, and nothing else."""

import errno
import random
from contextlib import suppress

from tests.simulation.disk import Disk, Power


def test_a_file_made_anew_holds_nothing_of_one_whose_new_name_was_lost() -> None:
    versions = [b"first", b"the second, which is longer", b"the third"]
    found = set()
    for seed in range(50):
        disk = Disk(random.Random(seed))
        folder = disk.open("state", Power())
        folder.replace("record", versions[0])
        disk.failing = {"sync_names": errno.EIO}
        for data in versions[1:]:
            with suppress(OSError):
                folder.replace("record", data)
        disk.lose_power()
        found.add(bytes(disk.folders["state"]["record"]))
    assert found == set(versions)
