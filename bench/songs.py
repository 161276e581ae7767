"""A catalog of 1,000,000 songs, in our format and in those of the peers, built once and kept.

The songs follow from their numbers, so every side holds the same. `catalog.fbc` and its pages are ours, `dict.pickle`
is what a program without a catalog file would keep in memory, `catalog.sqlite` the table that most would use.
"""

import hashlib
import os
import pickle
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.row import Run
from device.drivers.catalog_file import CatalogFile
from device.protocol import catalog
from device.protocol.catalog import CatalogManifest, ContentFile, SongRecord, file_key, text_key

SONGS_COUNT = 1_000_000
QUERIES_COUNT = 200_000
EPOCH = 1
_RECORD = struct.Struct(">16s16sHH")


def song_id(number: int) -> str:
    return f"SONG-{7 * number + 13:010d}"


def song(number: int, duration_s: int = 240) -> SongRecord:
    file = hashlib.sha256(b"file %d" % number).hexdigest()
    return SongRecord(song_id(number), text_key(f"WORK-{number // 3}"), file_key(file), duration_s, 0)


def all_songs() -> Iterator[SongRecord]:
    return map(song, range(SONGS_COUNT))


def queries() -> list[str]:
    """Songs in random order, half of which the catalog does not have."""
    chance = random.Random(2)
    there = [song_id(number) for number in chance.sample(range(SONGS_COUNT), QUERIES_COUNT // 2)]
    wanted = there + [f"{name}X" for name in there]
    chance.shuffle(wanted)
    return wanted


def pairs() -> Iterator[tuple[bytes, bytes]]:
    """Key and record as the peers store them: the same bytes that our file holds."""
    return ((text_key(song.song), song.encode()) for song in all_songs())


def decoded(song: str, raw: bytes) -> SongRecord:
    """The record of a song as a peer stored it."""
    return SongRecord(song, *_RECORD.unpack_from(raw))


def built(run: Run) -> Path:
    """The folder with the catalog in every format; takes a minute the first time."""
    folder = run.data / f"songs-{SONGS_COUNT}-{_format()}"
    folder.mkdir(exist_ok=True)
    formats: dict[str, Callable[[Path], None]] = {
        "catalog.fbc": _ours, "dict.pickle": _pickled, "catalog.sqlite": _in_sqlite,
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
    """Put the catalog with its pages and manifest into the bench's folder, as a download would."""
    data = (built(run) / "catalog.fbc").read_bytes()
    pages = catalog.pages_of(data)
    (run.folder / "catalog.bin").write_bytes(data)
    (run.folder / "catalog.pages").write_bytes(pages)
    (run.folder / "manifest.json").write_bytes(_manifest(data, pages))


def installed(folder: Path) -> Path:
    """The content folder of a box, in the folder of a side, with what was laid out beside it."""
    source, content = folder.parent, folder / "content"
    content.mkdir()
    for name in ("catalog.bin", "catalog.pages"):
        shutil.copyfile(source / name, folder / name)
    manifest = (source / "manifest.json").read_bytes()
    CatalogFile(content).switch(manifest, folder / "catalog.bin", folder / "catalog.pages")
    return content


def _manifest(data: bytes, pages: bytes) -> bytes:
    """The manifest of a base; TUF has verified it before a box sees it."""

    def file(path: str, content: bytes) -> ContentFile:
        return ContentFile(path=path, length=len(content), sha256=hashlib.sha256(content).hexdigest())

    return CatalogManifest(
        epoch=EPOCH,
        issued_at_ms=1_790_000_000_000,
        entries=SONGS_COUNT,
        catalog=file("catalog/catalog.bin", data),
        pages=file("catalog/catalog.pages", pages),
    ).encode()


def drop_from_memory(path: Path) -> None:
    """Let the next reader find nothing of the file in the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _format() -> str:
    """What is built depends on these two modules; either changes, it is built anew."""
    sources = Path(__file__).read_bytes() + Path(catalog.__file__).read_bytes()
    return hashlib.sha256(sources).hexdigest()[:12]


def _ours(path: Path) -> None:
    path.write_bytes(catalog.build(EPOCH, all_songs()))


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(dict(pairs())))


def _in_sqlite(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA page_size = 4096")
    database.execute("CREATE TABLE songs (key BLOB PRIMARY KEY, record BLOB) WITHOUT ROWID")
    with database:
        database.executemany("INSERT INTO songs VALUES (?, ?)", sorted(pairs()))
    database.close()
