"""The two clocks of a board, as offsets in a small mapped file that the box reads without asking.

clock.bin: ``"FBCLOCK1"``, then two little-endian signed 64-bit numbers of milliseconds: what to add to
the host's wall clock for the RTC, and to its monotonic clock for the time since power-up. Reading a
clock must cost nothing, hence no round trip over the control socket.

The RTC runs on its battery while the power is off. The monotonic clock starts near zero at each reset.
"""

import mmap
import struct
import time
from pathlib import Path

MAGIC = b"FBCLOCK1"
LAYOUT = struct.Struct("<8sqq")


class BoardClock:
    """The writer of clock.bin: the board alone."""

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != LAYOUT.size:
            path.write_bytes(LAYOUT.pack(MAGIC, 0, 0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self._rtc_offset_ms: int
        self._mono_offset_ms: int
        magic, self._rtc_offset_ms, self._mono_offset_ms = LAYOUT.unpack(self._map)
        if magic != MAGIC:
            raise ValueError(f"{path} is no clock file")

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._rtc_offset_ms

    def mono_ms(self) -> int:
        return host_ms() + self._mono_offset_ms

    def reset(self) -> None:
        """Power-up: time since power-up starts again, the battery clock runs on."""
        self._write(self._rtc_offset_ms, -host_ms())

    def jump(self, *, rtc_ms: int = 0, mono_ms: int = 0) -> None:
        """Move either clock by that much; the monotonic one never backwards."""
        if mono_ms < 0:
            raise ValueError(f"a monotonic clock does not go back by {-mono_ms} ms")
        self._write(self._rtc_offset_ms + rtc_ms, self._mono_offset_ms + mono_ms)

    def set_rtc_offset(self, offset_ms: int) -> None:
        self._write(offset_ms, self._mono_offset_ms)

    def _write(self, rtc_offset_ms: int, mono_offset_ms: int) -> None:
        self._rtc_offset_ms, self._mono_offset_ms = rtc_offset_ms, mono_offset_ms
        self._map[:] = LAYOUT.pack(MAGIC, rtc_offset_ms, mono_offset_ms)


def host_ms() -> int:
    """The stopwatch of the bench: one scale for all processes of this machine, moved by nothing."""
    return time.monotonic_ns() // 1_000_000
