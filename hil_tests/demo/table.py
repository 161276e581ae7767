"""The live table: one line a venue, drawn again every second on a terminal, now and then as plain lines."""

import os
import shutil
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence

import httpx

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue

HEADINGS = ("venue", "code", "box", "state", "rooms", "plays", "counted", "ledger", "waiting", "version")
STATE_ZH = {
    "in-service": "营业",
    "ready": "待复业",
    "locked": "停业",
    "closed": "打烊",
    "expired": "授权过期",
    "failed": "故障",
    "unclaimed": "未绑定",
}
Row = tuple[str, ...]


def rows_of(stage: Stage, http: httpx.Client) -> list[Row]:
    """``counted`` is the VOD server's own word, ``ledger`` the fleet server's; ``waiting`` is on its way."""
    ledger = _ledger(http)
    return [_row(stage, venue, ledger) for venue in stage.venues]


def _row(stage: Stage, venue: Venue, ledger: Counter[str]) -> Row:
    tally = venue.tally()
    code = stage.code(venue)
    try:
        said = venue.state()
    except (OSError, ValueError):
        state, busy, waiting, version = "no answer 无应答", "", "", ""
    else:
        journal, rooms = said["journal"], said["rooms"]
        assert isinstance(journal, dict)
        assert isinstance(rooms, list)
        name = str(said["state"])
        state = f"{name} {STATE_ZH.get(name, '')}"
        busy = str(len(rooms))
        waiting = str(journal["size"] - journal["watermark"])
        version = str(said["version"])
    counts = (str(len(tally.plays)), str(sum(tally.counted().values())), str(ledger[code]))
    return (venue.place.name, code, venue.place.box, state, busy, *counts, waiting, version)


def _ledger(http: httpx.Client) -> Counter[str]:
    """Counted plays by venue; empty while the server is away."""
    try:
        meters = http.get("/api/v1/plays/meters").raise_for_status().json()["meters"]
    except httpx.HTTPError:
        return Counter()
    ledger: Counter[str] = Counter()
    for meter in meters:
        ledger[meter["venue"]] += meter["counted"]
    return ledger


class Display:
    """Draws over itself on a terminal; elsewhere it writes a table every ``plain_every`` drawings."""

    def __init__(self, plain_every: int = 15) -> None:
        self._is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._plain_every = plain_every
        self._drawings = 0

    def draw(self, heading: str, rows: Sequence[Row]) -> None:
        lines = [heading, *laid_out([HEADINGS, *rows])]
        if self._is_terminal:
            up = f"\x1b[{len(lines)}A" if self._drawings else ""
            columns = shutil.get_terminal_size().columns
            sys.stdout.write(up + "".join(f"\x1b[2K{_cut(line, columns)}\n" for line in lines))
        elif self._drawings % self._plain_every == 0:
            sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        self._drawings += 1


def laid_out(rows: Sequence[Row]) -> list[str]:
    """Columns of equal width on a terminal, where a Chinese character takes two places."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cut(line: str, columns: int) -> str:
    """The beginning that fits: a line that wraps would spoil the drawing over."""
    while _width(line) > columns:
        line = line[:-1]
    return line


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
