"""How long the loop waits for the disk before it goes on without an answer (SPEC 9.7).

1. An entry has its time, and no more: whoever waits for a song is told at once that it cannot be recorded.
2. A state record is as long as what the box has to remember, and has its time by its size.
3. One that came too late came all the same, and the next one, which says nearly the same, would be as late: it has
   twice what the last one took. Else a card that is slow and sound would close the venue for good, since every recovery
   saves the record again.
4. Never so long that those who ask at the box meanwhile are given up.
"""

WRITE_FOR_S_MAX = 1.0  # cards pause for some hundred milliseconds when they tidy up
SAVE_BYTES_PER_S = 500_000  # what the worst card that is sold writes without a pause
SAVE_FOR_S_MAX = 10.0


class Patience:
    """Of one loop with one disk. Times in seconds."""

    def __init__(self, write_for_s: float = WRITE_FOR_S_MAX) -> None:
        self.write_for_s = write_for_s
        self._saved_in_s = 0.0

    def saved_in(self, seconds: float) -> None:
        """A state record took so long, whether somebody still waited for it or not."""
        self._saved_in_s = seconds

    def to_save(self, count: int) -> float:
        """Rules 2 to 4, for a record of so many bytes."""
        by_size_s = self.write_for_s + count / SAVE_BYTES_PER_S
        return max(self.write_for_s, min(max(by_size_s, 2 * self._saved_in_s), SAVE_FOR_S_MAX))
