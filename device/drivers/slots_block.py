"""The two image slots and the boot state of a board (SPEC 13.4), as block devices or as files.

Rules:

1. The running slot is never written, and its place in the boot state only by `confirm`.
2. Of the two boot state blocks the one that does not count is written, synced, and then counts: a cut leaves
   the old state or the new one.
3. `digest` reads what the disk holds, not what was handed to it.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from device.ports import DriverError
from device.protocol.limits import BOOT_ATTEMPTS
from device.protocol.updates import BOOT_BLOCK_BYTES, BootState, decode_boot_block, newest

READ_BYTES = 1 << 20


class SlotsBlock:
    """Slots `a` and `b` at two paths. Raises DriverError SLOT_FAILED on any error of the disk."""

    def __init__(self, running: str, slots: dict[str, Path], boot_state: Path) -> None:
        self._running = running
        self._other = "b" if running == "a" else "a"
        self._slots = slots
        self._boot_state = boot_state

    def running(self) -> str:
        return self._running

    def write(self, chunks: Iterable[bytes]) -> int:
        length = 0
        try:
            with open(self._slots[self._other], "r+b") as slot:
                for chunk in chunks:
                    length += slot.write(chunk)
                slot.flush()
                os.fsync(slot.fileno())
        except OSError as error:
            raise DriverError("SLOT_FAILED", f"slot {self._other}: {error}") from error
        return length

    def digest(self, length: int) -> str:
        digest = hashlib.sha256()
        try:
            with open(self._slots[self._other], "rb", buffering=0) as slot:
                os.posix_fadvise(slot.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # rule 3
                while length > 0:
                    chunk = slot.read(min(READ_BYTES, length))
                    if not chunk:
                        break
                    digest.update(chunk)
                    length -= len(chunk)
        except OSError as error:
            raise DriverError("SLOT_FAILED", f"slot {self._other}: {error}") from error
        return digest.hexdigest()

    def arm(self) -> None:
        """The running slot keeps at least one attempt: it is what a bad image falls back to."""
        before = self._state()
        kept = before if before.left(self._running) else before.with_left(self._running, 1)
        self._store(kept.first(self._other), before)

    def confirm(self, is_only: bool) -> None:
        state = self._state()
        wanted = state.first(self._running)
        if is_only:
            wanted = wanted.with_left(self._other, 0)
        if wanted.replace(seq=state.seq) != state:
            self._store(wanted, state)

    def is_trial(self) -> bool:
        return self._state().left(self._running) < BOOT_ATTEMPTS

    def _state(self) -> BootState:
        state = newest(*self._blocks())
        if state is None:
            # Both torn cannot come from one cut; with nothing known the running slot is the one that works.
            return BootState(seq=0, order=self._running + self._other, a_left=0, b_left=0)
        return state

    def _blocks(self) -> tuple[BootState | None, BootState | None]:
        try:
            with open(self._boot_state, "rb", buffering=0) as file:
                raw = file.read(2 * BOOT_BLOCK_BYTES)
        except OSError as error:
            raise DriverError("SLOT_FAILED", f"boot state: {error}") from error
        return decode_boot_block(raw[:BOOT_BLOCK_BYTES]), decode_boot_block(raw[BOOT_BLOCK_BYTES:])

    def _store(self, state: BootState, before: BootState) -> None:
        """Rule 2: numbers rise by one, and odd and even ones have their own block."""
        state = state.replace(seq=before.seq + 1)
        try:
            descriptor = os.open(self._boot_state, os.O_WRONLY | os.O_SYNC | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, state.encode(), state.seq % 2 * BOOT_BLOCK_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DriverError("SLOT_FAILED", f"boot state: {error}") from error
