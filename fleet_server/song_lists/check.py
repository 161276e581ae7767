"""What a song list is like, before anything is done with it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet_server.song_lists import csv_file
from fleet_server.song_lists.csv_file import CsvError, Form
from fleet_server.song_lists.findings import Finding
from fleet_server.song_lists.rows import Song, map_columns, read_songs

FINDINGS_MAX = 1_000  # in a report; all bad rows are counted


@dataclass
class Check:
    """`songs` are those of the sound rows; a list that is not whole cannot be read to its end."""

    form: Form | None = None
    columns: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    bad: int = 0
    is_whole: bool = True
    findings: list[Finding] = field(default_factory=list)
    songs: list[Song] = field(default_factory=list)

    @property
    def sound(self) -> int:
        return len(self.songs)

    def note(self, found: list[Finding]) -> None:
        self.bad += 1
        self.findings.extend(found[: max(0, FINDINGS_MAX - len(self.findings))])


def check_file(raw: bytes, asked: Mapping[str, str], delimiter: str = "") -> Check:
    """Read the whole file."""
    check = Check()
    try:
        check.form = csv_file.read_form(raw, delimiter)
        check.columns = map_columns(check.form.header, asked)
        for row in read_songs(raw, check.form, check.columns):
            check.rows += 1
            if isinstance(row, Song):
                check.songs.append(row)
            else:
                check.note(row)
    except CsvError as error:
        check.is_whole = False
        check.findings.insert(0, Finding(error.row, "", error.code, error.detail))
    return check
