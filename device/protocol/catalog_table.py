"""A table of the catalog: its layout, look-up in it, and how one is made (SPEC 8.2, 8.3).

A table is made to be mapped into memory: opening costs its list of page hashes, a look-up touches one page of the
index and one or two of the rows, and the kernel may drop them again. `Table` reads what lies in a buffer; whether a
page is sound is asked of its owner, for only he knows the disk.
"""

import hashlib
import struct
from binascii import crc32

from device.protocol.catalog import (
    NO_FILE,
    ROW_BYTES,
    SONG_BYTES,
)
from device.protocol.errors import MalformedError
from device.protocol.limits import CATALOG_ENTRIES_MAX, SCOPE_REGIONS_MAX, SCOPES_MAX
from device.protocol.regions import is_region

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Scopes = tuple[tuple[str, ...], ...]

MAGIC = b"FBCATLG1"
HEADER_BYTES = 64
PAGE_BYTES = 4_096
HASH_BYTES = 32
BITS_MIN, BITS_MAX = 4, 20
EVERYWHERE: "Scopes" = ((),)
_HEADER = ">8sIIQIII28x"
_TAKEN_MAX = 15  # rows of one bucket


class Layout:
    """Where the parts of a table lie, from its header (SPEC 8.2); raises MalformedError `CATALOG_MALFORMED`."""

    def __init__(self, header: bytes, length: int) -> None:
        if len(header) < HEADER_BYTES or header[:8] != MAGIC:
            raise MalformedError("CATALOG_MALFORMED", "no catalog table")
        _, entries, row_bytes, epoch, bits, files, scopes = struct.unpack(_HEADER, header[:HEADER_BYTES])
        if row_bytes != ROW_BYTES or not BITS_MIN <= bits <= BITS_MAX or files > entries:
            raise MalformedError("CATALOG_MALFORMED", f"rows of {row_bytes} bytes, {bits} bits, {files} files")
        self.entries = entries
        self.epoch = epoch
        self.bits = bits
        self.files = files
        self.index_at = HEADER_BYTES
        self.file_index_at = HEADER_BYTES + (4 << bits)
        self.rows_at = HEADER_BYTES + (8 << bits)
        self.file_rows_at = self.rows_at + ROW_BYTES * entries
        self.scopes_at = self.file_rows_at + 4 * files
        self.pages_at = self.scopes_at + scopes
        self.pages = -(-self.pages_at // PAGE_BYTES)
        if length != self.pages_at + HASH_BYTES * self.pages:
            raise MalformedError("CATALOG_MALFORMED", f"{entries} rows and {scopes} bytes of scopes in {length} bytes")


class Table:
    """Look-up in one table whose layout is known.

    data: slices to bytes. words: the table up to its scopes as a sequence of words. checked: one byte a page, not 0
    once the page was compared with its hash; check(page) does that, and says whether it is sound.
    """

    def __init__(
        self, layout: Layout, data: "Any", words: "Any", checked: "Any", check: "Callable[[int], bool]"
    ) -> None:
        self.layout = layout
        self.find = _finder(layout, data, words, checked, check)
        self._data = data
        self._words = words
        self._checked = checked
        self._check = check
        self._rows_at = layout.rows_at
        self._rows_end = layout.file_rows_at

    def find_by_file(self, key: bytes) -> "bytes | None":
        """The row of a song whose file has this key; None as in `find`."""
        layout = self.layout
        bucket = struct.unpack(">I", key[:4])[0] >> 32 - layout.bits
        word = self._word(layout.file_index_at // 4 + bucket)
        first, count = word >> 12, (word >> 8) & 15
        for number in range(first, min(first + count, layout.files)):
            at = layout.rows_at + ROW_BYTES * self._word(layout.file_rows_at // 4 + number)
            if at < self._rows_end and self._is_sound(at >> 12):
                row: bytes = self._data[at : at + ROW_BYTES]
                if row[21:37] == key:
                    return row
        return None

    def rows(self) -> "list[bytes]":
        """Every row, in the order of the table."""
        return [bytes(self._data[at : at + ROW_BYTES]) for at in range(self._rows_at, self._rows_end, ROW_BYTES)]

    def _word(self, at: int) -> int:
        return int(self._words[at]) if self._is_sound(at >> 10) else 0

    def _is_sound(self, page: int) -> bool:
        return bool(self._checked[page]) or self._check(page)


def _finder(
    layout: Layout, data: "Any", words: "Any", checked: "Any", check: "Callable[[int], bool]"
) -> "Callable[[str], bytes | None]":
    """The look-up of a song, without anything that a million of them would feel."""
    shift = 32 - layout.bits
    first_word = layout.index_at // 4
    rows_at, rows_end = layout.rows_at, layout.file_rows_at

    def find(song: str) -> "bytes | None":
        """The song's row; None if the table has none, or if a page of it is not sound."""
        key = song.encode()
        crc = crc32(key)
        at = first_word + (crc >> shift)
        if not checked[at >> 10] and not check(at >> 10):
            return None
        word = words[at]
        if not word >> (crc & 7) & 1:
            return None
        key += b"\x00"
        at = rows_at + (word >> 12 << 6)
        left = (word >> 8) & 15
        # A row never lies on two pages: both are multiples of 64 bytes.
        while left and at < rows_end and (checked[at >> 12] or check(at >> 12)):
            row: bytes = data[at : at + 64]
            if row.startswith(key):
                return row
            at += 64
            left -= 1
        return None

    return find


def build(epoch: int, rows: "Iterable[bytes]", scopes: "Scopes" = EVERYWHERE) -> bytes:
    """The table of these rows, page hashes at its end.

    Raises MalformedError: `CATALOG_TOO_LARGE`, `CATALOG_DUPLICATE` for two rows of one song.
    """
    ordered = sorted([struct.pack(">I", crc32(row[:SONG_BYTES].rstrip(b"\x00"))) + row for row in rows])
    if len(ordered) > CATALOG_ENTRIES_MAX or len(scopes) > SCOPES_MAX:
        raise MalformedError("CATALOG_TOO_LARGE", f"{len(ordered)} songs, {len(scopes)} scopes")
    bits = BITS_MIN
    while bits < BITS_MAX and 1 << bits < len(ordered):
        bits += 1
    before = b""
    numbers: dict[bytes, int] = {}
    for number, row in enumerate(ordered):
        if row[:25] == before:
            raise MalformedError("CATALOG_DUPLICATE", f"two rows of one song, {row[4:24]!r}")
        before = row[:25]
        if row[25:41] not in numbers:
            numbers[row[25:41]] = number
    numbers.pop(NO_FILE, 0)
    files = sorted(numbers)
    listed = ";".join([",".join(regions) for regions in scopes[1:]]).encode()
    header = struct.pack(_HEADER, MAGIC, len(ordered), ROW_BYTES, epoch, bits, len(files), len(listed))
    body = b"".join(
        [header, _index(ordered, bits), _index(files, bits)]
        + [row[4:] for row in ordered]
        + [struct.pack("<I", numbers[key]) for key in files]
        + [listed]
    )
    return body + page_hashes(body)


def _index(keys: "list[bytes]", bits: int) -> bytes:
    """One word for each value of the keys' first bits (SPEC 8.2)."""
    words = [0] * (1 << bits)
    shift = 32 - bits
    for number, key in enumerate(keys):
        bucket = ((key[0] << 24) | (key[1] << 16) | (key[2] << 8) | key[3]) >> shift
        word = words[bucket] or number << 12
        if (word >> 8) & 15 == _TAKEN_MAX:
            raise MalformedError("CATALOG_TOO_LARGE", f"more than {_TAKEN_MAX} songs in one bucket")
        words[bucket] = (word + 256) | (1 << (key[3] & 7))
    return b"".join([struct.pack("<I", word) for word in words])


def page_hashes(body: bytes) -> bytes:
    """H of each page, the last one short (SPEC 8.3)."""
    starts = range(0, len(body), PAGE_BYTES)
    return b"".join([hashlib.sha256(body[start : start + PAGE_BYTES]).digest() for start in starts])


def read_scopes(listed: bytes) -> "Scopes":
    """The table's scopes: the first is everywhere. Raises MalformedError `CATALOG_MALFORMED`."""
    found: list[tuple[str, ...]] = [()]
    if listed:
        try:
            found += [tuple(scope.split(",")) for scope in listed.decode().split(";")]
        except UnicodeError:
            raise MalformedError("CATALOG_MALFORMED", "scopes are no text")
    for scope in found[1:]:
        if not len(scope) <= SCOPE_REGIONS_MAX or not all([is_region(region) for region in scope]):
            raise MalformedError("CATALOG_MALFORMED", f"a scope of {len(scope)} regions, or of none that exist")
    if len(found) > SCOPES_MAX:
        raise MalformedError("CATALOG_MALFORMED", f"{len(found)} scopes, at most {SCOPES_MAX}")
    return tuple(found)


def read_table(data: bytes) -> Table:
    """A whole table in memory, every page compared with its hash; raises MalformedError `CATALOG_MALFORMED`."""
    layout = Layout(data[:HEADER_BYTES], len(data))
    if page_hashes(data[: layout.pages_at]) != data[layout.pages_at :]:
        raise MalformedError("CATALOG_MALFORMED", "a page is not what its hash says")
    words = struct.unpack(f"<{layout.scopes_at // 4}I", data[: layout.scopes_at])
    return Table(layout, data, words, b"\x01" * layout.pages, lambda _page: False)
