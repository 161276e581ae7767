"""Entries that the owner of the card wrote: the box stands, plays go on, and what it has goes up (SPEC 9.13)."""

import asyncio
import itertools
import os
from collections.abc import Iterator

import pytest

from device.protocol.limits import INSTANT_MAX
from tests import builders
from tests.simulation.forgery import Forged, forge, forged_entries
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import NOON_S, World

SONGS_OF_AN_EVENING = 6
DELIVERED_WITHIN_S = 1_800
EVENINGS = 12  # of one world: each leaves an epoch behind
OF = int(os.environ.get("FORGED_OF", "38"))  # of them one is tried; 1 takes some minutes
NO_KIND = "none"
LATER = f" at_ms {INSTANT_MAX}"
KINDS = sorted({forged.what.split()[0] for forged in forged_entries() if isinstance(forged.value, dict)})


class ForgedEvenings(World):
    """One evening after the other somebody cuts the power, and writes an entry."""

    def __init__(self, forged: list[Forged], back: int, is_rechained: bool) -> None:
        super().__init__(4)  # a calm one
        self._forged = forged
        self._back = back
        self._is_rechained = is_rechained

    async def _live(self, _days: int) -> None:
        self.trouble.all_is_well()
        await self.machine.switch_on()
        await self._until(NOON_S)
        for forged in self._forged:
            try:
                await self._an_evening(forged)
            except Exception as error:  # whatever falls over must name what was forged
                raise BrokenPromiseError(f"{forged.what}: {error!r}") from error

    async def _an_evening(self, forged: Forged) -> None:
        self.network.cut()
        told = [await self._a_song() for _ in range(SONGS_OF_AN_EVENING)]
        await self.machine.cut_power()
        lost = forge(self.machine.disk.folders["journal"], forged, self._back, self._is_rechained)
        assert await self.machine.switch_on()
        life = self.machine.life
        assert life is not None
        assert life.stands.is_set(), "it does not stand"
        if forged.what.endswith(LATER):
            self.trouble.all_is_well()  # trusted time has leapt: a lease sets it right
            await asyncio.sleep(60)
        told.append(await self._a_song())
        self.trouble.all_is_well()
        wanted = set(told) - {"-".join(map(str, place)) for place in lost}
        for _ in range(DELIVERED_WITHIN_S // 10):
            await asyncio.sleep(10)
            wanted -= {f"{entry.epoch}-{entry.seq}" for entry in self.fleet.entries_of(builders.BOX)}
            if not wanted:
                break
        assert not wanted, f"{wanted} of {told} are missing, {self.fleet.records[builders.BOX].incidents[-4:]}"

    async def _a_song(self) -> str:
        answer = (await self.venue.ask_for_a_song("K1", "000482", "guest")).answer
        assert answer is not None
        assert answer.status == 201, answer
        return str(answer.body["play"])


def a_sample(kind: str, of: int) -> Iterator[list[Forged]]:
    """Every forged entry of a kind, or one of so many, by the evenings of a world."""
    every = [
        one for one in forged_entries() if kind == (one.what.split()[0] if isinstance(one.value, dict) else NO_KIND)
    ]
    some = every[:: 1 if kind == NO_KIND else of]
    yield from (some[at : at + EVENINGS] for at in range(0, len(some), EVENINGS))


@pytest.mark.parametrize("kind", [NO_KIND, *KINDS])
def test_9_13_a_forged_last_entry_ends_no_start(kind: str) -> None:
    for some in a_sample(kind, OF):
        seen = ForgedEvenings(some, 0, is_rechained=False).run(days=1)
        assert seen.lives == 1 + len(some)


@pytest.mark.parametrize("is_rechained", [False, True])
@pytest.mark.parametrize("kind", [NO_KIND, *KINDS])
def test_9_13_a_forged_entry_in_the_place_of_one_of_the_last_ten_ends_no_start(kind: str, is_rechained: bool) -> None:
    for back, some in zip(itertools.cycle(range(1, 10)), a_sample(kind, 3 * OF), strict=False):
        seen = ForgedEvenings(some, back, is_rechained).run(days=1)
        assert seen.lives == 1 + len(some)
