"""Real SIGKILLs of the whole program of the box: its image, started by its board, asked over its LAN.

    run(count=40, seed=1)          # AssertionError that names the seed

The board (`hil_tests/board`) is a process of its own, as are its power supply and the counter of its secure element;
files, sockets, signatures of officers and the codes over the card are real. The power goes at any instant: while the
program starts, between its first answers, while its outside joins, in service. Then it must start again by itself,
and after KILLS_PER_BOX kills the journal is held against everything that was answered 201 or 200.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from device.crypto.p256 import SigningKey
from device.drivers.catalog_file import CatalogFile
from device.drivers.emulated.clock import MappedClock
from device.drivers.emulated.link import BoardLink
from device.drivers.emulated.secure_element import EmulatedCounter, EmulatedSecret
from device.protocol.limits import DAY_MS
from device.protocol.orders import Scope, Target
from device.protocol.policy import AuthorityPolicy, Person
from device.settings import read_settings
from hil_tests.bench.venue import Place, Venue
from tests import builders, serving_box
from tests.device.trivial_board import TrivialBoard
from tests.fleet_server.repository.published import catalog_files
from tests.soak.told import Told

KILLS_PER_BOX = 40
MANY_LIVES = 10
READY_S_MAX = 120.0
AGAIN_S = 0.01
SONGS = ("000001", "000002", "000003")
BANNED = "000003"
ROOMS = ("K1", "K2", "K3", "K4", "K5", "K6")
STOPPED = "K7"  # its stop is among the first orders
_PLACE = Place(builders.BOX, builders.REGION, "Killed box", "", "", "")
_JSON = {"Content-Type": "application/json"}
_NOT_UP = (aiohttp.ClientError, OSError, TimeoutError)


def run(count: int, seed: int) -> int:
    """So many kills; returns how many plays were told and are kept. Raises AssertionError."""
    kept = 0
    while count > 0:
        kills = min(count, KILLS_PER_BOX)
        with tempfile.TemporaryDirectory(prefix="whole-box-") as folder:
            try:
                kept += asyncio.run(_survive(Path(folder), random.Random(seed), kills))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
        count, seed = count - kills, seed + 1
    return kept


async def _survive(folder: Path, chance: random.Random, kills: int) -> int:
    """Returns how many plays were told."""
    venue = Venue(folder / "venue", _PLACE, folder)
    venue.flash()
    venue.put_on_bench(builders.NOON_MS - time.time_ns() // 1_000_000)
    try:
        officers = SigningKey.generate(), SigningKey.generate()
        token = await _put_in_service(venue, folder, officers)
        client = _Client(venue, token, officers, chance)
        for _ in range(kills):
            await client.one_life()
        client.told.is_kept(venue.board.directory / "data" / "journal")
        # A few lives may all end before the first play; that none of many came so far would prove nothing.
        assert client.told.plays or kills < MANY_LIVES, "no play was allowed in all these lives"
        return len(client.told.plays)
    finally:
        venue.board.stop()


async def _put_in_service(venue: Venue, folder: Path, officers: tuple[SigningKey, SigningKey]) -> str:
    """Returns the token of the VOD server."""

    def lay_catalog(catalog: CatalogFile) -> None:
        files = catalog_files(1, list(SONGS))
        manifest = files.pop("catalog/manifest.json")
        catalog.switch(manifest, files)

    link = BoardLink(venue.board.directory)
    try:
        folder_of_board = venue.board.directory
        settings = read_settings(folder_of_board / "box.toml")
        clock, counter, secret = MappedClock(folder_of_board / "clock.bin"), EmulatedCounter(link), EmulatedSecret(link)
        board = TrivialBoard().board()._replace(clock=clock, counter=counter, secret=secret)
        return await serving_box.written(settings, board, folder, _policy(officers), lay_catalog)
    finally:
        link.close()


def _policy(officers: tuple[SigningKey, SigningKey]) -> AuthorityPolicy:
    persons = [
        Person(person=name, name=name, region=builders.REGION, may=("stop", "ban"), keys=(signer.key,))
        for name, signer in zip(("zhang", "li"), officers, strict=True)
    ]
    return builders.policy(persons=tuple(persons))


class _Client:
    """The VOD server of the venue, and an installer's laptop that brings orders."""

    def __init__(
        self, venue: Venue, token: str, officers: tuple[SigningKey, SigningKey], chance: random.Random
    ) -> None:
        self._venue = venue
        self._headers = {"Authorization": f"Bearer {token}"}
        self._officers = officers
        self._chance = chance
        self._orders = 0
        self._boot = 0
        self.told = Told()

    async def one_life(self) -> None:
        """From power to the cut; the last answers are read behind it."""
        self._is_cut = False
        self._sung: set[str] = set()
        self._answered, self._looked, self._ordered = asyncio.Event(), asyncio.Event(), asyncio.Event()
        awaited = self._chance.choices((None, self._answered, self._looked, self._ordered), (5, 10, 3, 2))[0]
        cut_s = self._chance.uniform(0, self._chance.choice((0.1, 0.4)))
        self._venue.board.power_on()
        async with aiohttp.ClientSession(self._venue.url, headers=self._headers) as session:
            tasks = [asyncio.create_task(self._until_the_cut(session, room)) for room in (*ROOMS, STOPPED, "", "order")]
            try:
                if awaited is not None:
                    await self._await(awaited, tasks)
                await asyncio.wait(tasks, timeout=cut_s, return_when=asyncio.FIRST_EXCEPTION)
                self._venue.board.cut()
                self._is_cut = True
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _await(self, until: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        """What a task found broken is said at once."""
        waiting = asyncio.create_task(until.wait())
        await asyncio.wait((waiting, *tasks), timeout=READY_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        assert waiting.done(), f"not in service within {READY_S_MAX:.0f} s: {self._venue.board.box_log()}"

    async def _until_the_cut(self, session: aiohttp.ClientSession, room: str) -> None:
        """One of those who ask: a room; the state (no room); who brings orders."""
        act = {"": self._look, "order": self._order}.get(room, self._sing)
        while not self._is_cut:
            try:
                await act(session, room)
            except _NOT_UP:
                await asyncio.sleep(AGAIN_S)

    async def _look(self, session: aiohttp.ClientSession, _room: str) -> None:
        told = set(self.told.orders)
        async with session.get("/v1/state") as response:
            if response.status != 200:
                return
            state = await response.json()
        if state["state"] == "failed":
            return  # a disk that pauses; it heals by itself, or the wait for this look is in vain
        assert state["state"] == "in-service", f"{state['state']} after a kill"
        forgotten = told - {hold["order"] for hold in state["holds"]}
        assert not forgotten, f"{sorted(forgotten)} is forgotten"
        assert state["boot"] >= self._boot, f"boot {state['boot']} after boot {self._boot}"
        self._boot = state["boot"]
        self._looked.set()

    async def _sing(self, session: aiohttp.ClientSession, room: str) -> None:
        is_stopped = room == STOPPED and bool(self.told.orders)
        song = self._chance.choice(SONGS)
        is_banned = song == BANNED and len(self.told.orders) > 1
        status, body = await self._post(session, "/v1/plays", {"room": room, "song": song, "kind": "guest"})
        if status != 503:
            self._answered.set()
        if status == 201:
            self.told.play(body["play"])
            self._sung.add(body["play"])
            assert not is_stopped, f"{room} sings behind its stop"
            assert not is_banned, f"{song} is sung behind its ban"
        running = self.told.running()
        if running and self._chance.random() < 0.6:
            play = self._chance.choice(running)
            what = {"played_s": self._chance.choice((5, 200)), "reason": "end"}
            status, body = await self._post(session, f"/v1/plays/{play}/end", what)
            assert status != 404 or play not in self._sung, f"{play} of this life is not known"
            if status == 200:
                self.told.end(play, body["counted"])

    async def _order(self, session: aiohttp.ClientSession, _room: str) -> None:
        """One in a life, until it is acknowledged: a stop of one room, a ban, then bans of songs that nobody sings."""
        if self._ordered.is_set():
            raise TimeoutError
        self._orders += 1
        raw = self._signed(self._orders)
        async with session.post("/v1/orders", data=raw, headers=_JSON) as response:
            body = await response.json()
        assert response.status in {200, 503}, f"an order is answered {response.status} {body}"
        if response.status == 200:
            self.told.orders.add(f"{builders.REGION}-2026-{self._orders:06d}")
            self._ordered.set()

    def _signed(self, number: int) -> bytes:
        expires_at_ms = builders.NOON_MS + DAY_MS
        if not self.told.orders:
            scope = Scope(venues=(builders.VENUE,), region="", rooms=(STOPPED,))
            return builders.order_envelope(
                "stop", self._officers, number=number, scope=scope, expires_at_ms=expires_at_ms
            )
        banned = BANNED if len(self.told.orders) == 1 else f"{number:06d}"
        targets = (Target(by="version", id=banned),)
        return builders.order_envelope(
            "ban", self._officers, number=number, targets=targets, expires_at_ms=expires_at_ms
        )

    async def _post(self, session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        async with session.post(path, json=body) as response:
            return response.status, await response.json()
