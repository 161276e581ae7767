"""The catalog: manifest, file layout, look-up (SPEC 8).

The file is made to be mapped into memory: opening costs nothing, a look-up touches two pages, and the kernel may drop
them again. `data` below is anything that slices and has `find`: bytes, or an mmap.
"""

import binascii
import hashlib
import struct

from device.protocol.errors import MalformedError
from device.protocol.limits import CATALOG_ENTRIES_MAX, MANIFEST_BYTES_MAX
from device.protocol.record import Document, Record
from device.protocol.shape import INSTANT, PATH, SHA256, integer, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

MAGIC = b"FBCATLG1"
HEADER_BYTES = 32
KEY_BYTES = 16
RECORD_BYTES = 40
BUCKETS = 65_536
INDEX_BYTES = 4 * (BUCKETS + 1)
KEYS_AT = HEADER_BYTES + INDEX_BYTES
PAGE_BYTES = 4_096
FILLER, ADVERT, TEST = 1, 2, 4
NO_FILE = b"\x00" * KEY_BYTES


class ContentFile(Record):
    """A TUF target: path below the target directory, length in bytes, SHA-256 in hexadecimal."""

    path: str
    length: int
    sha256: str

    SHAPE = (("path", PATH), ("length", integer(1, 1 << 33)), ("sha256", SHA256))


class CatalogManifest(Document):
    """`catalog/manifest.json` (SPEC 8.1)."""

    epoch: int
    issued_at_ms: int
    entries: int
    catalog: ContentFile
    pages: ContentFile

    BYTES_MAX = MANIFEST_BYTES_MAX
    SHAPE = (
        ("epoch", integer(1)),
        ("issued_at_ms", INSTANT),
        ("entries", integer(0, CATALOG_ENTRIES_MAX)),
        ("catalog", record(ContentFile)),
        ("pages", record(ContentFile)),
    )


class SongRecord:
    """What the box knows of a song: keys are the first 16 bytes of a SHA-256, `duration_s` may be 0 (unknown)."""

    __slots__ = ("duration_s", "file_key", "flags", "song", "work_key")

    def __init__(self, song: str, work_key: bytes, file_key: bytes, duration_s: int, flags: int) -> None:
        self.song = song
        self.work_key = work_key
        self.file_key = file_key
        self.duration_s = duration_s
        self.flags = flags

    def encode(self) -> bytes:
        return struct.pack(">16s16sHH4x", self.work_key, self.file_key, self.duration_s, self.flags)


def text_key(text: str) -> bytes:
    """The key of a song or work id: first 16 bytes of its SHA-256."""
    return bytes(hashlib.sha256(text.encode()).digest()[:KEY_BYTES])


def file_key(sha256: str) -> bytes:
    """The key of a file: first 16 bytes of its SHA-256 in hexadecimal."""
    return bytes(binascii.unhexlify(sha256[: 2 * KEY_BYTES]))


def build(epoch: int, songs: "Iterable[SongRecord]") -> bytes:
    """The catalog file of these songs; raises MalformedError if there are too many or two with one key."""
    rows = sorted([(text_key(song.song), song.encode()) for song in songs])
    if len(rows) > CATALOG_ENTRIES_MAX:
        raise MalformedError("CATALOG_TOO_LARGE", f"{len(rows)} songs, at most {CATALOG_ENTRIES_MAX}")
    bounds = [0] * (BUCKETS + 1)
    previous = b""
    for key, _ in rows:
        if key == previous:
            raise MalformedError("CATALOG_DUPLICATE", f"two songs with key {key.hex()}")
        previous = key
        bounds[((key[0] << 8) | key[1]) + 1] += 1
    for bucket in range(BUCKETS):
        bounds[bucket + 1] += bounds[bucket]
    index = b"".join([struct.pack(">I", bound) for bound in bounds])
    header = MAGIC + struct.pack(">IIQ8x", len(rows), RECORD_BYTES, epoch)
    return header + index + b"".join([key for key, _ in rows]) + b"".join([song for _, song in rows])


def pages_of(data: bytes) -> bytes:
    """The pages file (SPEC 8.3)."""
    starts = range(0, len(data), PAGE_BYTES)
    return b"".join([hashlib.sha256(data[start : start + PAGE_BYTES]).digest() for start in starts])


def read_header(data: "Any") -> "tuple[int, int]":
    """Entries and epoch of a catalog file; raises MalformedError if its header and length do not agree."""
    if len(data) < KEYS_AT or bytes(data[:8]) != MAGIC:
        raise MalformedError("CATALOG_MALFORMED", "no catalog file")
    entries, record_bytes, epoch = struct.unpack(">IIQ", bytes(data[8:24]))
    if record_bytes != RECORD_BYTES or len(data) != KEYS_AT + entries * (KEY_BYTES + RECORD_BYTES):
        raise MalformedError("CATALOG_MALFORMED", f"{entries} entries in {len(data)} bytes")
    return entries, epoch


def find(data: "Any", entries: int, song: str) -> "SongRecord | None":
    """Look a song up in a catalog file with this number of entries."""
    key = text_key(song)
    bucket_at = HEADER_BYTES + 4 * ((key[0] << 8) | key[1])
    low, high = struct.unpack(">II", bytes(data[bucket_at : bucket_at + 8]))
    # A page that was damaged after opening must not lead out of the keys; whoever mapped the file sees its hash.
    if not low <= high <= entries:
        return None
    at = KEYS_AT + low * KEY_BYTES
    end = KEYS_AT + high * KEY_BYTES
    while True:
        at = data.find(key, at, end)
        if at < 0:
            return None
        offset = at - KEYS_AT
        # SPEC 8.2: a match may straddle two keys, and is then none.
        if offset % KEY_BYTES == 0:
            return _record_at(data, song, KEYS_AT + entries * KEY_BYTES + offset // KEY_BYTES * RECORD_BYTES)
        at += 1


def _record_at(data: "Any", song: str, at: int) -> SongRecord:
    work, file, duration_s, flags = struct.unpack(">16s16sHH", bytes(data[at : at + 36]))
    return SongRecord(song, work, file, duration_s, flags)
