"""A card of which blocks are dead: some take no write, and some cannot be read any more."""

import errno

from device.drivers.journal_segment import BLOCK_BYTES
from tests.device.drivers.crash_folder import CrashFolder, Files


class PartlyDeadFolder(CrashFolder):
    """`dead`: blocks that take no write, `unreadable`: those that cannot be read, by the file that has them."""

    def __init__(self, files: Files | None = None) -> None:
        super().__init__(files)
        self.dead: dict[str, set[int]] = {}
        self.unreadable: dict[str, set[int]] = {}
        self.destroys = False  # whether a block that takes no write is unreadable from then on

    def read(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        end = len(self.files[name]) if length < 0 else offset + length
        if self.unreadable.get(name, set()) & _blocks(offset, end):
            raise OSError(errno.EIO, f"{name}: cannot be read")
        return super().read(name, offset, length)

    def write(self, name: str, offset: int, data: bytes) -> None:
        met = self.dead.get(name, set()) & _blocks(offset, offset + len(data))
        if met:
            if self.destroys:
                self.unreadable.setdefault(name, set()).update(met)
            written = max(0, min(met) * BLOCK_BYTES - offset)
            super().write(name, offset, data[:written])
            raise OSError(errno.EIO, f"{name}: takes no write")
        super().write(name, offset, data)

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        for blocks in (self.dead, self.unreadable):
            blocks.pop(new, None)
            if old in blocks:
                blocks[new] = blocks.pop(old)


def _blocks(offset: int, end: int) -> set[int]:
    return set(range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES)))
