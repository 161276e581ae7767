"""No lease is overrun, whatever the power and the card do; what is as good as no power is no overrun."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

from device.core import tick, verdict
from device.core.clock import Clock
from tests.box_rig import SONGS
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import DAY_S, NOON_S, World

NOONS = 6  # of the seven days before the core catalog, which begin at eight in the morning
OTHER_SONG = SONGS[1]  # not of the core catalog


class AWeekWithoutContact(World):
    """A lease in the morning, then nobody; before every noon the power goes, and at noon somebody asks for a song."""

    def __init__(self, ill_nights: int) -> None:
        super().__init__(0)  # a calm one
        self._ill_nights = ill_nights  # the first ones, in which the card takes nothing, until the power goes
        self.before: list[str] = []  # what a guest is told just before the power goes
        self.codes: list[str] = []  # and when it is back

    async def _live(self, days: int) -> None:
        self.trouble.all_is_well()
        await self.machine.switch_on()
        await self._until(NOON_S)
        await self._pause(60)
        self.network.cut()
        for day in range(1, days):
            if day <= self._ill_nights:
                self.machine.disk.failing = {"write": errno.EIO, "rename": errno.EIO}
            await self._until(day * DAY_S + NOON_S - 60)
            self.before.append(await self._a_song())
            await self.machine.cut_power()
            self.trouble.disk_heals()
            await self.machine.switch_on()
            await self._pause(60)
            self.codes.append(await self._a_song())

    async def _a_song(self) -> str:
        """The code of the refusal; empty if it starts."""
        answer = (await self.evening.a_song("K1", OTHER_SONG)).answer
        assert answer is not None
        return str(answer.body.get("code", ""))


def test_7_2_every_night_counts_of_which_the_card_takes_the_time() -> None:
    world = AWeekWithoutContact(ill_nights=0)
    world.run(days=NOONS + 3)
    assert world.codes == [""] * NOONS + ["LEASE_CORE_ONLY"] * 2


def test_7_2_a_night_of_which_the_card_takes_nothing_is_as_good_as_no_power() -> None:
    world = AWeekWithoutContact(ill_nights=2)
    world.run(days=NOONS + 5)
    assert world.codes == [""] * (NOONS + 2) + ["LEASE_CORE_ONLY"] * 2
    assert world.before[:3] == ["JOURNAL_UNAVAILABLE"] * 2 + [""]


def _time_is_saved_once_a_week(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tick, "SAVE_TIME_MS", 7 * DAY_S * 1000)
    patch.setattr(tick, "SAVE_SOON_MS", 7 * DAY_S * 1000)


def _a_boot_begins_at_the_lease(patch: pytest.MonkeyPatch) -> None:
    resume = Clock.resume

    def resumed(self: Clock, *found: Any) -> None:
        resume(self, *found)
        self._at_ms = self._leased_ms

    patch.setattr(Clock, "resume", resumed)


def _plays_need_no_card(patch: pytest.MonkeyPatch) -> None:
    left = [(passes, code, word) for passes, code, word in verdict.BOX_CHECKS if code != "JOURNAL_UNAVAILABLE"]
    patch.setattr(verdict, "BOX_CHECKS", tuple(left))


MUTATIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the time is saved once a week": _time_is_saved_once_a_week,
    "a boot begins at the lease": _a_boot_begins_at_the_lease,
    "plays need no card": _plays_need_no_card,
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_overrun_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[name](monkeypatch)
    with pytest.raises(BrokenPromiseError, match="not of the core catalog"):
        AWeekWithoutContact(ill_nights=1).run(days=NOONS + 5)
