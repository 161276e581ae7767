"""Seal switch, relay and lamp on the GPIO lines of a real board, by libgpiod (the kernel's character device).

1. The relay is a normally open contact and its line starts inactive: a box without power, or between start and
   its first decision, is silent.
2. The lamp is one line: steady for `in-service`, otherwise a blink whose rhythm tells the states apart without
   colour (steps of STEP_S, `#` is on). A step that the line does not take is none: the next one is tried all the same,
   and who changes the pattern meanwhile hears of it.
3. The seal is watched by edges from the kernel, so an opening of a millisecond is seen; nothing polls.
"""

from collections.abc import Callable
from datetime import timedelta

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from device.first_loop import running_loop
from device.ports import LAMP_PATTERNS, DriverError

STEP_S = 0.15
SETTLE_MS = 5
_RHYTHMS = {
    "boot": "#.",
    "unclaimed": "####....",
    "in-service": "#",
    "ready": "####.###..",
    "offline": "#.#.......",
    "closed": "#.........",
    "locked": "########..",
    "expired": "#.#.#.....",
    "failed": "#.#.#.#.#...",
}
assert set(_RHYTHMS) == set(LAMP_PATTERNS)


class GpioLines:
    """All three ports on one chip; make it in the running loop."""

    def __init__(self, chip: str, seal: int, relay: int, lamp: int) -> None:
        low = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
        loop = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.BOTH,
            bias=Bias.PULL_UP,
            debounce_period=timedelta(milliseconds=SETTLE_MS),
        )
        try:
            self._lines = gpiod.request_lines(chip, consumer="frontbox", config={relay: low, lamp: low, seal: loop})
        except OSError as error:
            raise DriverError("BOARD_FAILED", f"{chip}: {error}") from error
        self._seal, self._relay, self._lamp = seal, relay, lamp
        self._was_opened = False
        self._rhythm = "."
        self._step = 0
        self._lamp_failed: DriverError | None = None
        self._told: list[Callable[[bool], None]] = []
        self._loop = running_loop()
        self._loop.add_reader(self._lines.fd, self._edges)
        self._blink()

    def is_open(self) -> bool:
        """The loop through the seal pulls the line low; a cut loop lets it rise."""
        try:
            return self._lines.get_value(self._seal) is Value.ACTIVE
        except OSError as error:
            raise DriverError("BOARD_FAILED", f"seal: {error}") from error

    def was_opened(self) -> bool:
        """No latch on these lines: an opening without power is not seen by them (`ports.SealSwitch`)."""
        return self._was_opened or self.is_open()

    def release(self) -> None:
        self._was_opened = False

    def subscribe(self, changed: Callable[[bool], None]) -> None:
        self._told.append(changed)

    def set_closed(self, closed: bool) -> None:
        self._set(self._relay, closed)

    def show(self, pattern: str) -> None:
        self._rhythm, self._step = _RHYTHMS[pattern], 0
        if self._lamp_failed is not None:
            raise self._lamp_failed

    def _edges(self) -> None:
        for event in self._lines.read_edge_events():
            is_open = event.event_type is event.Type.RISING_EDGE
            self._was_opened = self._was_opened or is_open
            for changed in self._told:
                changed(is_open)

    def _blink(self) -> None:
        self._loop.call_later(STEP_S, self._blink)
        try:
            self._set(self._lamp, self._rhythm[self._step % len(self._rhythm)] == "#")
            self._lamp_failed = None
        except DriverError as error:
            self._lamp_failed = error
        self._step += 1

    def _set(self, line: int, is_active: bool) -> None:
        try:
            self._lines.set_value(line, Value.ACTIVE if is_active else Value.INACTIVE)
        except OSError as error:
            raise DriverError("BOARD_FAILED", f"line {line}: {error}") from error
