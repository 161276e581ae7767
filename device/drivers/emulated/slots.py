"""The slots of the emulated board: two image files and the boot state beside them (SPEC 13.4).

The boot loader reads and writes the same `boot.blk`; which slot it started, only the board can tell.
Example: running on `a`, `write(chunks)` fills `b.img`, `digest(length)` reads it back from the file, `arm()`
makes the order `ba` with BOOT_ATTEMPTS for `b`, and on the next boot `confirm` gives the running slot all
its attempts again.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from device.drivers.emulated.link import BoardLink
from device.ports import DriverError
from device.protocol.limits import BOOT_ATTEMPTS
from device.protocol.updates import BOOT_BLOCK_BYTES, BootState, decode_boot_block, newest

BOOT_STATE = "boot.blk"
READ_BYTES = 1 << 20


class EmulatedSlots:
    def __init__(self, link: BoardLink, folder: Path) -> None:
        self._folder = folder
        self._running = str(link.ask("boot")["slot"])
        if self._running not in ("a", "b"):
            raise DriverError("SLOT_FAILED", f"the board says that slot {self._running!r} runs")

    def running(self) -> str:
        return self._running

    def write(self, chunks: Iterable[bytes]) -> int:
        length = 0
        try:
            with self._other_image().open("wb") as image:
                for chunk in chunks:
                    length += image.write(chunk)
                image.flush()
                os.fsync(image.fileno())
        except OSError as error:
            raise DriverError("SLOT_FAILED", str(error)) from error
        return length

    def digest(self, length: int) -> str:
        digest = hashlib.sha256()
        try:
            with self._other_image().open("rb") as image:
                while length > 0 and (chunk := image.read(min(length, READ_BYTES))):
                    digest.update(chunk)
                    length -= len(chunk)
        except OSError as error:
            raise DriverError("SLOT_FAILED", str(error)) from error
        return digest.hexdigest()

    def arm(self) -> None:
        state = self._read()
        if state.left(self._running) == 0:
            state = state.with_left(self._running, 1)
        self._write(state.first(self._other()))

    def confirm(self, is_only: bool) -> None:
        state = self._read()
        if is_only:
            state = state.with_left(self._other(), 0)
        self._write(state.first(self._running).replace(seq=self._read().seq + 1))

    def is_trial(self) -> bool:
        return self._read().left(self._running) < BOOT_ATTEMPTS

    def _other(self) -> str:
        return "b" if self._running == "a" else "a"

    def _other_image(self) -> Path:
        return self._folder / f"{self._other()}.img"

    def _read(self) -> BootState:
        raw = (self._folder / BOOT_STATE).read_bytes()
        first, second = raw[:BOOT_BLOCK_BYTES], raw[BOOT_BLOCK_BYTES : 2 * BOOT_BLOCK_BYTES]
        state = newest(decode_boot_block(first), decode_boot_block(second))
        if state is None:
            raise DriverError("SLOT_FAILED", "no block of the boot state is whole")
        return state

    def _write(self, state: BootState) -> None:
        try:
            descriptor = os.open(self._folder / BOOT_STATE, os.O_WRONLY | os.O_DSYNC)
            try:
                os.pwrite(descriptor, state.encode(), state.seq % 2 * BOOT_BLOCK_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DriverError("SLOT_FAILED", str(error)) from error
