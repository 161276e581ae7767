"""The ladder: what a box may do without contact (SPEC 7.2).

`full`, then `warning` (full service, the venue is told every day), then `core` (songs of the core catalog only), then
`expired` (no song).

1. The rungs are instants of trusted time. Whoever keeps the power off stretches them, so the hours of service and the
   plays since the lease are bounded too: beyond either bound the lease has run out.
2. What is used stands in the state record before it is used: cutting the power saves nothing, and costs at most
   POWERED_AHEAD_MS and PLAYS_AHEAD.
3. A regional extension moves all rungs and bounds alike, to EXTENSION_FOR_MS_MAX from now at most, and counts once.
"""

from device.core.facts import Fact
from device.protocol.limits import EXTENSION_FOR_MS_MAX, INSTANT_MAX, LEASE_FOR_MS_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.protocol.lease import Extension

FULL, WARNING, CORE, EXPIRED = "full", "warning", "core", "expired"

POWERED_AHEAD_MS = 600_000  # the record is saved at least as often (`tick.py`)
PLAYS_AHEAD = 100


class HeldLease(Fact):
    """What stays of an accepted lease, in the box's own time; `extension` is the number of the last one taken.

    `extension_key` is the id of the key that signed that one; empty if there is none.
    """

    lease: int
    full_until_ms: int
    core_from_ms: int
    stop_at_ms: int
    powered_s_max: int
    plays_max: int
    extension: int
    extension_key: str
    SHOWN = ("lease", "full_until_ms", "core_from_ms", "stop_at_ms", "powered_s_max", "plays_max", "extension")
    FIELDS = tuple(list(SHOWN) + ["extension_key"])


class Usage:
    """Hours of service and plays since the lease."""

    def __init__(self) -> None:
        self.plays = 0
        self._plays_saved = 0
        self._powered_ms = 0
        self._mono_ms = 0

    def begin(self, mono_ms: int) -> None:
        """A lease was taken."""
        self.resume({"powered_ms": 0, "plays": 0}, mono_ms)

    def resume(self, saved: "dict[str, int]", mono_ms: int) -> None:
        """A boot: `saved` is what `record` gave."""
        self.plays = self._plays_saved = saved["plays"]
        self._powered_ms, self._mono_ms = saved["powered_ms"], mono_ms

    def record(self, mono_ms: int) -> "dict[str, int]":
        """For the state record (rule 2)."""
        self._plays_saved = self.plays + PLAYS_AHEAD
        return {"powered_ms": self.powered_ms(mono_ms) + POWERED_AHEAD_MS, "plays": self._plays_saved}

    def powered_ms(self, mono_ms: int) -> int:
        return self._powered_ms + max(0, mono_ms - self._mono_ms)

    def count_play(self) -> bool:
        """One more play; whether it is more than what the record says."""
        self.plays += 1
        return self.plays > self._plays_saved


def standing(held: "HeldLease | None", usage: Usage, now_ms: int | None, mono_ms: int) -> str:
    """The rung at `now_ms`, an instant of trusted time (None: there never was a lease)."""
    if held is None or now_ms is None or now_ms >= held.stop_at_ms or usage.plays >= held.plays_max:
        return EXPIRED
    if usage.powered_ms(mono_ms) >= held.powered_s_max * 1000:
        return EXPIRED
    if now_ms >= held.core_from_ms:
        return CORE
    return FULL if now_ms < held.full_until_ms else WARNING


def extended(held: HeldLease, extension: "Extension", key: str, now_ms: int) -> HeldLease:
    """The lease with a regional extension taken (rule 3)."""
    until_ms = min(extension.full_until_ms, now_ms + EXTENSION_FOR_MS_MAX)
    more_ms = max(0, until_ms - held.full_until_ms)
    return HeldLease(
        lease=held.lease,
        full_until_ms=min(held.full_until_ms + more_ms, INSTANT_MAX),
        core_from_ms=min(held.core_from_ms + more_ms, INSTANT_MAX),
        stop_at_ms=min(held.stop_at_ms + more_ms, INSTANT_MAX),
        powered_s_max=held.powered_s_max + more_ms // 1000,
        plays_max=held.plays_max + held.plays_max * more_ms // LEASE_FOR_MS_MAX,
        extension=extension.extension,
        extension_key=key,
    )
