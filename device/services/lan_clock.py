"""The clock of the LAN interface's deadlines."""

import time


def mono_s() -> float:
    """Seconds since some instant; never falls, and is asyncio's own (`loop.time`)."""
    return time.monotonic()
