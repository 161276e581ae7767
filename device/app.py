"""The composition root of the box: in which order it starts and ends.

1. The shell (`shell.py`) stands first and falls last: whoever asks gets an answer with a code, whatever else is down.
2. A box with the factory's certificate begins with its inside (`inside.py`), which answers plays. Both stand on the
   first loop (`first_loop.py`); asyncio, the outside and their packages are read in meanwhile, in a thread.
3. Then asyncio's loop takes over what stands (`whole.py`). So it does at once where there is no core to begin with, or
   where the box is told to stop.
"""

import gc
import signal
from collections.abc import Callable
from importlib import import_module

from device.first_loop import FirstLoop, Happening, in_thread, pause, running_loop
from device.inside import Inside
from device.log import Log
from device.ports import Board, DriverError
from device.services.lan_clock import mono_s
from device.settings import Settings
from device.shell import Shell

BREATH_S = 0.5  # those who have waited for the box are answered before the outside takes the processor
FIRST_S = 2.0  # the inside has this long alone; a disk that stands still must not keep the status page away
_STOPS = (signal.SIGTERM, signal.SIGINT)
_log = Log(__name__)


def run(settings: Settings, faults: set[str], started: Callable[[], None]) -> int:
    """Run the box until it is told to stop; returns the exit code. Raises DriverError if it cannot begin.

    faults: codes of what is out of order already; started: called once the LAN interface has its address. The process
    is to end with this call: a thread may still wait for the network.
    """
    loop = FirstLoop(mono_s)
    try:
        begun = Begun(settings, faults, started)
        loop.run(begun.alone())
        gc.enable()  # from here on; `__main__` has put it off
        code: int = import_module("device.whole").run(begun, loop)
        return code
    finally:
        loop.close()


class Begun:
    """What stands of the box, on the loop that runs."""

    def __init__(self, settings: Settings, faults: set[str], started: Callable[[], None]) -> None:
        """Raises DriverError."""
        self.settings = settings
        self.stopping = Happening()
        self.inside: Inside | None = None
        self._loop = running_loop()
        self._before = {number: signal.signal(number, self._stop) for number in _STOPS}
        try:
            self.shell = Shell(settings, _open_board(settings))
            self.shell.desk.faults |= faults
            self.shell.start(started)
        except DriverError:
            self.forget_signals()
            raise

    async def alone(self) -> None:
        """Rule 2: until the rest is read in, or nothing is to be waited for."""
        if not self.is_readable() or not self.shell.identity.is_enrolled:
            return
        over = Happening()
        reading = self._loop.create_task(self._read_in_rest(self.begin_inside(), over))
        ending = self._loop.create_task(_set_after(self.stopping, over))
        await over.wait()
        reading.cancel()
        ending.cancel()

    def is_readable(self) -> bool:
        """Whether the box can read who it is; a fault while it cannot."""
        faults = self.shell.desk.faults
        try:
            self.shell.identity.load()
        except DriverError as error:
            _log.error("this box cannot be itself: %s", error)
            faults.add(error.code)
            return False
        faults.discard("IDENTITY_DAMAGED")
        return True

    def begin_inside(self) -> Inside:
        self.inside = Inside(self.settings, self.shell)
        self.inside.begin()
        return self.inside

    def forget_signals(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    async def _read_in_rest(self, inside: Inside, over: Happening) -> None:
        """What is wrong with a package is said where it is used."""
        try:
            first = Happening()  # `stands`, or FIRST_S
            self._loop.call_later(FIRST_S, first.set)
            standing = self._loop.create_task(_set_after(inside.stands, first))
            ending = self._loop.create_task(_set_after(inside.ended, first))
            await first.wait()
            standing.cancel()
            ending.cancel()
            if inside.stands.is_set():
                await pause(BREATH_S)
            for part in ("device.whole", "device.outside"):
                await in_thread(import_module, part)
        finally:
            over.set()

    def _stop(self, *_signal: object) -> None:
        self._loop.call_soon_threadsafe(self.stopping.set)


async def _set_after(happening: Happening, follower: Happening) -> None:
    await happening.wait()
    follower.set()


def _open_board(settings: Settings) -> Board:
    """The drivers of one board; those of another, and their packages, are not even imported."""
    board: Board = import_module(f"device.drivers.{settings.board}.board").open_board(settings.board_dir)
    return board
