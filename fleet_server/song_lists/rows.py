"""From a row of text to a song (SPEC 4.4, 8.2), or to what is wrong with it.

Columns of ours: `song` and `title` are needed; `artist`, `language`, `work` (the work of which this is a version, by
default the song itself), `sha256` (of the file), `duration_s`, `kind` (guest, filler, advert, test), `core` (yes, no:
of the core catalog), `picture` (SHA-256 of picture or background video), `regions` (codes where it may be played, by
default everywhere), `not_before` and `not_after` (first and last day, YYYY-MM-DD) may be missing.
Every fault of a row is reported, not only the first.

Pure.
"""

import string
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from device.protocol.catalog import ADVERT, CORE, FILLER, TEST
from device.protocol.limits import CATALOG_ENTRIES_MAX, SCOPE_REGIONS_MAX
from device.protocol.regions import is_region
from device.protocol.shape import is_readable
from fleet_server.song_lists.csv_file import CELL_CHARS_MAX, CsvError, Form, rows
from fleet_server.song_lists.findings import Finding

# Our names, and what a file may call them when no mapping is given.
ALIASES: dict[str, list[str]] = {
    "song": ["song", "id", "歌曲编号", "曲目编码", "编号"],
    "title": ["title", "name", "歌名", "歌曲名称"],
    "artist": ["artist", "singer", "歌手", "演唱者"],
    "language": ["language", "语种"],
    "work": ["work", "作品编号"],
    "sha256": ["sha256", "文件摘要"],
    "duration_s": ["duration_s", "时长"],
    "kind": ["kind", "类型"],
    "core": ["core", "核心曲目"],
    "picture": ["picture", "画面摘要"],
    "regions": ["regions", "地区范围"],
    "not_before": ["not_before", "起始日期"],
    "not_after": ["not_after", "截止日期"],
}
NEEDED = ("song", "title")
CORES = {"": 0, "no": 0, "yes": CORE, "0": 0, "1": CORE, "否": 0, "是": CORE}
KINDS = {"": 0, "guest": 0, "filler": FILLER, "advert": ADVERT, "test": TEST}
SONG_CHARS_MAX = 20
WORK_CHARS_MAX = 40
TEXT_CHARS_MAX = {"title": 200, "artist": 200, "language": 100}
DURATION_S_MAX = 65_535
FIRST_DAY = date(1970, 1, 1)
DAY_MAX = 65_535

_SONG_CHARS = frozenset(string.ascii_letters + string.digits + "_-")
_HEX_CHARS = frozenset("0123456789abcdef")


class Song(NamedTuple):
    """One row of the list, in the order of the table's columns.

    regions: codes joined by commas, empty for everywhere. not_before, not_after: days since 1970-01-01, 0 for none.
    """

    song: str
    title: str
    artist: str
    language: str
    work: str
    sha256: str
    duration_s: int
    flags: int
    picture: str
    regions: str
    not_before: int
    not_after: int


def map_columns(header: tuple[str, ...], asked: Mapping[str, str]) -> dict[str, int]:
    """Where each column of ours stands in the file. `asked` names the file's columns; without it names are guessed.

    Raises CsvError `COLUMN_MISSING`.
    """
    unknown = sorted(set(asked) - set(ALIASES))
    if unknown:
        raise CsvError("COLUMN_MISSING", f"no such column of ours: {', '.join(unknown)[:100]}")
    places = {name.casefold(): at for at, name in enumerate(header)}
    found = {}
    for name, aliases in ALIASES.items():
        names = [asked[name]] if name in asked else [] if asked else aliases
        place = next((places[alias.casefold()] for alias in names if alias.casefold() in places), None)
        if place is not None:
            found[name] = place
        elif name in asked or name in NEEDED:
            raise CsvError("COLUMN_MISSING", f"{name}={asked.get(name, '?')}"[:100], 1)
    return found


def read_songs(raw: bytes, form: Form, columns: Mapping[str, int]) -> Iterator[Song | list[Finding]]:
    """Each row as a song, or as its faults; raises CsvError where the file cannot be read on."""
    seen: set[str] = set()
    for number, cells in rows(raw, form):
        if len(seen) >= CATALOG_ENTRIES_MAX:
            raise CsvError("ROWS_TOO_MANY", f"at most {CATALOG_ENTRIES_MAX} songs", number)
        row = _Row(number, cells, form.header, columns)
        song = row.read()
        if not row.faults and song.song in seen:
            row.fault("song", "SONG_TWICE", song.song)
        if row.faults:
            yield row.faults
        else:
            seen.add(song.song)
            yield song


class _Row:
    """One row while it is read; `faults` grows."""

    def __init__(self, number: int, cells: list[str], header: tuple[str, ...], columns: Mapping[str, int]) -> None:
        self.faults: list[Finding] = []
        self._number = number
        self._header = header
        self._columns = columns
        self._cells = cells
        if len(cells) != len(header):
            self.faults.append(Finding(number, "", "ROW_CELLS", f"{len(cells)} for {len(header)}"))
            self._cells = (cells + [""] * len(header))[: len(header)]

    def read(self) -> Song:
        song = self._word("song", SONG_CHARS_MAX)
        not_before, not_after = self._day("not_before"), self._day("not_after")
        if not_after and not_after < not_before:
            self.fault("not_after", "DATES_REVERSED")
        return Song(
            song=song,
            title=self._text("title"),
            artist=self._text("artist"),
            language=self._text("language"),
            work=self._word("work", WORK_CHARS_MAX) or song,
            sha256=self._checked("sha256", _is_sha256),
            duration_s=int(self._checked("duration_s", _is_duration) or 0),
            flags=KINDS.get(self._checked("kind", KINDS.__contains__), 0)
            | CORES.get(self._checked("core", CORES.__contains__), 0),
            picture=self._checked("picture", _is_sha256),
            regions=self._regions(),
            not_before=not_before,
            not_after=not_after,
        )

    def fault(self, name: str, code: str, detail: str = "") -> None:
        self.faults.append(Finding(self._number, self._header[self._columns[name]], code, detail[:40]))

    def _cell(self, name: str) -> str:
        place = self._columns.get(name)
        if place is None:
            return ""
        cell = self._cells[place].strip()
        if len(cell) > CELL_CHARS_MAX:
            self.fault(name, "CELL_TOO_LONG", f"{len(cell)} characters")
            return ""
        if not cell and name in NEEDED and not self.faults:
            self.fault(name, "CELL_MISSING")
        return cell

    def _word(self, name: str, chars_max: int) -> str:
        cell = self._cell(name)
        if not _SONG_CHARS.issuperset(cell):
            self.fault(name, "CELL_FORM", "letters, digits, _ and - only")
            return ""
        if len(cell) > chars_max:
            self.fault(name, "CELL_TOO_LONG", f"{len(cell)} characters, at most {chars_max}")
        return cell

    def _text(self, name: str) -> str:
        cell = self._cell(name)
        if len(cell) > TEXT_CHARS_MAX[name]:
            self.fault(name, "CELL_TOO_LONG", f"{len(cell)} characters, at most {TEXT_CHARS_MAX[name]}")
        elif not (cell.isascii() and cell.isprintable()) and not is_readable(cell):
            self.fault(name, "CELL_UNREADABLE")
        return cell

    def _regions(self) -> str:
        codes = sorted(set(self._cell("regions").replace(",", " ").replace(";", " ").split()))
        if len(codes) > SCOPE_REGIONS_MAX or not all(is_region(code) for code in codes):
            self.fault("regions", "CELL_FORM", "region codes of six digits, with blanks between")
            return ""
        return ",".join(codes)

    def _day(self, name: str) -> int:
        cell = self._cell(name)
        if not cell:
            return 0
        try:
            days = (date.fromisoformat(cell) - FIRST_DAY).days
        except ValueError:
            days = 0
        if not 0 < days <= DAY_MAX:
            self.fault(name, "CELL_FORM", "YYYY-MM-DD")
            return 0
        return days

    def _checked(self, name: str, is_sound: Callable[[str], bool]) -> str:
        cell = self._cell(name).lower()
        if not is_sound(cell):
            self.fault(name, "CELL_FORM")
            return ""
        return cell


def _is_sha256(text: str) -> bool:
    return text == "" or (len(text) == 64 and _HEX_CHARS.issuperset(text))


def _is_duration(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= DURATION_S_MAX)
