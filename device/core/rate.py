"""How many entries of one sort may be written: whoever can ask may not fill the journal by asking."""


class Allowance:
    """A burst, refilled one by one.

    burst: how many at once. refill_ms: monotonic time after which one more is allowed.
    """

    def __init__(self, burst: int, refill_ms: int) -> None:
        self._burst = burst
        self._refill_ms = refill_ms
        self._left = burst
        self._since_ms = 0

    def take(self, mono_ms: int) -> bool:
        """Use one up; False if none is left."""
        refilled = max(0, mono_ms - self._since_ms) // self._refill_ms
        if self._left + refilled >= self._burst:
            self._left, self._since_ms = self._burst, mono_ms
        else:
            self._left += refilled
            self._since_ms += refilled * self._refill_ms
        if self._left == 0:
            return False
        self._left -= 1
        return True
