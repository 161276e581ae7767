"""The clocks of the emulated board, read from its mapped clock file.

`clock.bin` is `"FBCLOCK1"` and two little-endian signed 64-bit numbers of milliseconds: what the board adds
to the host's wall clock to get its RTC, and to the host's monotonic clock to get the time since power-up.
Example: with the offsets (-3600000, -5000) the RTC runs an hour late, and a host that is up for 8 s gives
`mono_ms() == 3000`. The board may move either at any time; the next reading sees it.
"""

import mmap
import struct
import time
from pathlib import Path

from device.ports import DriverError

MAGIC = b"FBCLOCK1"
_OFFSETS = struct.Struct("<qq")


class MappedClock:
    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), len(MAGIC) + _OFFSETS.size, prot=mmap.PROT_READ)
        if self._map[: len(MAGIC)] != MAGIC:
            raise DriverError("BOARD_FAILED", f"{path} is no clock file")

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offsets()[0]

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self._offsets()[1]

    def _offsets(self) -> tuple[int, int]:
        rtc_ms, mono_ms = _OFFSETS.unpack_from(self._map, len(MAGIC))
        return rtc_ms, mono_ms
