"""The only reader of time in these tools."""

import time


def now_ms() -> int:
    """Unix milliseconds, UTC."""
    return time.time_ns() // 1_000_000
