"""How much room the journal has, and which segments may go (SPEC 9.12).

1. A segment is *spent* when the fleet holds every entry of it. Only spent segments are dropped, the oldest
   first: those older than `kept_ms`, and younger ones where otherwise there were no room. What an epoch that has
   ended leaves to nobody stays, and keeps no later segment.
2. So only what the fleet does not hold yet can fill the journal. At NEARLY of the quota an alarm is given;
   when only `reserve` segments are left no play begins any more. They are for what must still be written:
   ends of plays, orders, receipts, boots.
3. Segments that the bookmark stands in or behind stay, spent or not (`journal_bookmark.py`).
"""

from itertools import pairwise

from device.drivers.journal_segment import Segment

NEARLY_PERCENT = 90
NEARLY_FULL, FULL = "JOURNAL_NEARLY_FULL", "JOURNAL_FULL"


class Room:
    """The segments of a journal by what the fleet holds of them. Segments are given oldest first."""

    def __init__(self, segments_max: int, reserve: int) -> None:
        assert segments_max > reserve + 2, (segments_max, reserve)
        self._max = segments_max
        self._reserve = reserve
        self.acked: dict[int, int] = {}
        # Number of entries of epochs that have ended, where it is known.
        self.ended: dict[int, int] = {}

    def acknowledge(self, epoch: int, size: int) -> None:
        self.acked[epoch] = max(size, self.acked.get(epoch, 0))

    def spent(self, known: list[Segment]) -> list[Segment]:
        """Those that are spent, oldest first; the one that is written to never is. Of one epoch they are the oldest."""
        found = []
        for segment, after in pairwise(known):
            end = after.first if after.epoch == segment.epoch else self.ended.get(segment.epoch)
            if end is not None and end <= self.acked.get(segment.epoch, 0):
                found.append(segment)
        return found

    def is_crowded(self, known: list[Segment]) -> bool:
        """Spent segments must go for others to come."""
        return len(known) + 1 > self._max - self._reserve

    def is_out(self, known: list[Segment]) -> bool:
        """Not even the reserve has room for one more segment."""
        return len(known) + 1 > self._max

    def alarm(self, known: list[Segment]) -> str:
        """Rule 2: empty, NEARLY_FULL or FULL."""
        kept = len(known) - len(self.spent(known))
        usable = self._max - self._reserve
        if kept > usable:
            return FULL
        return NEARLY_FULL if kept * 100 > usable * NEARLY_PERCENT else ""
