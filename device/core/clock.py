"""Trusted time, and how much of it is proven (SPEC 7.3, ADR 0010).

Two instants run beside each other on the monotonic clock:

- *trusted* time is the best that the box knows: entries, leases and hours go by it;
- *proven* time is a lower bound that neither the lease key alone nor the owner alone can push beyond the real time:
  holds end and orders grow too old by it. It runs DRIFT_PPM slow, so that a quick crystal ends nothing early.

1. Witnesses: the monotonic clock (sealed in the box); the lease (answers the box's nonce; its key can be stolen); the
   real-time clock (measures how long the box was off; its owner can set it); officers' orders and the policy (two
   persons each; they prove that it is not earlier).
2. Proven time moves by the monotonic clock, and beyond it only to where two witnesses agree: to the smaller of what
   the lease says and what the real-time clock or the officers say.
3. A lease that says another time than the box expects by more than LEASE_OFF_MS and drift is rejected, `LEASE_TIME`.
   What is accepted moves trusted time by LEASE_STEP_MS and drift at most, so that it corrects itself in small steps.
4. The box expects nothing, and takes what a lease says, where there is nothing to expect with: before the first lease;
   if the real-time clock is dead or was set back while the box was off; if the record was put back, which may be from
   before somebody mended that clock; once the lease has run out, for then nothing is left to be closed; and when the
   key that set the time is out of the policy. Never before proven time.
5. The real-time clock speaks only of the time in which the box was off, and only if it was within RTC_OFF_MS of the
   expected time when that began and has not gone back since. Its date alone means nothing; where the first lease of a
   boot says the same instant, it was set while the box was off, or while the card took no record, and is believed.
   One that is set while the box runs, before a lease has come, speaks no more: whoever mends a clock that had jumped
   ahead gets the next lease taken, and whoever set it falsely gains what taking the battery out would have given.
6. Quality `signed`: a lease came since boot. `held`: carried over a boot, so a lower bound. `none`: never a lease.
7. No clock goes beyond the last instant that a document can hold: whoever sets it there stops no entry.
"""

from device.core.facts import Fact
from device.protocol.errors import RejectedError
from device.protocol.limits import DRIFT_PPM, INSTANT_MAX, LEASE_OFF_MS, LEASE_STEP_MS, RTC_OFF_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Now

SIGNED, HELD, NONE = "signed", "held", "none"


class TimeRecord(Fact):
    """What outlives a boot.

    at_ms, proven_ms: trusted and proven time, rtc_ms the real-time clock at the same moment. gap_ms: for how long the
    box was off since the last lease, as far as the real-time clock could tell; gap_known: whether it could each time.
    off_ms: the same as proven time sees it: entries newer than the record move trusted time on, and prove nothing.
    leased_ms: trusted time at the last lease. officers_ms: the newest instant that officers signed since. key: id of
    the key that set the time.
    """

    at_ms: int
    proven_ms: "int | None"
    rtc_ms: int
    gap_ms: int
    gap_known: bool
    off_ms: int
    leased_ms: int
    officers_ms: int
    key: str
    FIELDS = ("at_ms", "proven_ms", "rtc_ms", "gap_ms", "gap_known", "off_ms", "leased_ms", "officers_ms", "key")


class Clock:
    """Trusted and proven time of one boot."""

    def __init__(self) -> None:
        self.quality = NONE
        self.key = ""
        self._at_ms = 0
        self._proven_ms: int | None = None
        self._mono_ms = 0
        self._gap_ms = 0
        self._gap_known = False
        self._off_ms = 0
        self._leased_ms = 0
        self._officers_ms = 0
        self._seen_mono_ms = self._seen_rtc_ms = 0

    def trusted_ms(self, now: "Now") -> int | None:
        """Trusted milliseconds since 1970-01-01 UTC; None with quality `none`."""
        if self.quality == NONE:
            return None
        return min(self._at_ms + max(0, now.mono_ms - self._mono_ms), INSTANT_MAX)

    def proven_ms(self, now: "Now") -> int | None:
        """The lower bound of real time by which holds end; None before there is any."""
        if self._proven_ms is None:
            return None
        passed_ms = max(0, now.mono_ms - self._mono_ms)
        return min(self._proven_ms + passed_ms - drift_over(passed_ms), INSTANT_MAX)

    def likely_ms(self, now: "Now") -> int | None:
        """Trusted time and what the real-time clock says has passed while the box was off; None with quality `none`."""
        trusted_ms = self.trusted_ms(now)
        return None if trusted_ms is None else min(trusted_ms + self._gap_ms, INSTANT_MAX)

    def resume(self, saved: "TimeRecord | None", last_at_ms: int | None, now: "Now") -> None:
        """A boot: `saved` is what the state record says, last_at_ms the newest entry's instant."""
        self._mono_ms = self._seen_mono_ms = now.mono_ms
        self._seen_rtc_ms = rtc_instant(now)
        if saved is not None:
            gap_ms = _gap_ms(saved, rtc_instant(now))
            self._gap_known = gap_ms is not None
            self._at_ms = max(saved.at_ms, last_at_ms or 0)
            self._gap_ms = max(0, saved.at_ms + saved.gap_ms + (gap_ms or 0) - self._at_ms)
            self._off_ms = saved.off_ms + (gap_ms or 0)
            self._proven_ms, self._leased_ms, self.key = saved.proven_ms, saved.leased_ms, saved.key
            self._officers_ms = saved.officers_ms
        elif last_at_ms is not None:
            self._at_ms = self._leased_ms = last_at_ms
            self._gap_ms = max(0, rtc_instant(now) - last_at_ms)
        else:
            return
        self.quality = HELD

    def distrust(self) -> None:
        """The record was put back: how long the box was off is not known from it (rule 4)."""
        self._gap_known = False

    def look(self, now: "Now") -> None:
        """At every tick: whether the real-time clock was set (rule 5); two clocks never part so far by themselves."""
        rtc_ms = rtc_instant(now)
        moved_ms = (rtc_ms - self._seen_rtc_ms) - (now.mono_ms - self._seen_mono_ms)
        if self.quality == HELD and abs(moved_ms) > LEASE_OFF_MS:
            self._gap_known = False
        self._seen_mono_ms, self._seen_rtc_ms = now.mono_ms, rtc_ms

    def record(self, now: "Now") -> "TimeRecord | None":
        """For the state record."""
        at_ms = self.trusted_ms(now)
        if at_ms is None:
            return None
        return TimeRecord(
            at_ms=at_ms,
            proven_ms=self.proven_ms(now),
            rtc_ms=rtc_instant(now),
            gap_ms=self._gap_ms,
            gap_known=self._gap_known,
            off_ms=self._off_ms,
            leased_ms=self._leased_ms,
            officers_ms=self._officers_ms,
            key=self.key,
        )

    def officers_signed(self, issued_at_ms: int, now: "Now") -> None:
        """Two officers, or two custodians, signed something at this instant: it is not earlier."""
        proven_ms, trusted_ms = self.proven_ms(now), self.trusted_ms(now)
        if self.quality != SIGNED or proven_ms is None or trusted_ms is None:
            self._officers_ms = max(self._officers_ms, issued_at_ms)
        elif proven_ms < min(issued_at_ms, trusted_ms):
            # The lease of this boot is the other witness.
            self._at_ms, self._proven_ms, self._mono_ms = trusted_ms, min(issued_at_ms, trusted_ms), now.mono_ms

    def take(self, issued_at_ms: int, key: str, is_free: bool, now: "Now") -> "tuple[int | None, int] | None":
        """Take the instant of a lease; the step `(from, to)` if it is one to journal.

        Args:
            issued_at_ms: what the lease says.
            key: id of the key that signed it.
            is_free: the lease before has run out, or the key that set the time is out of the policy (rule 4).
            now: the moment.

        Raises:
            RejectedError: `LEASE_TIME`.
        """
        before, proven_ms = self.trusted_ms(now), self.proven_ms(now)
        earliest_ms, latest_ms = self._bounds(issued_at_ms, is_free, now)
        taken_ms = min(max(issued_at_ms, earliest_ms), latest_ms)
        self._prove(issued_at_ms, now)
        self._at_ms = self._leased_ms = max(taken_ms, proven_ms or 0)
        self.quality, self.key, self._mono_ms = SIGNED, key, now.mono_ms
        self._gap_ms, self._gap_known, self._off_ms, self._officers_ms = 0, True, 0, 0
        if before is not None and abs(self._at_ms - before) <= LEASE_STEP_MS:
            return None
        return before, self._at_ms

    def _bounds(self, issued_at_ms: int, is_free: bool, now: "Now") -> "tuple[int, int]":
        """Between what trusted time may be after this lease (rules 3, 4). Raises RejectedError."""
        likely_ms, proven_ms = self.likely_ms(now), self.proven_ms(now) or 0
        if issued_at_ms < proven_ms - LEASE_OFF_MS:
            raise RejectedError("LEASE_TIME", f"{issued_at_ms}, proven {proven_ms}")
        if likely_ms is None or not self._gap_known or is_free:
            return proven_ms, INSTANT_MAX
        latest_ms = max(likely_ms, self._officers_ms)
        drift_ms = drift_over(max(0, likely_ms - self._leased_ms))
        if not likely_ms - drift_ms - LEASE_OFF_MS <= issued_at_ms <= latest_ms + drift_ms + LEASE_OFF_MS:
            shown_ms = rtc_instant(now)
            if self.quality == HELD and abs(issued_at_ms - shown_ms) <= LEASE_OFF_MS:
                return shown_ms - LEASE_STEP_MS, shown_ms + LEASE_STEP_MS
            raise RejectedError("LEASE_TIME", f"{issued_at_ms}, expected {likely_ms}")
        return likely_ms - drift_ms - LEASE_STEP_MS, latest_ms + drift_ms + LEASE_STEP_MS

    def _prove(self, issued_at_ms: int, now: "Now") -> None:
        """Rule 2."""
        proven_ms = self.proven_ms(now)
        if proven_ms is None:
            proven_ms, other_ms = 0, rtc_instant(now)
        else:
            other_ms = proven_ms + max(0, self._off_ms - drift_over(self._off_ms) - LEASE_STEP_MS)
        self._proven_ms = max(proven_ms, min(issued_at_ms, max(other_ms, self._officers_ms)))


def rtc_instant(now: "Now") -> int:
    """The real-time clock as an instant of SPEC 1.2: a dead battery may make it say anything."""
    return min(max(0, now.rtc_ms), INSTANT_MAX)


def _gap_ms(saved: TimeRecord, rtc_ms: int) -> int | None:
    """Rule 5: for how long the box was off this time; None if the real-time clock cannot tell."""
    is_sound = abs(saved.rtc_ms - saved.at_ms - saved.gap_ms) <= RTC_OFF_MS and rtc_ms >= saved.rtc_ms
    return rtc_ms - saved.rtc_ms if saved.gap_known and is_sound else None


def drift_over(span_ms: int) -> int:
    """By how much a clock of the box may be wrong after a span."""
    return (span_ms * DRIFT_PPM + 999_999) // 1_000_000
