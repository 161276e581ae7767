"""The composition root of the box: in which order it starts and ends.

1. The shell (`shell.py`) stands first and falls last: whoever asks gets an answer with a code, whatever else is down.
2. A box with the factory's certificate begins with its inside (`inside.py`), which answers plays; the outside
   (`outside.py`) and its packages are read in meanwhile, in a thread.
3. A box without that certificate has no core; it waits for the factory step and goes on from there, without a restart.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from device.inside import Inside
from device.ports import Board, DriverError
from device.settings import Settings
from device.shell import Shell

if TYPE_CHECKING:
    from device.outside import Outside

BREATH_S = 0.5  # those who have waited for the box are answered before the outside takes the processor
FIRST_S = 2.0  # the inside has this long alone; a disk that stands still must not keep the status page away
AGAIN_S = 3.0
_log = logging.getLogger(__name__)


async def run(settings: Settings, faults: set[str], started: Callable[[], None]) -> int:
    """Run the box until it is told to stop; returns the exit code. Raises DriverError if it cannot begin.

    faults: codes of what is out of order already; started: called when the LAN interface stands.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    box = _Box(settings, Shell(settings, _open_board(settings)), stopping)
    try:
        box.shell.desk.faults |= faults
        await box.shell.start()
        started()
        return await box.live()
    finally:
        await box.close()


class _Box:
    """The three parts, and when each is there."""

    def __init__(self, settings: Settings, shell: Shell, stopping: asyncio.Event) -> None:
        self.shell = shell
        self._settings = settings
        self._stopping = stopping
        self._outside: Outside | None = None

    async def live(self) -> int:
        """Returns the exit code."""
        if not await self._is_somebody():
            return 0
        inside = Inside(self._settings, self.shell)
        living = asyncio.create_task(inside.live(self._stopping))
        joining = asyncio.create_task(self._join(inside))
        try:
            await asyncio.wait((living, joining), return_when=asyncio.FIRST_COMPLETED)
            if joining.done():
                joining.result()  # what it raised ends the process; the board starts it again
            return await living
        finally:
            living.cancel()
            joining.cancel()
            await asyncio.gather(living, joining, return_exceptions=True)

    async def close(self) -> None:
        await self.shell.fall_silent()
        if self._outside is not None:
            await self._outside.close()
        self.shell.close()

    async def _is_somebody(self) -> bool:
        """Wait until the box has its papers and can read them (rule 3); False if it was told to stop before."""
        while not self._is_readable():
            await self._read_in_outside()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._stopping.wait()
                    return False
        if self.shell.identity.is_enrolled:
            return True
        await self._read_in_outside()
        ends = [asyncio.create_task(event.wait()) for event in (self._stopping, self.shell.enrolled)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        return self.shell.enrolled.is_set()

    def _is_readable(self) -> bool:
        faults = self.shell.desk.faults
        try:
            self.shell.identity.load()
        except DriverError as error:
            _log.error("this box cannot be itself: %s", error)
            faults.add(error.code)
            return False
        faults.discard("IDENTITY_DAMAGED")
        return True

    async def _join(self, inside: Inside) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await inside.stands.wait()
                await asyncio.sleep(BREATH_S)
        outside = await self._read_in_outside()
        await outside.join(inside)

    async def _read_in_outside(self) -> "Outside":
        """Rule 2."""
        if self._outside is None:
            module = await asyncio.to_thread(import_module, "device.outside")
            self._outside = module.Outside(self._settings, self.shell)
            await self._outside.start()
        return self._outside


def _open_board(settings: Settings) -> Board:
    """The drivers of one board; those of another, and their packages, are not even imported."""
    board: Board = import_module(f"device.drivers.{settings.board}.board").open_board(settings.board_dir)
    return board
