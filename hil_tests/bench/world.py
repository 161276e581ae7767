"""The world's time: what the clocks of fleet server and boxes show, chosen by the bench.

By law no song starts from 02:00 to 08:00 at UTC+08:00 (SPEC 7.4), so a bench that works at any hour must
own the clocks. Rules:

1. A new world starts at 20:00 of an evening, the latest that has begun.
2. A world never goes back. It goes on from where it was left if that was an evening hour, else at the
   next 20:00; but at the latest evening that has begun, if that is later.

An offset is what to add to the host's clock to get the world's.
"""

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

DAY_MS = 24 * 3600 * 1000
HOUR_MS = 3600 * 1000
ZONE_MS = 8 * HOUR_MS
EVENING_MS = 20 * HOUR_MS
EVENING_ENDS_MS = 24 * HOUR_MS + 30 * 60 * 1000  # leaves an hour and a half until closing time


def host_now_ms() -> int:
    return time.time_ns() // 1_000_000


def latest_evening(at_ms: int) -> int:
    """The last 20:00 at UTC+08:00 that is not after this instant."""
    return (at_ms + ZONE_MS - EVENING_MS) // DAY_MS * DAY_MS + EVENING_MS - ZONE_MS


def choose_offset(host_ms: int, left_at_ms: int | None) -> int:
    """The offset for a world that was left at that world time, or for a new one."""
    start = latest_evening(host_ms)
    if left_at_ms is not None and start < left_at_ms:
        since_evening = left_at_ms - latest_evening(left_at_ms)
        still_evening = since_evening < EVENING_ENDS_MS - EVENING_MS
        start = left_at_ms if still_evening else latest_evening(left_at_ms) + DAY_MS
    return start - host_ms


class World:
    """The world of one state folder; its file says up to when it has been."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "world.json"
        left_at_ms = json.loads(self._file.read_bytes())["at_ms"] if self._file.exists() else None
        self.offset_ms = choose_offset(host_now_ms(), left_at_ms)
        folder.mkdir(parents=True, exist_ok=True)
        self.remember()

    def now_ms(self) -> int:
        return host_now_ms() + self.offset_ms

    def shown(self) -> str:
        """The world's time at UTC+08:00, for people."""
        zone = timezone(timedelta(hours=8))
        return datetime.fromtimestamp(self.now_ms() / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")

    def remember(self) -> None:
        """Note how far the world has come; call it now and then, and at the end."""
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps({"at_ms": self.now_ms()}))
        beside.replace(self._file)
