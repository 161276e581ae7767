"""A delta of 5,000 songs over a catalog of 1,000,000: our overlay, SQLite, LMDB."""

import random
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import lmdb

from bench import songs
from bench.row import Bench, Row, Run, times_cheaper
from bench.sides import Figures, interleaved
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.protocol import catalog_table
from device.protocol.catalog import gone_row
from tests.builders import BoardSecret

CHANGED_COUNT, NEW_COUNT, GONE_COUNT = 4_000, 500, 500

SAYS = (
    f"{CHANGED_COUNT:,} songs change, {NEW_COUNT} are new, {GONE_COUNT} go; until it is durable and a look-up sees it. "
    "Ours reads the overlay from the disk, compares it with the hashes of the manifest, writes and syncs it, replaces "
    "the manifest durably and maps the table; the signatures of the manifest (two, 0.2 ms) come before that and are "
    "not counted. SQLite (WAL FULL) and LMDB (synced) take the rows, already in memory and unverified, into their "
    "1,000,000 in one transaction. Milliseconds of the wall clock"
)


class _Side:
    """Applies another delta in every round; the first is not measured."""

    def __init__(self, folder: Path, _data: Path, _quick: bool) -> None:
        self._epoch = songs.EPOCH
        self._open(folder)
        self.measure()

    def _open(self, folder: Path) -> None:
        raise NotImplementedError

    def _prepare(self, rows: dict[str, bytes], gone: list[str]) -> None:
        raise NotImplementedError

    def _apply(self) -> None:
        raise NotImplementedError

    def measure(self) -> Figures:
        self._epoch += 1
        self._prepare(*delta(self._epoch))
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        self._apply()
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        return {"ms": wall_s * 1e3, "cpu_ms": cpu_s * 1e3}


def delta(seed: int) -> tuple[dict[str, bytes], list[str]]:
    """Rows by song, and songs that go; another delta for each seed."""
    numbers = random.Random(seed).sample(range(songs.SONGS_COUNT), CHANGED_COUNT + GONE_COUNT)
    first = songs.SONGS_COUNT + seed * NEW_COUNT
    written = [*numbers[:CHANGED_COUNT], *range(first, first + NEW_COUNT)]
    rows = {songs.song_id(number): songs.row(number, duration_s=100 + seed) for number in written}
    return rows, [songs.song_id(number) for number in numbers[CHANGED_COUNT:]]


class Ours(_Side):
    """`CatalogFile.switch`, as the box does it behind TUF."""

    def _open(self, folder: Path) -> None:
        self._base = (folder.parent / "catalog.bin").read_bytes()
        self._catalog = CatalogFile(Folder(songs.installed(folder)), BoardSecret())
        self._catalog.load()
        self._download = folder / "overlay.bin"

    def _prepare(self, rows: dict[str, bytes], gone: list[str]) -> None:
        overlay = catalog_table.build(self._epoch, [*rows.values(), *map(gone_row, gone)])
        self._manifest = songs.manifest(self._base, overlay)
        self._download.write_bytes(overlay)
        self._probe = next(iter(rows)), gone[0], rows

    def _apply(self) -> None:
        self._catalog.switch(self._manifest, {songs.table_path(self._epoch): self._download.read_bytes()})
        changed, gone, rows = self._probe
        assert self._catalog.find_row(changed) == rows[changed]
        assert self._catalog.find_row(gone) is None


class InSqlite(_Side):
    """One transaction."""

    def _open(self, folder: Path) -> None:
        shutil.copyfile(folder.parent / "catalog.sqlite", folder / "catalog.sqlite")
        self._database = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")

    def _prepare(self, rows: dict[str, bytes], gone: list[str]) -> None:
        self._rows, self._gone = list(rows.items()), [(song,) for song in gone]

    def _apply(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO songs VALUES (?, ?)", self._rows)
        self._database.executemany("DELETE FROM songs WHERE song = ?", self._gone)
        self._database.execute("COMMIT")


class InLmdb(_Side):
    """One transaction."""

    def _open(self, folder: Path) -> None:
        shutil.copyfile(folder.parent / "catalog.lmdb", folder / "catalog.lmdb")
        self._store = lmdb.open(str(folder / "catalog.lmdb"), subdir=False, map_size=1 << 30)

    def _prepare(self, rows: dict[str, bytes], gone: list[str]) -> None:
        self._rows, self._gone = [(song.encode(), row) for song, row in rows.items()], [song.encode() for song in gone]

    def _apply(self) -> None:
        with self._store.begin(write=True) as changes:
            for key, row in self._rows:
                changes.put(key, row)
            for key in self._gone:
                changes.delete(key)


def measure(run: Run) -> Sequence[Row]:
    songs.laid_out(run)
    for name in ("catalog.sqlite", "catalog.lmdb"):
        shutil.copyfile(songs.built(run) / name, run.folder / name)
    here = "bench.delta:"
    got = interleaved({"ours": f"{here}Ours", "sqlite": f"{here}InSqlite", "lmdb": f"{here}InLmdb"}, run)
    for name, figures in got.items():
        run.say(f"{name}: {figures['ms']:.1f} ms, {figures['cpu_ms']:.1f} ms of CPU")
    ours = got["ours"]["ms"]
    return [
        times_cheaper("delta", ours, got["sqlite"]["ms"], "SQLite WAL FULL, one transaction", "ms", 10),
        times_cheaper("delta", ours, got["lmdb"]["ms"], "LMDB, one transaction", "ms", 5),
    ]


BENCH = Bench("delta", SAYS, measure)
