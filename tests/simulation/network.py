"""The line between the boxes and the fleet, and the broker: everything on it may be lost, doubled, late or held back.

A PUBACK proves nothing (SPEC 11.1): `publish` returns also for what is lost. One session per client id, as SPEC 11.3
has it: a second box under the same name puts the first one out.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

from device.ports import DriverError
from device.protocol import topics

Deliver = Callable[[str, bytes], None]


class Weather:
    """How bad the line is; a happening changes it."""

    def __init__(self) -> None:
        self.is_cut = False
        self.lost = 0.0
        self.doubled = 0.0
        self.late_s = 0.05  # the most
        self.withheld: frozenset[str] = frozenset()  # kinds that the owner of the line lets disappear


class Network:
    """One broker, and lines to it."""

    def __init__(self, chance: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        self.weather = Weather()
        self.sessions: dict[str, Line] = {}
        self.seen: list[tuple[str, bytes]] = []  # the last that went down the line, for those who replay
        self.server: Callable[[str, str, bytes], None] = _nobody
        self._chance = chance
        self._loop = loop

    def up(self, line: "Line", topic: str, payload: bytes) -> None:
        parsed = topics.parse_up(topic)
        assert parsed is not None, topic
        box, kind = parsed
        self._travel(kind, lambda: self.server(box, kind, payload))

    def down(self, box: str, kind: str, payload: bytes) -> None:
        """To a box, if it has a session when it arrives."""
        self.seen = [*self.seen[-199:], (kind, payload)]
        self._travel(kind, lambda: self.hand_over(box, kind, payload))

    def hand_over(self, box: str, kind: str, payload: bytes) -> None:
        line = self.sessions.get(box)
        if line is not None:
            line.arrive(topics.down(box, kind), payload)

    def cut(self) -> None:
        """Every session ends."""
        self.weather.is_cut = True
        for line in list(self.sessions.values()):
            line.drop()

    def _travel(self, kind: str, arrive: Callable[[], None]) -> None:
        weather = self.weather
        if weather.is_cut or kind in weather.withheld:
            return
        copies = 2 if self._chance.random() < weather.doubled else 1
        for _ in range(copies):
            if self._chance.random() >= weather.lost:
                self._loop.call_later(self._chance.random() * weather.late_s, arrive)


class Line:
    """`device.ports.Uplink` of one session."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._box = ""
        self._arrived: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue(1024)
        self._is_up = False

    async def connect(self, client_id: str, _downlink: Sequence[str]) -> None:
        await asyncio.sleep(0.2)
        if self._network.weather.is_cut:
            raise DriverError("UPLINK_DOWN", "no line")
        before = self._network.sessions.get(client_id)
        if before is not None:
            before.drop()
        self._box, self._is_up = client_id, True
        self._network.sessions[client_id] = self

    async def publish(self, topic: str, payload: bytes) -> None:
        if not self._is_up:
            raise DriverError("UPLINK_DOWN", "there is no session")
        self._network.up(self, topic, payload)
        await asyncio.sleep(0.01)
        if not self._is_up:
            raise DriverError("UPLINK_DOWN", "no PUBACK")

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self._arrived.get()) is not None:
            yield message
        raise DriverError("UPLINK_DOWN", "the session ended")

    async def close(self) -> None:
        self.drop()

    def arrive(self, topic: str, payload: bytes) -> None:
        if not self._arrived.full():
            self._arrived.put_nowait((topic, payload))

    def drop(self) -> None:
        """The session ends; both sides notice."""
        if self._is_up:
            self._is_up = False
            if self._network.sessions.get(self._box) is self:
                del self._network.sessions[self._box]
            if self._arrived.full():
                self._arrived.get_nowait()
            self._arrived.put_nowait(None)


def _nobody(_box: str, _kind: str, _payload: bytes) -> None:
    """No server yet."""
