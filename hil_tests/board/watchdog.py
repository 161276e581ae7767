"""The watchdog: armed by its first feed, it resets the board when it is not fed in time."""

import asyncio
from collections.abc import Callable

STARVES_AFTER_S = 10.0


class Watchdog:
    def __init__(self, bite: Callable[[], None], starves_after_s: float = STARVES_AFTER_S) -> None:
        self._bite = bite
        self._starves_after_s = starves_after_s
        self._timer: asyncio.TimerHandle | None = None
        self.bites = 0

    def feed(self) -> None:
        self.disarm()
        self._timer = asyncio.get_running_loop().call_later(self._starves_after_s, self._starved)

    def disarm(self) -> None:
        """A reset disarms it, until the program feeds it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def is_armed(self) -> bool:
        return self._timer is not None

    def _starved(self) -> None:
        self._timer = None
        self.bites += 1
        self._bite()
