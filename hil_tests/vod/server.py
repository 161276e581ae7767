"""A VOD server: rooms that sing, one play after the other, as the box allows.

Every fact goes to the tally before the next step. After a crash of this program the plays that the tally
shows as not ended are ended again, in the words that were noted before the first attempt.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from hil_tests.vod.lan import Answer
from hil_tests.vod.songbook import Guests, Song
from hil_tests.vod.tally import TallyFile

REFUSED_PAUSE_S = 1.0


class Box(Protocol):
    """The box as this program sees it, over the LAN or the serial line."""

    async def play(self, room: str, song: str, kind: str) -> Answer: ...
    async def end(self, play: str, played_s: int, reason: str) -> Answer: ...
    async def reopen(self) -> Answer: ...
    def events(self) -> AsyncIterator[dict[str, Any]]: ...


class VodServer:
    """``pace`` 2 sings twice as fast; ``plays_max`` ends the evening after that many plays, None never.

    ``confirms``: when a suspension has run out, the owner presses the button that says so. Nobody else may: without
    it every play stays refused with `VENUE_READY`.
    """

    def __init__(
        self, box: Box, tally: TallyFile, songs: Sequence[Song], seed: str, pace: float, *, confirms: bool = False
    ) -> None:
        self._confirms = confirms
        self._box = box
        self._tally = tally
        self._songs = songs
        self._seed = seed
        self._pace = pace
        self._closing = asyncio.Event()
        self._cut: dict[str, asyncio.Event] = {}  # by play id, while it is sung
        self._plays_left: int | None = None

    async def run(self, rooms: Sequence[str], plays_max: int | None) -> None:
        """Until ``close`` or the last play; every play that began is then ended and acknowledged."""
        self._plays_left = plays_max
        for play in self._tally.tally.unended():
            ending = self._tally.tally.endings.get(play["play"], {"played_s": 0, "reason": "skip"})
            await self._end(play["play"], ending["played_s"], ending["reason"])
        listener = asyncio.create_task(self._listen())
        try:
            async with asyncio.TaskGroup() as group:
                for room in rooms:
                    group.create_task(self._sing(room))
        finally:
            listener.cancel()

    def close(self) -> None:
        """No new songs; those that run are ended now."""
        self._closing.set()

    async def _sing(self, room: str) -> None:
        guests = Guests(self._songs, f"{self._seed} {room} {len(self._tally.tally.plays)}")
        while self._take_turn():
            choice = guests.choose()
            answer = await self._box.play(room, choice.song, choice.kind)
            if answer.status != 201:
                code = str(answer.body.get("code", answer.status))
                self._tally.note("refused", room=room, song=choice.song, kind=choice.kind, code=code)
                await self._pause(REFUSED_PAUSE_S)
                continue
            play = str(answer.body["play"])
            self._tally.note("allowed", play=play, room=room, song=choice.song, kind=choice.kind)
            for_s = guests.sung_in_s(choice) / self._pace
            share = await self._sung_share(play, for_s)
            reason = choice.reason if share == 1 else "skip"
            await self._end(play, int(choice.played_s * share), reason)
            await self._pause(guests.pause_s() / self._pace)

    def _take_turn(self) -> bool:
        if self._closing.is_set() or self._plays_left == 0:
            return False
        if self._plays_left is not None:
            self._plays_left -= 1
        return True

    async def _sung_share(self, play: str, for_s: float) -> float:
        """Sing; 1 if to the end, less if the box cut the song or the house closes."""
        cut = self._cut[play] = asyncio.Event()
        loop = asyncio.get_running_loop()
        started = loop.time()
        waits = [asyncio.create_task(event.wait()) for event in (cut, self._closing)]
        done, pending = await asyncio.wait(waits, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        del self._cut[play]
        return min((loop.time() - started) / for_s, 0.99) if done else 1

    async def _end(self, play: str, played_s: int, reason: str) -> None:
        self._tally.note("ending", play=play, played_s=played_s, reason=reason)
        answer = await self._box.end(play, played_s, reason)
        if answer.status == 200:
            self._tally.note("ended", play=play, counted=answer.body["counted"], played_s=played_s)
        else:
            code = str(answer.body.get("code", answer.status))
            self._tally.note("ended", play=play, counted=False, played_s=played_s, code=code)

    async def _pause(self, for_s: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), for_s)
        except TimeoutError:
            return

    async def _listen(self) -> None:
        """The first event of a connection is the whole state, so what was missed meanwhile is made up for."""
        async for event in self._box.events():
            match event.get("type"):
                case "cut":
                    play = str(event["play"])
                    self._tally.note("cut", play=play, room=event.get("room"), reason=event["reason"])
                    if play in self._cut:
                        self._cut[play].set()
                case "countdown":  # the room is told; the song goes on until the box says `cut`
                    facts = {name: event[name] for name in ("play", "reason", "ends_in_s")}
                    self._tally.note("countdown", **facts)
                case "state" if event["state"] == "ready" and self._confirms:
                    answer = await self._box.reopen()
                    said = answer.body.get("state", answer.body.get("code", answer.status))
                    self._tally.note("reopened", answer=str(said))
