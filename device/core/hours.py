"""Hours: no play starts from 02:00:00 to 07:59:59 at UTC+08:00, everywhere (SPEC 7.4).

1. A play that runs at 02:00 ends by itself or after RUNNING_MAY_LAST_S.
2. Without signed time the later of trusted time and what the real-time clock says has passed counts, so setting a clock
   back opens nothing.
3. The VOD server is told NOTICES_S before the hour, so that it can tell the guests: `hours`.
"""

from device.core.clock import SIGNED, rtc_instant
from device.protocol.limits import DAY_MS, UTC_OFFSET_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.clock import Clock
    from device.core.events import Now
    from device.core.turn import Turn

CLOSED_FROM_MS = 2 * 3600 * 1000  # of the day at UTC+08:00
CLOSED_UNTIL_MS = 8 * 3600 * 1000
RUNNING_MAY_LAST_S = 300
NOTICES_S = (900, 120)  # at 01:45 and 01:58


def is_closed(clock: "Clock", now: "Now") -> bool:
    """No play may start."""
    return CLOSED_FROM_MS <= _of_day_ms(clock, now) < CLOSED_UNTIL_MS


def plays_end_mono_ms(clock: "Clock", now: "Now") -> int | None:
    """The monotonic instant at which plays that still run end (rule 1); None outside of the closed hours."""
    if not is_closed(clock, now):
        return None
    return now.mono_ms + max(0, CLOSED_FROM_MS + RUNNING_MAY_LAST_S * 1000 - _of_day_ms(clock, now))


def closes_in_s(clock: "Clock", now: "Now") -> int | None:
    """Seconds until the closing hour, from the first notice on; None at any other time."""
    left_ms = CLOSED_FROM_MS - _of_day_ms(clock, now)
    return (left_ms + 999) // 1000 if 0 < left_ms <= NOTICES_S[0] * 1000 else None


def warn(turn: "Turn") -> None:
    """At every tick (rule 3)."""
    left_s = closes_in_s(turn.memory.clock, turn.now)
    due = [notice_s for notice_s in NOTICES_S if left_s is not None and left_s <= notice_s]
    told_s = min(due) if due else 0
    if told_s and told_s != turn.memory.hours_told_s:
        turn.push({"type": "hours", "closes_in_s": left_s})
    turn.memory.hours_told_s = told_s


def _of_day_ms(clock: "Clock", now: "Now") -> int:
    at_ms = clock.trusted_ms(now) if clock.quality == SIGNED else clock.likely_ms(now)
    return ((rtc_instant(now) if at_ms is None else at_ms) + UTC_OFFSET_MS) % DAY_MS
