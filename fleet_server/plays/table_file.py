"""Plays as a table for spreadsheets: CSV (RFC 4180) in UTF-8 with byte order mark.

A cell that a spreadsheet would take for a formula begins with an apostrophe: what a room or song is called was chosen
by somebody else, and opening a file must run nothing.
"""

import csv
import datetime
import io
from collections.abc import Iterable

from fleet_server.plays.queries import Play

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CAPITAL = datetime.timezone(datetime.timedelta(hours=8))
HEADINGS = (
    "business_day",
    "venue",
    "box",
    "play",
    "room",
    "song",
    "kind",
    "started_at",
    "time_quality",
    "ended_at",
    "played_s",
    "reason",
    "counted",
)


def csv_head() -> bytes:
    return b"\xef\xbb\xbf" + _line(HEADINGS)


def csv_rows(plays: Iterable[Play]) -> bytes:
    return b"".join(_line(_cells(play)) for play in plays)


def _cells(play: Play) -> tuple[str, ...]:
    return (
        play.day,
        play.venue,
        play.box,
        f"#{play.play}",  # 1-12 would become the twelfth of January
        play.room,
        play.song,
        play.kind,
        _time(play.started_at_ms),
        play.time_quality,
        _time(play.ended_at_ms),
        "" if play.played_s is None else str(play.played_s),
        play.reason or "",
        "1" if play.counted else "0",
    )


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue().encode()


def _time(at_ms: int | None) -> str:
    """At UTC+08:00, to the millisecond, with its offset: nobody has to guess."""
    if at_ms is None:
        return ""
    moment = datetime.datetime.fromtimestamp(at_ms // 1000, _CAPITAL)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{at_ms % 1000:03d}+08:00"
