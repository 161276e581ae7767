"""Whoever rings the doorbell decides neither how often a box looks for content nor that all look in one moment."""

import asyncio

import pytest

from device.services import looking
from device.services.looking import APART_S, SPREAD_S, keep_fetching, keep_looking


class Bell:
    """A doorbell that is rung at every look and in every pause; sleeping takes no time, and is written down."""

    def __init__(self, ends_after: int, rings: bool = True) -> None:
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.slept: list[float] = []
        self.looks = 0
        self._ends_after = ends_after
        self._rings = rings

    async def look(self) -> bool:
        self.looks += 1
        if self.looks == self._ends_after:
            raise EOFError
        return False

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._rings:
            self.wanted.set()


async def test_11_2_looks_are_apart_and_spread_however_often_the_bell_rings() -> None:
    bell = Bell(ends_after=4)
    with pytest.raises(EOFError):
        await keep_looking(bell.wanted, bell.look, bell.sleep, lambda: 0.5)
    assert bell.slept == [APART_S, SPREAD_S / 2] * 3


async def test_a_box_that_hears_nothing_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "AGAIN_S", 0.0)
    bell = Bell(ends_after=3, rings=False)
    with pytest.raises(EOFError):
        await keep_looking(bell.wanted, bell.look, bell.sleep, lambda: 0.0)
    assert bell.looks == 3


async def test_whoever_starts_the_looking_again_after_a_fall_looks_without_a_bell() -> None:
    bell = Bell(ends_after=1, rings=False)
    for _ in range(2):  # a bell that nobody rings again
        with pytest.raises(EOFError):
            async with asyncio.timeout(5):
                await keep_looking(bell.wanted, bell.look, bell.sleep, lambda: 0.0)
        bell.looks = 0


async def test_5_5_what_does_not_come_is_fetched_again_and_soon_after_a_look() -> None:
    wanted, fetched = asyncio.Event(), list[int]()

    async def fetch() -> bool:
        fetched.append(len(fetched))
        if len(fetched) == 3:
            raise EOFError
        wanted.set()  # as a look does, also while it is fetched
        return len(fetched) == 2

    wanted.set()
    with pytest.raises(EOFError):
        await keep_fetching(wanted, fetch)
    assert fetched == [0, 1, 2]


async def test_5_5_what_does_not_come_is_fetched_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "AGAIN_S", 0.0)
    wanted, fetched = asyncio.Event(), list[int]()

    async def fetch() -> bool:
        fetched.append(len(fetched))
        if len(fetched) == 3:
            raise EOFError
        return False

    wanted.set()
    with pytest.raises(EOFError):
        await keep_fetching(wanted, fetch)
