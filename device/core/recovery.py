"""What the entries on disk say about plays when the box starts.

At a start the core ends every open play with `power` and writes the `BOOT` entry after those ends: so the
entries from the newest `BOOT` on are all that needs to be read. More may be given; that changes nothing.
"""

import json

from device.core.events import EndedPlay, OpenPlay
from device.core.facts import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Recovered(Fact):
    """The facts of `Started` that come from entries."""

    last_at_ms: "int | None"
    last_boot: int
    open_plays: "list[OpenPlay]"
    ended_plays: "list[EndedPlay]"
    FIELDS = ("last_at_ms", "last_boot", "open_plays", "ended_plays")


def recovered(entries: "Iterable[bytes]") -> Recovered:
    """Fold entries, oldest first, whose chain the journal has checked: they are the box's own words."""
    opened = {}
    ended = []
    last_at_ms = None
    last_boot = 0
    newest_ms: dict[int, int] = {}  # monotonic instant of the newest entry, by boot
    for raw in entries:
        entry = json.loads(raw)
        body = entry["body"]
        last_boot = entry["boot"]
        newest_ms[last_boot] = max(entry["mono_ms"], newest_ms.get(last_boot, 0))
        if entry["at_ms"] is not None:
            last_at_ms = entry["at_ms"]
        if entry["kind"] == "PLAY_START":
            opened[f"{entry['epoch']}-{entry['seq']}"] = entry
        elif entry["kind"] == "PLAY_END":
            opened.pop(body["play"], None)
            ended.append(EndedPlay(play=body["play"], counted=body["counted"]))
    in_order = sorted(opened.items(), key=lambda pair: pair[1]["seq"])
    return Recovered(
        last_at_ms=last_at_ms,
        last_boot=last_boot,
        open_plays=[_open_play(play, entry, newest_ms[entry["boot"]]) for play, entry in in_order],
        ended_plays=ended,
    )


def _open_play(play: str, entry: "dict[str, Any]", newest_ms: int) -> OpenPlay:
    body = entry["body"]
    return OpenPlay(
        play=play,
        room=body["room"],
        song=body["song"],
        kind=body["kind"],
        ran_ms=newest_ms - entry["mono_ms"],
        boot=entry["boot"],
    )
