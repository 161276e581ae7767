"""A folder that keeps unsynced writes apart, and every disk that a power cut could leave behind.

After SQLite's test6.c and ALICE: a write is durable after a sync of its file, a name after a sync of the
names; of the rest any subset may survive, and one surviving write may be torn at any byte, with nothing,
zeros or ones behind it.

    disk = CrashFolder(); journal = JournalFile(disk); ...; disk.acknowledge("entry 7")
    for files, acknowledged in disk.crash_states(random): ...
"""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from device.drivers.folder import Folder

EXHAUSTIVE_MAX = 4  # volatile operations up to which every subset is tried
RANDOM_SUBSETS = 6
SECTOR_BYTES = 512  # of this disk: what the journal takes it for (SPEC 17) must not be what it is
SECTOR_LOST = 0.3

Files = dict[str, bytearray]
Operation = tuple[str, str, str, int, bytes]  # what, name, other name, offset or size, data


class CrashFolder(Folder):
    """The same calls in memory; each is remembered."""

    def __init__(self, files: Files | None = None) -> None:
        self.files: Files = {name: bytearray(data) for name, data in (files or {}).items()}
        self._before = {name: bytes(data) for name, data in self.files.items()}
        self._log: list[Operation] = []
        self._acknowledged: list[tuple[int, Any]] = []
        self.fail_at: str | None = None

    def acknowledge(self, what: Any) -> None:
        """Somebody was told that this is durable."""
        self._acknowledged.append((len(self._log), what))

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return len(self.files[name])

    def read(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        data = self.files[name]
        return bytes(data[offset:] if length < 0 else data[offset : offset + length])

    def map(self, name: str) -> Any:
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.read(name)

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._do("write", name, offset=offset, data=data)

    def append(self, name: str, offset: int, data: bytes) -> None:
        self.write(name, offset, data)
        self.sync(name)

    def truncate(self, name: str, size: int) -> None:
        self._do("truncate", name, offset=size)

    def rename(self, old: str, new: str) -> None:
        self._do("rename", old, new)

    def remove(self, name: str) -> None:
        self._do("remove", name)

    def sync(self, name: str) -> None:
        self._do("sync", name)

    def sync_names(self) -> None:
        self._do("sync_names", "")

    def release(self, name: str) -> None:
        """Nothing is open here."""

    def crash_states(self, chance: random.Random) -> Iterator[tuple[Files, Any]]:
        """Disks after a cut behind each operation, with what was acknowledged last by then (0: nothing)."""
        settled: Files = {name: bytearray(data) for name, data in self._before.items()}
        volatile: list[tuple[Operation, bool]] = []  # with whether it is durable, behind one that is not
        told = iter([*self._acknowledged, (len(self._log) + 1, None)])
        (due, what), acknowledged = next(told), 0
        for cut in range(len(self._log) + 1):
            if cut:
                volatile = _settle(settled, [*volatile, (self._log[cut - 1], False)])
            while due <= cut:
                acknowledged = what
                due, what = next(told)
            loose = [index for index, (_, is_durable) in enumerate(volatile) if not is_durable]
            for survivors in _subsets(loose, chance):
                steps = [([op], is_durable or index in survivors) for index, (op, is_durable) in enumerate(volatile)]
                yield _rebuilt(settled, steps), acknowledged
                writes = [index for index in sorted(survivors) if volatile[index][0][0] == "write"]
                if writes:
                    at = chance.choice(writes)
                    for broken in _torn(volatile[at][0], chance):
                        yield _rebuilt(settled, [*steps[:at], (broken, True), *steps[at + 1 :]]), acknowledged

    def _do(self, what: str, name: str, other: str = "", offset: int = 0, data: bytes = b"") -> None:
        if self.fail_at == what:
            raise OSError(5, f"{what} of {name} failed")
        op = (what, name, other, offset, bytes(data))
        self._log.append(op)
        apply(self.files, op)


def _settle(files: Files, volatile: list[tuple[Operation, bool]]) -> list[tuple[Operation, bool]]:
    """What a sync has made durable is marked, and applied where nothing before it is volatile any more."""
    what, name = volatile[-1][0][:2]
    if what in ("sync", "sync_names"):
        of_names = ("rename", "remove")
        volatile = [
            (op, is_durable or (op[0] in of_names if what == "sync_names" else op[0] not in of_names and op[1] == name))
            for op, is_durable in volatile[:-1]
        ]
    done = 0
    while done < len(volatile) and volatile[done][1]:
        op = volatile[done][0]
        for name in op[1:3]:
            if name in files:
                files[name] = bytearray(files[name])  # disks that were handed out have the one before
        apply(files, op)
        done += 1
    return volatile[done:]


def _rebuilt(settled: Files, steps: list[tuple[list[Operation], bool]]) -> Files:
    """What was written under a name that was never given went to the name before."""
    touched = {name for operations, _ in steps for op in operations for name in op[1:3]}
    files = {name: bytearray(data) if name in touched else data for name, data in settled.items()}
    alias: dict[str, str] = {}
    for operations, is_live in steps:
        for what, name, other, offset, data in operations:
            at = alias.get(name, name)
            if is_live:
                alias.pop(other, None)
                apply(files, (what, at, other, offset, data))
            elif what == "rename":
                alias[other] = at
    return files


def _torn(op: Operation, chance: random.Random) -> Iterator[list[Operation]]:
    """Cut at a byte with nothing, zeros or ones behind it; and with sectors that never reached the card."""
    what, name, other, offset, data = op
    length = chance.randrange(len(data) + 1)
    for fill in (b"", b"\0", b"\xff"):
        yield [(what, name, other, offset, data[:length] + fill * (len(data) - length))]
    first = offset - offset % SECTOR_BYTES
    bounds = [max(offset, at) for at in range(first, offset + len(data), SECTOR_BYTES)] + [offset + len(data)]
    if len(bounds) > 2:
        yield [
            (what, name, other, begin, data[begin - offset : end - offset])
            for begin, end in itertools.pairwise(bounds)
            if chance.random() > SECTOR_LOST
        ]


def _subsets(loose: list[int], chance: random.Random) -> Iterator[set[int]]:
    if len(loose) <= EXHAUSTIVE_MAX:
        for count in range(len(loose) + 1):
            yield from map(set, itertools.combinations(loose, count))
        return
    yield from (set(), set(loose))
    for _ in range(RANDOM_SUBSETS):
        yield {index for index in loose if chance.random() < 0.5}


def apply(files: Files, op: tuple[str, str, str, int, bytes]) -> None:
    what, name, other, offset, data = op
    if what == "write":
        file = files.setdefault(name, bytearray())
        if len(file) < offset:
            file.extend(bytes(offset - len(file)))
        file[offset : offset + len(data)] = data
    elif what == "truncate" and name in files:
        del files[name][offset:]
    elif what == "rename" and name in files:
        files[other] = files.pop(name)
    elif what == "remove":
        files.pop(name, None)
