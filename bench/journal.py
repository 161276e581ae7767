"""Entries made durable for sixteen writers at once: our journal, SQLite, and the bare write below which none can go."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bench.row import Bench, Row, Run, times_more
from bench.sides import Figures, interleaved
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.drivers.journal_owner import Owner
from device.drivers.journal_segment import SEGMENT_BYTES, write_zeros
from device.ports import Frame
from device.protocol import journal as protocol
from device.protocol.journal import Entry, first_chain, next_chain
from tests.builders import BoardSecret

WRITERS_COUNT = 16
ENTRIES_COUNT = 8_192  # made beforehand and used in turn
ROUND_S, ROUND_QUICK_S = 1.5, 0.8
OF_BARE_MIN = 0.8  # of what the disk allows: a journal that frames, checks and keeps costs something
BOX = "KTV-00000001"

SAYS = (
    f"{WRITERS_COUNT} entries (PLAY_START of real size, made beforehand) wait at once, as the event loop hands them "
    "over; the next come when these are durable. Ours: frames with CRC and chain value into a pre-written segment, "
    "durable as one group, the next segment written by a thread beside it. SQLite WAL FULL, warm: the same entries as "
    "rows, one commit each, or one commit a group. No side computes chain values; our bookmark, one a second at most, "
    "is left out. The bare write: the frames, joined beforehand, through the same call past the page cache into a file "
    "of zeros; nothing is framed, kept or found again. Entries per second of the wall clock"
)
INSERT = "INSERT INTO entries VALUES (?, ?, ?)"
Append = Callable[[Sequence[Frame]], None]


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


class _Side:
    """Groups of sixteen entries, one after the other, into one journal or another."""

    def __init__(self, folder: Path, _data: Path, quick: bool) -> None:
        self._for_s = ROUND_QUICK_S if quick else ROUND_S
        self._entries = entries()
        self._seq = 0
        self._append = self._opened(folder)
        self.measure()

    def _opened(self, folder: Path) -> Append:
        raise NotImplementedError

    def measure(self) -> Figures:
        append, next_group = self._append, self._next_group
        begun_seq, wall_s, cpu_s = self._seq, 0.0, 0.0
        while wall_s < self._for_s:
            group = next_group()
            begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
            append(group)
            wall_s += time.perf_counter() - begun_s
            cpu_s += time.process_time() - begun_cpu_s
        count = self._seq - begun_seq
        return {"per_s": count / wall_s, "cpu_us": cpu_s / count * 1e6}

    def _next_group(self) -> list[Frame]:
        first, self._seq = self._seq, self._seq + WRITERS_COUNT
        return [Frame(1, seq, *self._entries[seq % ENTRIES_COUNT]) for seq in range(first, self._seq)]


class Ours(_Side):
    """The journal of the box, with the thread beside it that writes the next segment."""

    def _opened(self, folder: Path) -> Append:
        # A clock that stands still: no bookmarks.
        journal = JournalFile(Folder(folder), Owner(BOX, BoardSecret()), mono_s=lambda: 0.0)
        journal.recover()
        beside = ThreadPoolExecutor(1)
        tending: list[Future[None]] = []

        def append(frames: Sequence[Frame]) -> None:
            journal.append(frames)
            if journal.needs_tending and all(call.done() for call in tending):
                tending[:] = [beside.submit(journal.tend)]

        return append


class BareWrite(_Side):
    """What the disk asks for the same bytes: one synced write a group, in a lock step no journal is faster."""

    def _opened(self, folder: Path) -> Append:
        raw = [protocol.frame(entry, chain) for entry, chain in self._entries]
        groups = [b"".join(raw[at : at + WRITERS_COUNT]) for at in range(0, ENTRIES_COUNT, WRITERS_COUNT)]
        disk = Folder(folder)
        write_zeros(disk, "bare", SEGMENT_BYTES)
        end = 0

        def append(frames: Sequence[Frame]) -> None:
            nonlocal end
            data = groups[frames[0].seq % ENTRIES_COUNT // WRITERS_COUNT]
            if end + len(data) > SEGMENT_BYTES:
                end = 0
            disk.append("bare", end, data)
            end += len(data)

        return append


class SqliteGroup(_Side):
    """One transaction for all entries that wait."""

    def _opened(self, folder: Path) -> Append:
        database = _table(folder)

        def append(frames: Sequence[Frame]) -> None:
            database.execute("BEGIN")
            database.executemany(INSERT, [(frame.seq, frame.entry, frame.chain) for frame in frames])
            database.execute("COMMIT")

        return append


class SqliteEach(_Side):
    """One transaction for each entry."""

    def _opened(self, folder: Path) -> Append:
        database = _table(folder)

        def append(frames: Sequence[Frame]) -> None:
            for frame in frames:
                database.execute(INSERT, (frame.seq, frame.entry, frame.chain))

        return append


def _table(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "journal.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry BLOB, chain BLOB)")
    return database


def measure(run: Run) -> Sequence[Row]:
    here = "bench.journal:"
    sides = {
        "ours": f"{here}Ours",
        "bare": f"{here}BareWrite",
        "sqlite": f"{here}SqliteEach",
        "sqlite-group": f"{here}SqliteGroup",
    }
    got = interleaved(sides, run)
    for name, figures in got.items():
        run.say(f"{name}: {figures['per_s']:,.0f} entries/s, {figures['cpu_us']:.0f} us of CPU each")
    ours, unit = got["ours"]["per_s"], "entries/s"
    bare, group = got["bare"]["per_s"], got["sqlite-group"]["per_s"]
    run.say(f"a bare synced write of the same bytes is {bare / group:.2f} x SQLite with the same group commit")
    return [
        times_more("journal", ours, got["sqlite"]["per_s"], "SQLite WAL FULL, commit each", unit, 10),
        times_more("journal", ours, group, "SQLite WAL FULL, same group commit", unit, 2),
        times_more("journal", ours, bare, "a bare synced write of the same bytes", unit, OF_BARE_MIN),
    ]


BENCH = Bench("journal", SAYS, measure)
