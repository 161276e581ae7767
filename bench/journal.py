"""Entries made durable for sixteen writers at once: our journal, SQLite."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.row import Bench, Row, Run, times_more
from bench.sides import Figures, interleaved
from device.core.effects import Append, Reply
from device.core.events import Now, PlayRequested
from device.drivers.clock import LinuxClock
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.ports import Frame, Journal, Recovered
from device.protocol.journal import Entry, first_chain, next_chain
from device.services.runtime import Runtime

WRITERS_COUNT = 16
ENTRIES_COUNT = 8_192  # made beforehand and used in turn
ROUND_S, ROUND_QUICK_S = 1.5, 0.8
BOX = "KTV-00000001"

SAYS = (
    f"{WRITERS_COUNT} requests wait at once, each answered when its entry (a PLAY_START of real size, made beforehand) "
    "is durable. Every side runs in the same event loop of the box, which hands over what waits as one group. Ours: "
    "frame with CRC and chain value into a pre-written segment, one sync a group. SQLite WAL FULL: the same entries "
    "as rows, one commit each, or one commit a group. Chain values are not computed on any side. Entries per second"
)


def entries() -> list[tuple[bytes, bytes]]:
    """Entries of a busy evening with their chain values."""
    chain, made = first_chain(BOX, 1), []
    for seq in range(ENTRIES_COUNT):
        raw = Entry(
            box=BOX,
            epoch=1,
            seq=seq,
            kind="PLAY_START",
            at_ms=1_790_000_000_000 + seq,
            tq="signed",
            rtc_ms=1_790_000_000_000 + seq,
            mono_ms=86_400_000 + seq,
            boot=12,
            body={"room": f"K{seq % 200}", "song": f"SONG-{seq:010d}", "kind": "guest", "catalog_epoch": 12},
        ).encode()
        chain = next_chain(chain, seq, raw)
        made.append((raw, chain))
    return made


class _Entries:
    """Stands for the core: the next entry for every request, and the answer behind it."""

    def __init__(self) -> None:
        self._made = entries()
        self._seq = 0

    def handle(self, event: Any, _now: Now) -> Sequence[Any]:
        if not isinstance(event, PlayRequested):
            return []
        raw, chain = self._made[self._seq % ENTRIES_COUNT]
        self._seq += 1
        return [
            Append(epoch=1, seq=self._seq - 1, entry=raw, chain=chain),
            Reply(request=event.request, status=201, body={}),
        ]


class _Side:
    """Sixteen writers on the event loop of the box, with one journal or another under it."""

    def __init__(self, folder: Path, _data: Path, quick: bool) -> None:
        self._for_s = ROUND_QUICK_S if quick else ROUND_S
        self._core = _Entries()
        self._journal = self._opened(folder)

    def _opened(self, folder: Path) -> Journal:
        raise NotImplementedError

    def measure(self) -> Figures:
        return asyncio.run(self._measure())

    async def _measure(self) -> Figures:
        runtime = Runtime(self._core, LinuxClock(), self._journal, _NoStore(), _unsigned)
        runtime.perform_by({Append: lambda _: None})
        loop = asyncio.create_task(runtime.run())
        ends_s = time.perf_counter() + self._for_s
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        counts = await asyncio.gather(*(self._write(runtime, number, ends_s) for number in range(WRITERS_COUNT)))
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        runtime.give_up()
        await loop
        return {"per_s": sum(counts) / wall_s, "cpu_us": cpu_s / sum(counts) * 1e6}

    async def _write(self, runtime: Runtime, number: int, ends_s: float) -> int:
        count, request = 0, f"w{number}"
        asked = PlayRequested(request=request, room="K1", song="SONG-1", kind="guest", file="")
        while time.perf_counter() < ends_s:
            await runtime.ask(request, asked)
            count += 1
        return count


class Ours(_Side):
    def _opened(self, folder: Path) -> Journal:
        journal = JournalFile(Folder(folder))
        journal.recover()
        return journal


class SqliteGroup(_Side):
    """One transaction for all entries that wait."""

    def _opened(self, folder: Path) -> Journal:
        return _SqliteJournal(folder, commits_each=False)


class SqliteEach(_Side):
    """One transaction for each entry."""

    def _opened(self, folder: Path) -> Journal:
        return _SqliteJournal(folder, commits_each=True)


class _SqliteJournal:
    """The same port, with a table under it."""

    def __init__(self, folder: Path, *, commits_each: bool) -> None:
        self._commits_each = commits_each
        self._database = sqlite3.connect(folder / "journal.sqlite", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry BLOB, chain BLOB)")

    def append(self, frames: Sequence[Frame]) -> None:
        if not self._commits_each:
            self._database.execute("BEGIN")
        rows = [(frame.seq, frame.entry, frame.chain) for frame in frames]
        self._database.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
        if not self._commits_each:
            self._database.execute("COMMIT")

    def recover(self) -> Recovered:
        raise NotImplementedError

    def head_at(self, size: int) -> bytes | None:
        raise NotImplementedError

    def read(self, seq: int, count_max: int, bytes_max: int) -> Sequence[Frame]:
        raise NotImplementedError


class _NoStore:
    def load(self) -> bytes | None:
        return None

    def save(self, raw: bytes) -> None:
        raise NotImplementedError


def _unsigned(_kind: str, _payload: bytes) -> Mapping[str, Any]:
    raise NotImplementedError


def measure(run: Run) -> Sequence[Row]:
    here = "bench.journal:"
    sides = {"ours": f"{here}Ours", "sqlite": f"{here}SqliteEach", "sqlite-group": f"{here}SqliteGroup"}
    got = interleaved(sides, run)
    for name, figures in got.items():
        run.say(f"{name}: {figures['per_s']:,.0f} entries/s, {figures['cpu_us']:.0f} us of CPU each")
    ours, unit = got["ours"]["per_s"], "entries/s"
    return [
        times_more("journal", ours, got["sqlite"]["per_s"], "SQLite WAL FULL, commit each", unit, 10),
        times_more("journal", ours, got["sqlite-group"]["per_s"], "SQLite WAL FULL, same group commit", unit, 2),
    ]


BENCH = Bench("journal", SAYS, measure)
