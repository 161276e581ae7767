"""The venue: guests who want songs, and the VOD server that asks for them and remembers what it was told."""

import random
from dataclasses import dataclass, field

from device.core.events import PlayEnded, PlayRequested
from device.services.runtime import Answer
from tests.box_rig import SONGS
from tests.simulation.machine import Machine

ROOMS = ("K1", "K2", "K3", "K4", "K5", "K6")
UNLISTED = "999999"


@dataclass
class Told:
    """A play that the VOD server was allowed."""

    song: str
    room: str
    kind: str
    true_ms: int
    life: int
    counted: bool | None = None  # once it was told how it ended


@dataclass
class Asked:
    """A question and its answer."""

    room: str
    song: str
    kind: str
    answer: Answer | None


@dataclass
class Venue:
    """Everything that the VOD server of one box knows."""

    machine: Machine
    chance: random.Random
    told: dict[str, Told] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)  # room -> play
    asked: int = 0

    async def ask_for_a_song(self, room: str = "", song: str = "", kind: str = "") -> Asked:
        """One guest; what they want is left to chance."""
        room = room or self.chance.choice(ROOMS)
        song = song or self.chance.choice((*SONGS, *SONGS, *SONGS, UNLISTED))
        kind = kind or self.chance.choice(("guest", "guest", "guest", "filler", "test"))
        self.asked += 1
        request = PlayRequested(request=f"r{self.asked}", room=room, song=song, kind=kind, file="")
        life, asked_s = self.machine.life, self.machine.around.loop.time()
        answer = await self.machine.ask(request)
        if life is not None and answer is not None and answer.status == 201:
            life.allowed_s = asked_s
        return Asked(room, song, kind, answer)

    async def end_a_song(self, play: str, played_s: int, reason: str) -> Answer | None:
        """The song is over; asked again after no answer, as a VOD server does."""
        self.asked += 1
        return await self.machine.ask(PlayEnded(request=f"e{self.asked}", play=play, played_s=played_s, reason=reason))
