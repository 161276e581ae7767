"""What was refused and rejected: counted always, journalled within an allowance (SPEC 9.3, 10.4).

Anyone on the venue's network may ask, and any courier may deliver. Who asks without end must not be able to
fill the journal or the uplink with it.
"""

from device.core.facts import Fact
from device.core.rate import Allowance

REFUSED_BURST, REFUSED_REFILL_MS = 60, 10_000
REJECTED_BURST, REJECTED_REFILL_MS = 20, 60_000
LAST_REJECTIONS_MAX = 16
COUNTS_MAX = 64  # codes in a report


class Rejection(Fact):
    """A document that was not accepted, for people who look at the box."""

    subject: str
    id: str
    code: str
    at_ms: "int | None"
    FIELDS = ("subject", "id", "code", "at_ms")


class Refusals:
    """Counts by code since boot, the last rejections, and the allowances."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.last: list[Rejection] = []
        self.of_plays = Allowance(REFUSED_BURST, REFUSED_REFILL_MS)
        # Apart, so that noise from the venue's network leaves the fleet its receipts.
        self.of_fleet = Allowance(REJECTED_BURST, REJECTED_REFILL_MS)
        self.of_venue = Allowance(REJECTED_BURST, REJECTED_REFILL_MS)

    def count(self, code: str) -> None:
        if code in self.counts or len(self.counts) < COUNTS_MAX:
            self.counts[code] = self.counts.get(code, 0) + 1

    def observed(self, counts: "dict[str, int]") -> None:
        """Counts since boot that the LAN interface keeps itself; no code of them is counted here otherwise."""
        for code, count in counts.items():
            if code in self.counts or len(self.counts) < COUNTS_MAX:
                self.counts[code] = count

    def rejected(self, rejection: Rejection) -> None:
        self.count(rejection.code)
        self.last = (self.last + [rejection])[-LAST_REJECTIONS_MAX:]
