"""A state record that cannot be trusted: unreadable, lost, or put back from an old disk (SPEC 6.6).

What stood in it is not known: there may have been holds. So nothing opens: plays are refused with
`BOX_RESTRICTED` until

1. a lease has come since, to a box that knows its claim: the fleet sends again every order that the box's reports
   miss (SPEC 10.5), and gives no lease before the holds that it knows of stand again, and
2. CONTACT_FOR_MS have passed since that lease, for what the fleet itself hears late.

3. A record is bound to the hardware counter: it says one more than the counter reads, is saved, and then the
   counter is raised, before anybody is told of what the record knows. So the newest record says what the
   counter reads, or one more if the power went between the two; any other was put back. What was accepted
   raises the counter above every record written before it.
4. Bound are orders, leases, boots and whatever else is saved at once, and trusted time every ten minutes. A
   counter of a secure element ends (ATECC608: 2,097,151): 6 an hour, 4 leases and 2 boots a day are 54,750 a
   year, so it lasts 38 years, and a venue with ten orders a day still 35. What is saved between (the
   watermark) is not bound, and may be forgotten.
"""

from device.protocol.limits import REPORT_EVERY_S

CONTACT_FOR_MS = REPORT_EVERY_S * 1000


class Damage:
    """Whether the box is restricted, and since when it has had contact (monotonic milliseconds)."""

    def __init__(self) -> None:
        self.is_restricted = False
        self.healed_at_ms = 0  # trusted time; what was issued before may have been ended, and that was forgotten
        self._contact_ms: int | None = None

    def found(self) -> None:
        self.is_restricted = True
        self._contact_ms = None

    def contacted(self, mono_ms: int) -> None:
        """A lease came (rule 1); a second one does not begin the wait anew."""
        if self._contact_ms is None:
            self._contact_ms = mono_ms

    def heal(self, mono_ms: int) -> bool:
        """Whether the restriction ends now (rule 2)."""
        if not self.is_restricted or self._contact_ms is None or mono_ms - self._contact_ms < CONTACT_FOR_MS:
            return False
        self.is_restricted = False
        return True


def is_put_back(counter_then: int, counter_now: int) -> bool:
    """Whether the record that says `counter_then` is not the last that was saved (rule 3)."""
    return counter_then not in (counter_now, counter_now + 1)
