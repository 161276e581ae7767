"""The catalog: its manifest, and what a row says of a song (SPEC 8.1, 8.2).

A catalog is a base table and some overlay tables of the same form (`catalog_table.py`); the newest that knows a song
answers.
"""

import binascii
import hashlib
import struct

from device.protocol.errors import MalformedError
from device.protocol.limits import CATALOG_ENTRIES_MAX, DAY_MS, MANIFEST_BYTES_MAX, OVERLAYS_MAX, UTC_OFFSET_MS
from device.protocol.record import Document, Record
from device.protocol.shape import INSTANT, PATH, SHA256, array, integer, maybe, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from device.protocol.catalog_table import Scopes

ROW_BYTES = 64
SONG_BYTES = 20
FILE_KEY_BYTES = 16
NAME_KEY_BYTES = 8
FILLER, ADVERT, TEST, CORE, GONE = 1, 2, 4, 8, 0x8000
GONE_BYTES = b"\x80\x00"  # flags from here on up: the highest bit
NO_FILE = b"\x00" * FILE_KEY_BYTES
NO_NAME = b"\x00" * NAME_KEY_BYTES
_ROW = ">21s16s8s8sHHHHHx"
NO_SCOPE = b"\x00" * 6


class ContentFile(Record):
    """A TUF target: path below the target directory, length in bytes, SHA-256 in hexadecimal."""

    path: str
    length: int
    sha256: str

    SHAPE = (("path", PATH), ("length", integer(1, 1 << 33)), ("sha256", SHA256))


class TableFile(Record):
    """A table of the catalog: the target, and H of its list of page hashes."""

    epoch: int
    entries: int
    path: str
    length: int
    sha256: str
    pages: str

    SHAPE = (
        ("epoch", integer(1)),
        ("entries", integer(0, CATALOG_ENTRIES_MAX)),
        ("path", PATH),
        ("length", integer(1, 1 << 33)),
        ("sha256", SHA256),
        ("pages", SHA256),
    )


class CatalogManifest(Document):
    """`catalog/manifest.json` (SPEC 8.1): `entries` songs are listed; the first table is the base.

    bans: the file of the bans that the release carries (8.7); None if there are none.
    """

    epoch: int
    issued_at_ms: int
    entries: int
    tables: "tuple[TableFile, ...]"
    bans: "ContentFile | None" = None

    BYTES_MAX = MANIFEST_BYTES_MAX
    SHAPE = (
        ("epoch", integer(1)),
        ("issued_at_ms", INSTANT),
        ("entries", integer(0, CATALOG_ENTRIES_MAX)),
        ("tables", array(record(TableFile), 1 + OVERLAYS_MAX, least=1)),
        ("bans", maybe(record(ContentFile))),
    )

    def __init__(self, **fields: "Any") -> None:
        super().__init__(**({"bans": None} | fields))

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Raises MalformedError also where the epochs of the tables do not rise to the manifest's."""
        manifest = super().from_plain(value, where)
        epochs = [table.epoch for table in manifest.tables]
        if epochs != sorted(set(epochs)) or epochs[-1] != manifest.epoch:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}: tables of epochs {epochs} for {manifest.epoch}")
        return manifest


class SongRecord:
    """What the box knows of a song: one row of a table (SPEC 8.2), read where it is asked."""

    __slots__ = ("_scopes", "row")

    def __init__(self, row: bytes, scopes: "Scopes" = ((),)) -> None:
        self.row = row
        self._scopes = scopes

    @property
    def song(self) -> str:
        return self.row[:SONG_BYTES].rstrip(b"\x00").decode()

    @property
    def file_key(self) -> bytes:
        return self.row[21:37]

    @property
    def work_key(self) -> bytes:
        return self.row[37:45]

    @property
    def picture_key(self) -> bytes:
        return self.row[45:53]

    @property
    def is_limited(self) -> bool:
        """Whether regions or dates limit the song: asked before each of them is read."""
        return self.row[53:59] != NO_SCOPE

    @property
    def regions(self) -> "tuple[str, ...] | None":
        """Where the song may be played, empty for everywhere; None for a scope that the catalog does not have."""
        scope = struct.unpack_from(">H", self.row, 53)[0]
        return self._scopes[scope] if scope < len(self._scopes) else None

    @property
    def not_before(self) -> int:
        """First day, since 1970-01-01 at UTC+08:00."""
        return int(struct.unpack_from(">H", self.row, 55)[0])

    @property
    def not_after(self) -> int:
        """Last day, since 1970-01-01 at UTC+08:00; 0 if there is none."""
        return int(struct.unpack_from(">H", self.row, 57)[0])

    @property
    def duration_s(self) -> int:
        """0 if it is not known."""
        return int(struct.unpack_from(">H", self.row, 59)[0])

    @property
    def flags(self) -> int:
        return int(struct.unpack_from(">H", self.row, 61)[0])


def day_of(instant_ms: int) -> int:
    """The day of an instant at UTC+08:00, counted from 1970-01-01."""
    return (instant_ms + UTC_OFFSET_MS) // DAY_MS


def row_of(  # noqa: PLR0913 - the fields of a row
    song: str,
    work: str,
    *,
    file: str = "",
    picture: str = "",
    duration_s: int = 0,
    flags: int = 0,
    scope: int = 0,
    not_before: int = 0,
    not_after: int = 0,
) -> bytes:
    """A row (SPEC 8.2). file, picture: SHA-256 in hexadecimal, or empty; scope: index into the table's scopes."""
    return struct.pack(
        _ROW,
        song.encode(),
        file_key(file) if file else NO_FILE,
        work_key(work),
        picture_key(picture) if picture else NO_NAME,
        scope,
        not_before,
        not_after,
        duration_s,
        flags,
    )


def gone_row(song: str) -> bytes:
    """The row of an overlay that takes a song out of the catalog."""
    return struct.pack(_ROW, song.encode(), NO_FILE, NO_NAME, NO_NAME, 0, 0, 0, 0, GONE)


def work_key(work: str) -> bytes:
    """The key of a work id: first 8 bytes of its SHA-256."""
    return hashlib.sha256(work.encode()).digest()[:NAME_KEY_BYTES]


def file_key(sha256: str) -> bytes:
    """The key of a file: first 16 bytes of its SHA-256 in hexadecimal."""
    return bytes(binascii.unhexlify(sha256[: 2 * FILE_KEY_BYTES]))


def picture_key(sha256: str) -> bytes:
    """The key of a picture or background video: first 8 bytes of the SHA-256 of its file in hexadecimal."""
    return bytes(binascii.unhexlify(sha256[: 2 * NAME_KEY_BYTES]))
