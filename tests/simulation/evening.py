"""What guests do all evening, and what the VOD server makes of it; every answer is held against the promises."""

import asyncio
import random

from tests.simulation.promises import Promises
from tests.simulation.venue import ROOMS, Asked, Venue


class Evening:
    """Of one venue."""

    def __init__(self, venue: Venue, promises: Promises, chance: random.Random) -> None:
        self._venue = venue
        self._promises = promises
        self._chance = chance

    async def a_song(self, room: str = "", song: str = "") -> Asked:
        asked = await self._venue.ask_for_a_song(room, song, "guest" if song else "")
        self._promises.answered(asked)
        return asked

    async def a_rush(self) -> None:
        """Everybody at once: entries share a sync, and may share a loss of power."""
        asked = await asyncio.gather(*[self._venue.ask_for_a_song(room) for room in ROOMS])
        for one in asked:
            self._promises.answered(one)

    async def a_song_ends(self) -> None:
        """One that runs, or one that ended before: a VOD server asks again."""
        recent = list(self._venue.told)[-8:]
        if recent:
            await self._end(self._chance.choice((*self._venue.running.values(), *recent)))

    async def guests_leave(self) -> None:
        """The VOD server ends what runs; some days it has forgotten."""
        plays, self._venue.running = self._venue.running, {}
        for play in plays.values():
            if self._chance.random() < 0.8:
                await self._end(play)

    async def _end(self, play: str) -> None:
        played_s = self._chance.choice((5, 59, 60, 200))
        answer = await self._venue.end_a_song(play, played_s, self._chance.choice(("end", "skip")))
        if answer is not None:
            self._promises.ended(play, answer.status, answer.body)
