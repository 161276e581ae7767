"""An old image put back: restricted until contact, and whatever the power does, no longer than that."""

import asyncio
from collections.abc import Callable

import pytest

from device.core import damage, start
from tests.box_rig import SONGS
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import NOON_S, World

STEPS = 8  # of the turn in which the box heals, and a few more


class PutBackNoon(World):
    """The power goes some steps after a box that an old image had restricted has had its minute of contact."""

    def __init__(self, steps: int) -> None:
        super().__init__(0)  # a calm one
        self._steps = steps
        self.began_restricted: bool | None = None  # after that loss of power

    async def _live(self, _days: int) -> None:
        machine = self.machine
        await machine.switch_on()
        await self._until(NOON_S)
        await machine.cut_power()
        self.owner.take_an_image()
        for _ in range(2):  # boots, which the counter remembers
            await machine.switch_on()
            await machine.cut_power()
        machine.disk.put_back(self.owner._images[0][1])
        self.promises.put_back(True, True)
        await machine.switch_on()
        assert machine.life is not None
        while machine.life.core._memory.damage._contact_ms is None:
            await self._pause(1)
        await self._pause(58)
        machine.life.power.left = self._steps
        while machine.life.power.is_on:
            await asyncio.sleep(0.5)
            if not machine.life.core._memory.damage.is_restricted:
                await self.evening.a_song("K1", SONGS[0])
        self.network.cut()
        await machine.cut_power()
        await machine.switch_on()
        self.began_restricted = machine.life.core._memory.damage.is_restricted
        self.promises.look()
        await self.evening.a_song("K1", SONGS[0])


def test_6_6_contact_counts_also_where_the_power_goes_before_the_box_says_so() -> None:
    began = []
    for steps in range(STEPS):
        world = PutBackNoon(steps)
        world.run(days=1)
        began.append(world.began_restricted)
    assert set(began) == {True, False}


MUTATIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "any record is the last one": lambda patch: patch.setattr(start, "is_put_back", lambda *_counts: False),
    "a second of contact is enough": lambda patch: patch.setattr(damage, "CONTACT_FOR_MS", 1_000),
    "no contact is enough": lambda patch: patch.setattr(damage.Damage, "found", lambda self: self.contacted(0)),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_rule_that_is_broken_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[name](monkeypatch)
    with pytest.raises(BrokenPromiseError):
        PutBackNoon(STEPS).run(days=1)
