"""The fleet server's clock: the only reader of time in this program.

Instants are Unix milliseconds, UTC. A bench moves the clock by the setting `clock_offset_ms`.
"""

import time


class Clock:
    """Wall time, shifted by a constant that is 0 outside a bench."""

    def __init__(self, offset_ms: int = 0) -> None:
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms
