"""Look-up of a song among 1,000,000: the catalog file, a dict, SQLite."""

import gc
import pickle
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench import songs
from bench.machine import memory_mb
from bench.row import Bench, Row, Run, at_most, at_most_times, times_cheaper
from bench.sides import Figures, interleaved
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from tests.builders import BoardSecret

SAYS = (
    "a call with a song's id that hands back its row of 64 bytes or None; random, half of them unknown, all pages "
    "touched before. Ours (`CatalogFile.find_row`) verifies each page at first touch and reads a mapped file; the dict "
    "stands behind the same call (a bare `dict.get` is told while it runs), whole in memory, and verifies nothing; "
    "SQLite (WITHOUT ROWID, immutable, mapped) verifies nothing. Microseconds of CPU; open: from a cold file to the "
    "first answer; memory: anonymous, what the kernel cannot drop"
)

Find = Callable[[str], bytes | None]


class _Side:
    """Opens from cold files, as often as its class says; then looks all songs up in every round."""

    opens_count = 7

    def __init__(self, folder: Path, _data: Path, _quick: bool) -> None:
        self._wanted = songs.queries()
        self._files = self._installed(folder)
        gc.collect()
        before = memory_mb("self")
        self._find, open_ms = self._opened()
        self._look_all_up()
        self._memory_mb = memory_mb("self") - before
        opens_ms = [open_ms]
        while len(opens_ms) < self.opens_count:
            # What is mapped cannot be dropped from memory, so each is closed before the next.
            del self._find
            self._find, open_ms = self._opened()
            opens_ms.append(open_ms)
        self._open_ms = median(opens_ms)
        self._look_all_up()

    def _installed(self, folder: Path) -> list[Path]:
        """The files that are opened."""
        raise NotImplementedError

    def _open(self) -> Find:
        raise NotImplementedError

    def _opened(self) -> tuple[Find, float]:
        """From cold files to the first answer; milliseconds."""
        gc.collect()
        for path in self._files:
            songs.drop_from_memory(path)
        begun_s = time.perf_counter()
        find = self._open()
        find(self._wanted[0])
        return find, (time.perf_counter() - begun_s) * 1e3

    def _look_all_up(self) -> Figures:
        find, wanted = self._find, self._wanted
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        for song in wanted:
            find(song)
        cpu_s, wall_s = time.thread_time() - cpu_s, time.perf_counter() - wall_s
        return {"us": cpu_s / len(wanted) * 1e6, "wall_us": wall_s / len(wanted) * 1e6}

    def measure(self) -> Figures:
        # The other sides have used the processor's caches meanwhile: once through for nothing.
        self._look_all_up()
        return self._look_all_up() | {"memory_mb": self._memory_mb, "open_ms": self._open_ms}


class Ours(_Side):
    """`CatalogFile` as the box opens it at every start."""

    def _installed(self, folder: Path) -> list[Path]:
        self._content = songs.installed(folder)
        return list(self._content.iterdir())

    def _open(self) -> Find:
        catalog = CatalogFile(Folder(self._content), BoardSecret())
        catalog.load()
        return catalog.find_row


class InDict(_Side):
    """What a program without a catalog file would do: everything in one dict, read at start."""

    opens_count = 1

    def _installed(self, folder: Path) -> list[Path]:
        return [folder.parent / "dict.pickle"]

    def _open(self) -> Find:
        gc.disable()
        records = pickle.loads(self._files[0].read_bytes())  # noqa: S301 - written by this bench
        gc.enable()
        gc.freeze()

        def find(song: str) -> bytes | None:
            row: bytes | None = records.get(song)
            return row

        self._behind_the_call = find
        self._bare: Find = records.get
        return find

    def measure(self) -> Figures:
        figures = super().measure()
        self._find = self._bare
        bare_us = self._look_all_up()["us"]
        self._find = self._behind_the_call
        return figures | {"bare_us": bare_us}


class InSqlite(_Side):
    """A table without row ids, immutable and mapped into memory: the fastest that SQLite offers to readers."""

    def _installed(self, folder: Path) -> list[Path]:
        return [folder.parent / "catalog.sqlite"]

    def _open(self) -> Find:
        database = sqlite3.connect(f"file:{self._files[0]}?mode=ro&immutable=1", uri=True)
        database.execute("PRAGMA mmap_size = 268435456")
        ask = database.cursor().execute

        def find(song: str) -> bytes | None:
            row = ask("SELECT record FROM songs WHERE song = ?", (song,)).fetchone()
            return None if row is None else row[0]

        return find


def measure(run: Run) -> Sequence[Row]:
    songs.laid_out(run)
    for name in ("dict.pickle", "catalog.sqlite"):
        shutil.copyfile(songs.built(run) / name, run.folder / name)
    here = "bench.lookup:"
    got = interleaved({"ours": f"{here}Ours", "dict": f"{here}InDict", "sqlite": f"{here}InSqlite"}, run)
    ours, in_dict, in_sqlite = got["ours"], got["dict"], got["sqlite"]
    for name, figures in got.items():
        run.say(f"{name}: wall {figures['wall_us']:.2f} us, open {figures['open_ms']:.1f} ms")
    run.say(f"a bare dict.get: {in_dict['bare_us']:.2f} us")
    return [
        at_most_times("lookup", ours["us"], in_dict["us"], "dict of 1,000,000", "us", 1.6),
        times_cheaper("lookup", ours["us"], in_sqlite["us"], "SQLite WITHOUT ROWID, mmap", "us", 3),
        at_most("lookup-memory", ours["memory_mb"], "MB", 5, in_dict["memory_mb"], "dict of 1,000,000"),
        at_most("lookup-open", ours["open_ms"], "ms", 10, in_sqlite["open_ms"], "SQLite WITHOUT ROWID, mmap"),
    ]


BENCH = Bench("lookup", SAYS, measure)
