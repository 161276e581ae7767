"""A catalog of 1,000,000 songs, in our format and in those of the peers, built once and kept.

The songs follow from their numbers, so every side holds the same rows. `catalog.fbc` is our table, `dict.pickle`
is what a program without a catalog file would keep in memory, `catalog.sqlite` the table that most would use,
`catalog.lmdb` the fastest embedded store we know.
"""

import hashlib
import os
import pickle
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb

from bench.row import Run
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.protocol import catalog, catalog_table
from device.protocol.catalog import CatalogManifest, TableFile, row_of
from tests.builders import BoardSecret

SONGS_COUNT = 1_000_000
QUERIES_COUNT = 200_000
EPOCH = 1


def song_id(number: int) -> str:
    return f"SONG-{7 * number + 13:010d}"


def row(number: int, duration_s: int = 240) -> bytes:
    file = hashlib.sha256(b"file %d" % number).hexdigest()
    return row_of(song_id(number), f"WORK-{number // 3}", file=file, duration_s=duration_s)


def all_rows() -> Iterator[bytes]:
    return map(row, range(SONGS_COUNT))


def queries() -> list[str]:
    """Songs in random order, half of which the catalog does not have."""
    chance = random.Random(2)
    there = [song_id(number) for number in chance.sample(range(SONGS_COUNT), QUERIES_COUNT // 2)]
    wanted = there + [f"{name}X" for name in there]
    chance.shuffle(wanted)
    return wanted


def pairs() -> Iterator[tuple[str, bytes]]:
    """Song id and row as the peers store them: the same bytes that our table holds."""
    return ((song_id(number), row(number)) for number in range(SONGS_COUNT))


def built(run: Run) -> Path:
    """The folder with the catalog in every format; takes a minute the first time."""
    folder = run.data / f"songs-{SONGS_COUNT}-{_format()}"
    folder.mkdir(exist_ok=True)
    formats: dict[str, Callable[[Path], None]] = {
        "catalog.fbc": _ours, "dict.pickle": _pickled, "catalog.sqlite": _in_sqlite, "catalog.lmdb": _in_lmdb,
    }  # fmt: skip
    for name, write in formats.items():
        path = folder / name
        if not path.exists():
            run.say(f"building {name} with {SONGS_COUNT:,} songs")
            unfinished = folder / f"{name}.new"
            unfinished.unlink(missing_ok=True)
            write(unfinished)
            unfinished.replace(path)
    return folder


def laid_out(run: Run) -> None:
    """Put the catalog with its manifest into the bench's folder, as a download would."""
    data = (built(run) / "catalog.fbc").read_bytes()
    (run.folder / "catalog.bin").write_bytes(data)
    (run.folder / "manifest.json").write_bytes(manifest(data))


def installed(folder: Path) -> Path:
    """The content folder of a box, in the folder of a side, with what was laid out beside it."""
    source, content = folder.parent, folder / "content"
    content.mkdir()
    catalog = CatalogFile(Folder(content), BoardSecret())
    raw = (source / "manifest.json").read_bytes()
    (table,) = CatalogManifest.decode(raw).tables
    shutil.copyfile(source / "catalog.bin", content / catalog.name_of(table))
    catalog.switch(raw)
    return content


def manifest(*tables: bytes) -> bytes:
    """The manifest of a base and its overlays; TUF has verified it before a box sees it."""
    files = tuple(_table_file(data) for data in tables)
    return CatalogManifest(
        epoch=files[-1].epoch, issued_at_ms=1_790_000_000_000, entries=SONGS_COUNT, tables=files
    ).encode()


def _table_file(data: bytes) -> TableFile:
    layout = catalog_table.Layout(data[: catalog_table.HEADER_BYTES], len(data))
    return TableFile(
        epoch=layout.epoch,
        entries=layout.entries,
        path=table_path(layout.epoch),
        length=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pages=hashlib.sha256(data[layout.pages_at :]).hexdigest(),
    )


def table_path(epoch: int) -> str:
    return f"catalog/table-{epoch}.bin"


def drop_from_memory(path: Path) -> None:
    """Let the next reader find nothing of the file in the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _format() -> str:
    """What is built depends on these modules; if one changes, it is built anew."""
    sources = [Path(name).read_bytes() for name in (__file__, catalog.__file__, catalog_table.__file__)]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def _ours(path: Path) -> None:
    path.write_bytes(catalog_table.build(EPOCH, all_rows()))


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(dict(pairs())))


def _in_sqlite(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA page_size = 4096")
    database.execute("CREATE TABLE songs (song TEXT PRIMARY KEY, record BLOB) WITHOUT ROWID")
    with database:
        database.executemany("INSERT INTO songs VALUES (?, ?)", sorted(pairs()))
    database.close()


def _in_lmdb(path: Path) -> None:
    with lmdb.open(str(path), subdir=False, lock=False, map_size=1 << 30) as store, store.begin(write=True) as changes:
        rows = ((song.encode(), row) for song, row in sorted(pairs()))
        changes.cursor().putmulti(rows, append=True)
