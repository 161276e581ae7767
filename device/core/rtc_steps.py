"""Steps of the real-time clock, written down (SPEC 7.6): they decide nothing, they are evidence of who set it.

1. In one boot the monotonic clock says what the real-time clock must show, over a boot only that it must not show less
   than when its last instant was saved.
2. A crystal wanders: what the two differ by is followed within its drift, and is a step from RTC_STEP_MS on.
3. Whoever turns the clock all the time fills no journal: within an allowance each step is an entry; beyond it they are
   one, from where the first began to where the last has ended.
"""

from device.core.clock import drift_over, rtc_instant
from device.core.rate import Allowance
from device.protocol.limits import INSTANT_MAX, RTC_STEP_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Now
    from device.core.turn import Turn

ENTRIES_BURST, ENTRIES_REFILL_MS = 6, 600_000


class RtcWatch:
    """What the real-time clock is expected to be ahead of the monotonic clock."""

    def __init__(self) -> None:
        self._ahead_ms = 0
        self._mono_ms = 0
        self._allowance = Allowance(ENTRIES_BURST, ENTRIES_REFILL_MS)

    def resume(self, saved_ms: "int | None", now: "Now") -> None:
        """A boot: saved_ms is what the clock showed when the record was saved."""
        self._ahead_ms = max(saved_ms or 0, rtc_instant(now)) - now.mono_ms
        self._mono_ms = now.mono_ms

    def step(self, now: "Now") -> "tuple[int, int] | None":
        """The step `(from, to)` to be written down now."""
        shown_ms = rtc_instant(now)
        expected_ms = min(max(0, self._ahead_ms + now.mono_ms), INSTANT_MAX)
        if abs(shown_ms - expected_ms) < RTC_STEP_MS:
            most_ms = drift_over(max(0, now.mono_ms - self._mono_ms))
            self._ahead_ms += min(max(shown_ms - expected_ms, -most_ms), most_ms)
            self._mono_ms = now.mono_ms
            return None
        if not self._allowance.take(now.mono_ms):
            return None
        self._ahead_ms, self._mono_ms = shown_ms - now.mono_ms, now.mono_ms
        return expected_ms, shown_ms


def follow(turn: "Turn") -> None:
    """Every tick."""
    if turn.memory.journal.is_available:
        step = turn.memory.rtc.step(turn.now)
        if step is not None:
            turn.append("CLOCK", {"from_ms": step[0], "to_ms": step[1]})
            # Else the step would count as time off, were the power lost before the next save (`clock.py` rule 5).
            turn.save_unbound()
