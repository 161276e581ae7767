"""The live table: one line a venue, drawn again every second on a terminal, now and then as plain lines."""

import os
import sys
import unicodedata
from collections.abc import Sequence

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue

HEADINGS = ("venue", "code", "box", "state", "rooms", "plays", "counted", "waiting", "version")
STATE_ZH = {
    "in-service": "营业",
    "locked": "停业",
    "closed": "打烊",
    "expired": "授权过期",
    "failed": "故障",
    "unclaimed": "未绑定",
}
Row = tuple[str, ...]


def rows_of(stage: Stage) -> list[Row]:
    return [_row(stage, venue) for venue in stage.venues]


def _row(stage: Stage, venue: Venue) -> Row:
    tally = venue.tally()
    counted = sum(tally.counted().values())
    try:
        said = venue.state()
    except (OSError, ValueError):
        state, busy, waiting, version = "no answer 无应答", "", "", ""
    else:
        journal = said["journal"]
        assert isinstance(journal, dict)
        name = str(said["state"])
        state = f"{name} {STATE_ZH.get(name, '')}"
        busy = str(said.get("rooms_busy", ""))
        waiting = str(journal["size"] - journal["watermark"])
        version = str(said.get("version", ""))
    place = venue.place
    return (
        place.name,
        stage.code(venue),
        place.box,
        state,
        busy,
        str(len(tally.plays)),
        str(counted),
        waiting,
        version,
    )


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
            sys.stdout.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
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


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
