"""The clocks of a real board: boot time (runs on in suspend) and the battery-backed real-time clock."""

import time


class LinuxClock:
    """Linux sets its wall clock from the battery clock at boot; the box never steps it."""

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000
