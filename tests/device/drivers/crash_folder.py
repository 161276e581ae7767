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

EXHAUSTIVE_MAX = 6  # volatile operations up to which every subset is tried
RANDOM_SUBSETS = 6

Files = dict[str, bytearray]


class CrashFolder(Folder):
    """The same calls in memory; each is remembered."""

    def __init__(self, files: Files | None = None) -> None:
        self.files: Files = {name: bytearray(data) for name, data in (files or {}).items()}
        self._before = {name: bytes(data) for name, data in self.files.items()}
        self._log: list[tuple[str, str, str, int, bytes]] = []
        self._acknowledged: list[tuple[int, int]] = []
        self.fail_at: str | None = None

    def acknowledge(self, size: int) -> None:
        """Somebody was told that `size` entries are durable."""
        self._acknowledged.append((len(self._log), size))

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

    def crash_states(self, chance: random.Random) -> Iterator[tuple[Files, int]]:
        """Disks after a cut behind each operation, with the size acknowledged by then."""
        for cut in range(len(self._log) + 1):
            acknowledged = max([size for at, size in self._acknowledged if at <= cut], default=0)
            before = self._log[:cut]
            durable = _durable(before)
            loose = [index for index, op in enumerate(before) if index not in durable and _changes(op)]
            for survivors in _subsets(loose, chance):
                yield self._rebuilt(before, durable | survivors), acknowledged
                writes = [index for index in sorted(survivors) if before[index][0] == "write"]
                if writes:
                    torn = chance.choice(writes)
                    length = chance.randrange(len(before[torn][4]) + 1)
                    for fill in (b"", b"\0", b"\xff"):
                        files = self._rebuilt(before, durable | survivors, torn, length, fill)
                        yield files, acknowledged

    def _do(self, what: str, name: str, other: str = "", offset: int = 0, data: bytes = b"") -> None:
        if self.fail_at == what:
            raise OSError(5, f"{what} of {name} failed")
        op = (what, name, other, offset, bytes(data))
        self._log.append(op)
        apply(self.files, op)

    def _rebuilt(
        self,
        before: list[tuple[str, str, str, int, bytes]],
        live: set[int],
        torn: int = -1,
        length: int = 0,
        fill: bytes = b"",
    ) -> Files:
        files = {name: bytearray(data) for name, data in self._before.items()}
        for index in sorted(live):
            what, name, other, offset, data = before[index]
            if index == torn:
                rest = data[:length] + fill * (len(data) - length)
                apply(files, (what, name, other, offset, rest))
            else:
                apply(files, before[index])
        return files


def _durable(before: list[tuple[str, str, str, int, bytes]]) -> set[int]:
    found: set[int] = set()
    for index, (what, name, _, _, _) in enumerate(before):
        for earlier in range(index):
            op = before[earlier]
            if what == "sync" and op[0] in ("write", "truncate") and op[1] == name:
                found.add(earlier)
            if what == "sync_names" and op[0] in ("rename", "remove"):
                found.add(earlier)
    return found


def _changes(op: tuple[str, str, str, int, bytes]) -> bool:
    return op[0] not in ("sync", "sync_names")


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
