"""Trusted time: the instant of the last accepted lease plus monotonic time since (SPEC 7.3).

1. Quality `signed`: a lease came since boot. `held`: the instant was carried over a boot, so it is a lower
   bound. `none`: there never was a lease.
2. The real-time clock moves nothing. It is written into entries, and hours look at it (`hours.py`).
3. A new lease replaces the instant, forwards or backwards: it answers the box's own nonce.
4. No clock goes beyond the last instant that a document can hold: whoever sets it there stops no entry.
"""

from device.protocol.limits import INSTANT_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Now

SIGNED, HELD, NONE = "signed", "held", "none"

STEP_MS_MIN = 2_000  # a step of trusted time above this is journalled


class Clock:
    """Trusted time of one boot."""

    def __init__(self) -> None:
        self.quality = NONE
        self._at_ms = 0
        self._mono_ms = 0

    def trusted_ms(self, now: "Now") -> int | None:
        """Trusted milliseconds since 1970-01-01 UTC; None with quality `none`."""
        if self.quality == NONE:
            return None
        return min(self._at_ms + max(0, now.mono_ms - self._mono_ms), INSTANT_MAX)

    def hold(self, at_ms: int | None, now: "Now") -> None:
        """Carry an instant over a boot."""
        if at_ms is not None:
            self.quality, self._at_ms, self._mono_ms = HELD, at_ms, now.mono_ms

    def sign(self, issued_at_ms: int, now: "Now") -> "tuple[int | None, int] | None":
        """Take the instant of an accepted lease; the step `(from, to)` if it is one to journal."""
        before = self.trusted_ms(now)
        self.quality, self._at_ms, self._mono_ms = SIGNED, issued_at_ms, now.mono_ms
        if before is not None and abs(issued_at_ms - before) <= STEP_MS_MIN:
            return None
        return before, issued_at_ms


def rtc_instant(now: "Now") -> int:
    """The real-time clock as an instant of SPEC 1.2: a dead battery may make it say anything."""
    return min(max(0, now.rtc_ms), INSTANT_MAX)
