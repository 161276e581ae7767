"""What befalls a box by itself: the line, the power, the disk, the clocks."""

import random

from device.protocol.limits import DAY_MS
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.virtual_time import VirtualLoop

ERRORS = {"write": (5, 28), "sync": (5,), "rename": (5, 30), "remove": (30,), "sync_names": (5,), "truncate": (30,)}


class Trouble:
    """Happenings of one box; each returns what it did, for the story."""

    def __init__(self, machine: Machine, network: Network, loop: VirtualLoop, chance: random.Random) -> None:
        self._machine = machine
        self._network = network
        self._weather = network.weather
        self._line_returns_s = 0.0
        self._loop = loop
        self._chance = chance

    def line_is_cut(self) -> str:
        self._network.cut()
        return "line: cut"

    def line_is_cut_for_days(self) -> str:
        days = self._chance.choice((4, 9, 33))
        self._network.cut()
        self._line_returns_s = self._loop.time() + days * DAY_MS / 1000
        return f"line: cut for {days} days"

    def line_returns(self) -> str:
        self._weather.is_cut = self._loop.time() < self._line_returns_s
        self._weather.withheld = frozenset()
        return f"line: {'still cut' if self._weather.is_cut else 'returns'}"

    def line_worsens(self) -> str:
        weather, chance = self._weather, self._chance
        weather.lost = chance.choice((0.0, 0.1, 0.3, 0.6))
        weather.doubled = chance.choice((0.0, 0.2, 0.5))
        weather.late_s = chance.choice((0.05, 2.0, 20.0))
        return f"line: {weather.lost:.0%} lost, {weather.doubled:.0%} doubled, up to {weather.late_s} s late"

    def disk_falls_ill(self) -> str:
        disk, chance = self._machine.disk, self._chance
        kinds = chance.sample(sorted(ERRORS), k=chance.choice((1, 1, 2, 6)))
        disk.failing = {kind: chance.choice(ERRORS[kind]) for kind in kinds}
        disk.fails_with = chance.choice((0.1, 0.5, 1.0))
        return f"disk: {disk.failing}, {disk.fails_with:.0%} of the time"

    def disk_stalls(self) -> str:
        self._loop.blocking_s = self._chance.choice((0.5, 4.0, 25.0))
        return f"disk: each call takes {self._loop.blocking_s} s"

    def disk_heals(self) -> str:
        self._machine.disk.failing = {}
        self._loop.blocking_s = 0.0
        return "disk: well again"

    def clock_jumps(self) -> str:
        hardware, chance = self._machine.hardware, self._chance
        years_ms = 20 * 365 * DAY_MS
        jump_ms = chance.choice(
            (-years_ms, -DAY_MS, -3_600_000, 3_600_000, DAY_MS, years_ms, chance.randint(-(9**9), 9**9))
        )
        hardware.rtc_error_ms += jump_ms
        return f"battery clock: {jump_ms:+d} ms"

    def battery_dies(self) -> str:
        self._machine.hardware.rtc_error_ms = -self._machine.around.true_ms() + self._chance.choice(
            (0, 946_684_800_000)
        )
        return "battery clock: dead"

    def battery_is_changed(self) -> str:
        self._machine.hardware.rtc_error_ms = self._chance.randint(-3000, 3000)
        return "battery clock: set right"

    def power_will_go(self) -> str:
        """In the middle of whatever comes next."""
        steps = self._chance.choice((self._chance.randrange(4), self._chance.randrange(40)))
        if self._machine.life is not None:
            self._machine.life.power.left = steps
        return f"power: goes after {steps} steps"

    def all_is_well(self) -> None:
        """Nature rests: what is left is the box's own doing."""
        weather = self._weather
        self._line_returns_s = 0.0
        weather.is_cut, weather.lost, weather.doubled, weather.late_s = False, 0.0, 0.0, 0.05
        weather.withheld = frozenset()
        self.disk_heals()
        self.battery_is_changed()
