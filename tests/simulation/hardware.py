"""What a new card does not change: clock, counter, seal and secret of a simulated board, on true time."""

from collections.abc import Callable

from tests.simulation.disk import Power
from tests.simulation.virtual_time import VirtualLoop


class Hardware:
    """The ports of `device.ports.Board` that a start and the composition ask."""

    def __init__(self, loop: VirtualLoop, begins_ms: int, drift_ppm: float) -> None:
        self.count = 0
        self.rtc_error_ms = 0
        self.power_on_s = loop.time()
        self.seal_is_open = False
        self.seal_latch = False
        self.seal_told: Callable[[bool], None] = _nobody
        self.power = Power()
        self._loop = loop
        self._begins_ms = begins_ms
        self._drift_ppm = drift_ppm

    def true_ms(self) -> int:
        return self._begins_ms + round(self._loop.time() * 1000)

    def mono_ms(self) -> int:
        return round((self._loop.time() - self.power_on_s) * (1000 + self._drift_ppm / 1000))

    def rtc_ms(self) -> int:
        return self.true_ms() + self.rtc_error_ms

    def read(self) -> int:
        return self.count

    def tick(self) -> int:
        self.power.step()
        self.count += 1
        return self.count

    def running(self) -> str:
        return "a"

    def is_open(self) -> bool:
        return self.seal_is_open

    def was_opened(self) -> bool:
        return self.seal_latch

    def release(self) -> None:
        self.power.step()
        self.seal_latch = self.seal_is_open

    def move_seal(self, is_open: bool) -> None:
        self.seal_is_open = is_open
        self.seal_latch = self.seal_latch or is_open
        self.seal_told(is_open)


class Secret:
    """What the secure element says to this board alone."""

    def read(self) -> bytes:
        return b"s" * 32


SECRET = Secret()


def _nobody(_is_open: bool) -> None:
    """Nobody listens to the switch while the power is off."""
