"""Which parts of the box may fall and rise again, and which take the box with them.

1. A part that talks to the outside (fleet, serial line, content) is started again after a growing wait;
   what it raised is logged with its name, never swallowed.
2. The runtime is the box: when it ends, everything else is stopped, and the process ends with its answer.
"""

from collections.abc import Awaitable, Callable
from importlib import import_module

from device.first_loop import pause, running_loop
from device.log import Log
from device.typed import Any

WAIT_S_MIN = 1.0
WAIT_S_MAX = 60.0
STEADY_S = 300.0  # a part that ran this long begins with the shortest wait again
_log = Log(__name__)


class Supervisor:
    """Keeps parts running; `close` stops them, the last started first."""

    def __init__(self) -> None:
        self._tasks: list[Any] = []

    def keep(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Rule 1."""
        self._tasks.append(running_loop().create_task(self._kept(name, part)))

    async def close(self) -> None:
        gather = import_module("asyncio").gather
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await gather(task, return_exceptions=True)

    async def _kept(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        loop = running_loop()
        wait_s = WAIT_S_MIN
        while True:
            started_s = loop.time()
            try:
                await part()
                return
            except Exception:  # noqa: BLE001 - rule 1: one part's defect must not stop the others
                _log.exception("%s fell; starts again in %.0f s", name, wait_s)
            if loop.time() - started_s > STEADY_S:
                wait_s = WAIT_S_MIN
            await pause(wait_s)
            wait_s = min(2 * wait_s, WAIT_S_MAX)
