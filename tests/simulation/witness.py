"""Between the loop of a box and its core: up to when all that the core asked of the card is done."""

from collections.abc import Callable, Sequence
from typing import Any

from device.core.box import Box
from device.core.effects import Append, SaveState
from device.core.events import Now, Tick


class Witness:
    """At every tick the loop has performed what the tick before asked for, or has told the core that it failed."""

    def __init__(self, core: Box, time_s: Callable[[], float]) -> None:
        self.kept_s = 0.0  # when the last tick came after which nothing is owed
        self._ticked_s = 0.0
        self._core = core
        self._time_s = time_s

    def handle(self, event: Any, now: Now) -> Sequence[Any]:
        if isinstance(event, Tick):
            if self._core._memory.journal.is_available:
                self.kept_s = self._ticked_s
            self._ticked_s = self._time_s()
        return self._core.handle(event, now)

    def kept(self, done: Append | SaveState) -> None:
        self._core.kept(done)
