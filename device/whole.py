"""The box from asyncio's loop on: inside and outside together, or first what makes an inside possible.

A box without the factory's certificate has no core; it waits for the factory step and goes on from there, without a
restart. So it does while it cannot read who it is.
"""

import asyncio
import contextlib
from importlib import import_module
from typing import TYPE_CHECKING

from device.app import Begun
from device.first_loop import FirstLoop
from device.inside import Inside
from device.log import Log

if TYPE_CHECKING:
    from device.outside import Outside

AGAIN_S = 3.0
_log = Log(__name__)


def run(begun: Begun, loop: FirstLoop) -> int:
    """Take over from the first loop, and go on to the end; returns the exit code."""

    async def taken_over() -> int:
        loop.join(asyncio.get_running_loop())
        return await live(begun)

    successor = asyncio.new_event_loop()
    try:
        return successor.run_until_complete(taken_over())
    finally:
        # As it stands: all that matters is durable. `asyncio.run` would wait for threads that wait for the network.
        successor.close()


async def live(begun: Begun) -> int:
    """Until the box is told to stop; returns the exit code."""
    whole = _Whole(begun)
    try:
        return await whole.live()
    finally:
        await whole.close()


class _Whole:
    """What stands, and the outside when it is there."""

    def __init__(self, begun: Begun) -> None:
        self._begun = begun
        self._shell = begun.shell
        self._outside: Outside | None = None

    async def live(self) -> int:
        """Returns the exit code."""
        if "LAN_UNAVAILABLE" not in self._shell.desk.faults:
            _log.info("LAN interface on http://%s:%d", *self._shell.listener.bound)
        if self._begun.inside is None and not await self._is_somebody():
            return 0
        inside = self._begun.inside or self._begun.begin_inside()
        living = asyncio.create_task(inside.live(self._begun.stopping))
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
        await self._shell.fall_silent()
        if self._outside is not None:
            await self._outside.close()
        self._shell.close()
        self._begun.forget_signals()

    async def _is_somebody(self) -> bool:
        """Wait until the box has its papers and can read them; False if it was told to stop before."""
        stopping = self._begun.stopping
        while not self._begun.is_readable():
            await self._read_in_outside()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await stopping.wait()
                    return False
        if self._shell.identity.is_enrolled:
            return True
        await self._read_in_outside()
        ends = [asyncio.create_task(happening.wait()) for happening in (stopping, self._shell.enrolled)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        return self._shell.enrolled.is_set()

    async def _join(self, inside: Inside) -> None:
        outside = await self._read_in_outside()
        await outside.join(inside)

    async def _read_in_outside(self) -> "Outside":
        """In a thread, where that was not done before: whoever asks is answered meanwhile."""
        if self._outside is None:
            module = await asyncio.to_thread(import_module, "device.outside")
            self._outside = module.Outside(self._begun.settings, self._shell)
            await self._outside.start()
        return self._outside
