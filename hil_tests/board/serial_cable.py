"""The serial cable between box and VOD server: two pseudo-terminals, joined by the board.

A pty has no baud rate, parity or modem lines (hil.md 3): what needs those is tested elsewhere. When the
reader is slow, bytes are lost, as on a real line without handshake.
"""

import asyncio
import os
import tty
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 4096
ENDS = ("box", "vod")


class SerialCable:
    def __init__(self, folder: Path) -> None:
        """Make the cable; ``folder/box`` and ``folder/vod`` name its ends. Needs a running loop."""
        self.is_plugged = True
        self._descriptors: list[int] = []
        masters = [self._end(folder / name) for name in ENDS]
        loop = asyncio.get_running_loop()
        for here, there in (masters, reversed(masters)):
            loop.add_reader(here, self._carry, here, there)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in self._descriptors:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._descriptors = []

    def _end(self, link: Path) -> int:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        # The slave stays open here: a master without slave reads as an error while nobody listens.
        self._descriptors += [master, slave]
        return master

    def _carry(self, here: int, there: int) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(here, CHUNK_BYTES)
            if self.is_plugged:
                os.write(there, chunk)
