"""A CSV file as rows of text: encoding, delimiter, header, and every row with its number.

Rules:

1. Encoding: a byte order mark decides; else UTF-8 if the whole file is UTF-8, else GB18030 (which contains GBK).
   Anything else, and NUL characters, are refused with the place.
2. Delimiter: the one of `,;TAB|` that stands most often in the header outside quotes, unless it is given.
3. A row's number counts the header as 1, as a spreadsheet does. Empty rows are skipped and counted.
4. A quote that is opened and never closed swallows the rest of the file, so it ends the reading with an error.

Pure: bytes in, rows out; the file is decoded as it is read.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

FILE_BYTES_MAX = 256 << 20
COLUMNS_MAX = 64
CELL_CHARS_MAX = 2_000
DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK_BYTES = 1 << 20


class CsvError(Exception):
    """The file as a whole cannot be read; `code` is one of `findings.SENTENCES`, `row` 0 if no row is at fault."""

    def __init__(self, code: str, detail: str = "", row: int = 0) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.row = row


@dataclass(frozen=True)
class Form:
    """How a file is written."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


def read_form(raw: bytes, delimiter: str = "") -> Form:
    """Find out how the file is written; raises CsvError."""
    if len(raw) > FILE_BYTES_MAX:
        raise CsvError("FILE_TOO_LARGE", f"{len(raw)} bytes, at most {FILE_BYTES_MAX}")
    encoding = _encoding(raw)
    first = _first_line(raw, encoding)
    found = delimiter or _delimiter(first)
    header = next(_cells(raw, encoding, found), None)
    if header is None or not any(cell.strip() for cell in header):
        raise CsvError("FILE_EMPTY")
    names = tuple(cell.strip() for cell in header)
    if len(names) > COLUMNS_MAX:
        raise CsvError("COLUMNS_TOO_MANY", f"{len(names)}, at most {COLUMNS_MAX}", 1)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise CsvError("COLUMN_TWICE", ", ".join(twice)[:100], 1)
    return Form(encoding, found, names)


def rows(raw: bytes, form: Form) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every row after the header; raises CsvError (rule 4)."""
    for number, cells in enumerate(_cells(raw, form.encoding, form.delimiter), start=1):
        if number > 1 and any(cells):
            yield number, cells


def _cells(raw: bytes, encoding: str, delimiter: str) -> Iterator[list[str]]:
    # The csv module's own limit on a cell stands above ours, so that a long cell is a bad row and not the end.
    text = io.TextIOWrapper(io.BytesIO(raw), encoding, newline="")
    count = 0
    try:
        for cells in csv.reader(text, delimiter=delimiter, strict=True):
            count += 1
            yield cells
    except csv.Error as error:
        raise CsvError("QUOTES_WRONG", str(error), count + 1) from error


def _encoding(raw: bytes) -> str:
    named = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "")
    for encoding in (named,) if named else ("utf-8", "gb18030"):
        if _decodes(raw, encoding):
            return encoding
    raise CsvError("FILE_ENCODING", named or "neither UTF-8 nor GB18030")


def _decodes(raw: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(raw), _CHUNK_BYTES):
            chunk = raw[start : start + _CHUNK_BYTES]
            if "\x00" in decoder.decode(chunk, start + _CHUNK_BYTES >= len(raw)):
                raise CsvError("FILE_ENCODING", "NUL characters: this is no text file")
    except UnicodeDecodeError:
        return False
    return True


def _first_line(raw: bytes, encoding: str) -> str:
    # A header of more characters than this has too many columns or too long names in any case.
    text = io.TextIOWrapper(io.BytesIO(raw), encoding, newline=None)
    return text.readline(COLUMNS_MAX * CELL_CHARS_MAX)


def _delimiter(line: str) -> str:
    outside = "".join(part for at, part in enumerate(line.split('"')) if at % 2 == 0)
    return max(DELIMITERS, key=outside.count)
