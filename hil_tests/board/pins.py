"""The lines of the board: the seal switch goes in, relay and lamp come out; each change with its time.

Times are the bench's stopwatch (``clock.host_ms``), so a test can put them beside its own.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hil_tests.board.clock import host_ms

Level = bool | str
Watcher = Callable[["Change"], None]
CHANGES_MAX = 1000


@dataclass(frozen=True)
class Change:
    line: str
    value: Level
    at_ms: int

    def told(self) -> dict[str, object]:
        return {"line": self.line, "value": self.value, "at_ms": self.at_ms}


class Pins:
    INPUTS = ("seal",)  # True: open
    OUTPUTS = ("relay", "lamp")  # relay True: closed; lamp: the name of its pattern
    AT_RESET: dict[str, Level] = {"relay": False, "lamp": "off"}  # noqa: RUF012 - a constant table

    def __init__(self) -> None:
        now = host_ms()
        self._now = {"seal": Change("seal", False, now)}
        self._now |= {line: Change(line, value, now) for line, value in self.AT_RESET.items()}
        self._changes: deque[Change] = deque(maxlen=CHANGES_MAX)
        self._watchers: list[Watcher] = []

    def drive(self, line: str, value: Level) -> None:
        """Set a line, from whichever side; the same level again is no change."""
        if line not in self._now:
            raise ValueError(f"no line {line!r}; there are {', '.join(self._now)}")
        if type(value) is not type(self._now[line].value):
            raise TypeError(f"line {line} takes a {type(self._now[line].value).__name__}, not {value!r}")
        if self._now[line].value == value:
            return
        change = Change(line, value, host_ms())
        self._now[line] = change
        self._changes.append(change)
        for watcher in list(self._watchers):
            watcher(change)

    def reset(self) -> None:
        """Outputs fall back when the processor is reset; the seal switch is outside of it."""
        for line, value in self.AT_RESET.items():
            self.drive(line, value)

    def level(self, line: str) -> Change:
        return self._now[line]

    def levels(self) -> dict[str, object]:
        return {line: {"value": change.value, "at_ms": change.at_ms} for line, change in self._now.items()}

    def changes(self, line: str) -> list[dict[str, object]]:
        return [change.told() for change in self._changes if change.line == line]

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher at every change; returns how to stop that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)
