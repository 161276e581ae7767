"""The hardware watchdog of Linux, `/dev/watchdog`: opening starts it, a write feeds it."""

import fcntl
import os
import struct
from pathlib import Path

from device.ports import DriverError

TIMEOUT_S = 10
WDIOC_SETTIMEOUT = 0xC0045706  # linux/watchdog.h: _IOWR('W', 6, int)


class LinuxWatchdog:
    """Fed at least every TIMEOUT_S seconds, or the board resets. It is never stopped: a box that ends is
    reset.
    """

    def __init__(self, path: Path = Path("/dev/watchdog")) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            fcntl.ioctl(self._descriptor, WDIOC_SETTIMEOUT, struct.pack("i", TIMEOUT_S))
        except OSError as error:
            raise DriverError("WATCHDOG_FAILED", str(error)) from error

    def feed(self) -> None:
        try:
            os.write(self._descriptor, b"\0")
        except OSError as error:
            raise DriverError("WATCHDOG_FAILED", str(error)) from error
