"""A box, its guests, officers, fleet, owner and misfortunes, all from one seed.

    World(seed=17).run(days=40)          # BrokenPromiseError, with `story` leading to it

A day has two to four scenes of some minutes in which things happen every few seconds; between them time leaps. The
box ticks every five seconds, the longest its contract allows, so that a year fits into minutes.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from device.core.events import OrderReceived, ReopenRequested
from device.protocol.catalog import CORE
from device.protocol.lease import Lease
from device.protocol.limits import ENDS_MAX
from device.protocol.orders import BAN, LIFT, RESUME, SERVICE, STOP
from device.services import runtime, uplink
from tests import builders
from tests.box_rig import SONGS
from tests.builders import PROVINCE
from tests.simulation.clone import Clone
from tests.simulation.evening import Evening
from tests.simulation.fleet import Fleet, Issued
from tests.simulation.impostor import Impostor
from tests.simulation.machine import Edition, Machine, Surroundings
from tests.simulation.network import Line, Network
from tests.simulation.officers import Officers, Standing
from tests.simulation.owner import Owner
from tests.simulation.promises import CORE_SONGS, BrokenPromiseError, Promises
from tests.simulation.trouble import Trouble
from tests.simulation.venue import Venue
from tests.simulation.virtual_time import VirtualLoop

STORY_MAX = 400
SLOWER = ((runtime, "TICK_EVERY_S", 5.0), (uplink, "LOOK_AGAIN_S", 20.0))
LOOK_EVERY_S = 30.0
DAY_S = 86_400
NOON_S = 4 * 3600  # since eight o'clock, with which each day of this world begins
HEAL_EVERY_DAYS = 8
CUSTOMS = ("calm", "rough", "owner", "fleet")
BEGINS_MS = builders.NOON_MS - 4 * builders.HOUR_MS  # eight o'clock at UTC+08:00


@dataclass
class Figures:
    """What a run came to."""

    days: float = 0.0
    asked: int = 0
    plays: int = 0
    ends: int = 0
    lives: int = 0
    orders: int = 0
    images: int = 0


class World:
    """One box and what befalls it; the seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.custom = CUSTOMS[seed % len(CUSTOMS)]
        self.chance = random.Random(seed)
        self.loop = VirtualLoop()
        self.story: deque[str] = deque(maxlen=STORY_MAX)
        self.figures = Figures()
        self.network = Network(self.chance, self.loop)
        songs = {name: builders.song(name, flags=CORE if name in CORE_SONGS else 0) for name in SONGS}
        self.around = Surroundings(
            loop=self.loop,
            chance=self.chance,
            begins_ms=BEGINS_MS,
            verify=builders.fake_verify,
            make_uplink=lambda _machine: Line(self.network),
            edition=Edition(builders.policy().encode(), 1, 1, songs),
            said=self._said,
        )
        self.fleet = Fleet(builders.fake_verify, self.around.true_ms, self._send, self._epochs)
        self.fleet.lent = self._lent
        self.network.server = self.fleet.arrived
        self.officers = Officers(self.chance, SONGS)
        signer = builders.FakeSigner("box")
        self.fleet.enroll(builders.BOX, signer.key)
        self.machine = Machine(builders.BOX, self.around, signer, (builders.VENUE, builders.REGION))
        self.machine.held = self.around.edition  # the factory's
        self.venue = Venue(self.machine, self.chance)
        self.standing = Standing(self.officers.orders)
        self.promises = Promises(self.machine, self.venue, self.fleet, self.standing)
        self.fleet.expected = lambda: self.standing.wanted(self.around.true_ms())
        self.evening = Evening(self.venue, self.promises, self.chance)
        self.trouble = Trouble(self.machine, self.network, self.loop, self.chance)
        self.impostor = Impostor(self.machine, self.fleet, self.network, self.promises, self.chance)
        self.clone = Clone(self.machine, self.fleet, self.network, self.promises, self.chance)
        self.owner = Owner(self.machine, self.promises, self.network, self.chance)

    def run(self, days: int) -> Figures:
        """Raises BrokenPromiseError."""
        asyncio.set_event_loop(None)
        self.loop.set_exception_handler(lambda _loop, _context: None)  # parts of a box whose power went
        logging.disable()  # what fails here fails on purpose
        try:
            with ExitStack() as stack:
                for owner, name, value in SLOWER:
                    stack.enter_context(patch.object(owner, name, value))
                self.loop.run_until_complete(self._live(days))
        except BrokenPromiseError as error:
            raise BrokenPromiseError(f"seed {self.seed}, {self._clock()}: {error}") from error
        finally:
            logging.disable(logging.NOTSET)
            self._end_everything()
        promises = self.promises
        self.figures.days = self.loop.time() / DAY_S
        self.figures.asked, self.figures.plays, self.figures.ends = self.venue.asked, promises.plays, promises.ends
        self.figures.lives, self.figures.orders = self.machine.lives, len(self.officers.orders)
        return self.figures

    def _end_everything(self) -> None:
        if self.machine.life is not None:
            self.machine.life.power.is_on = False
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    async def _live(self, days: int) -> None:
        self.loop.call_soon(self._plug_is_loose)
        if not await self.machine.switch_on():
            await self._power_returns()
        for day in range(days):
            await self._day(day)
            if (day + 1) % HEAL_EVERY_DAYS == 0 or day + 1 == days:
                await self._heal()
        assert self.machine.life is not None
        await self.machine.life.stop()
        await self.machine.cut_power()
        self.promises.books_agree()

    def _plug_is_loose(self) -> None:
        """The power may go in the very first start, when nothing is on the card yet."""
        if self.chance.random() < 0.3 and self.machine.life is not None:
            self.machine.life.power.left = self.chance.randrange(12)

    async def _day(self, day: int) -> None:
        """Scenes from eight in the morning on; some days one at two in the night."""
        begins = [day * DAY_S + self.chance.randrange(NOON_S, 17 * 3600) for _ in range(self.chance.randint(2, 3))]
        if self.chance.random() < 0.2:
            begins.append(day * DAY_S + 18 * 3600 - self.chance.randrange(120, 900))
        for begin in sorted(begins):
            await self._until(begin)
            await self._venue_confirms()
            for _ in range(self.chance.randint(8, 18)):
                await self._something_happens()
                await self._pause(self.chance.choice((1, 3, 10, 20, 60)))
            self.fleet.gives_acks = True
            await self.evening.guests_leave()
            await self._look()

    async def _venue_confirms(self) -> None:
        """A suspension that is over opens nothing before (SPEC 6.7)."""
        await self.machine.ask(ReopenRequested(request="reopen"))

    async def _pause(self, seconds: float) -> None:
        while seconds > 0:
            await asyncio.sleep(min(seconds, LOOK_EVERY_S))
            await self._look()
            seconds -= LOOK_EVERY_S

    async def _until(self, second: float) -> None:
        """Time leaps to this second of the world."""
        while (left := second - self.loop.time()) > 0:
            await asyncio.sleep(self.network.weather.late_s)  # what is under way arrives; a leap would hold it back
            self.loop.leap(min(left, self.chance.choice((600, 1800, 3600))))
            await self._pause(0.5)

    async def _look(self) -> None:
        if self.machine.life is not None and not self.machine.life.power.is_on:
            self._note("power: gone")
            await self._power_returns()
        self.promises.look()

    async def _something_happens(self) -> None:
        happenings, weights = self._happenings()
        await self.chance.choices(happenings, weights)[0]()
        await self._look()

    def _happenings(self) -> tuple[list[Callable[[], Awaitable[object]]], list[float]]:
        """What may happen, and how likely: all of it depends on the custom of this world."""
        bad = {"calm": 0.2, "rough": 1.0, "owner": 0.6, "fleet": 0.5}[self.custom]
        trouble, owner, evening = self.trouble, self.owner, self.evening
        table: list[tuple[Callable[[], Awaitable[object]], float]] = [
            (evening.a_song, 30),
            (evening.a_rush, 4),
            (evening.a_song_ends, 18),
            (self._an_order, 4),
            (self._an_order_at_the_box, 1),
            (self._a_service, 0.5),
            (self._old_orders, 2),
            (self._told(trouble.line_is_cut), 3 * bad),
            (self._told(trouble.line_is_cut_for_days), 0.06),
            (self._told(trouble.line_returns), 2),
            (self._told(trouble.line_worsens), 2 * bad),
            (self._told(trouble.disk_falls_ill), 1.5 * bad),
            (self._told(trouble.disk_stalls), bad),
            (self._told(trouble.disk_heals), 2),
            (self._clock_goes_wrong(trouble.clock_jumps), bad - 0.2),
            (self._clock_goes_wrong(trouble.battery_dies), 0.3 * (bad - 0.2)),
            (self._told(trouble.battery_is_changed), 0.5),
            (self._told(trouble.power_will_go), 4 * bad),
            (self._power_cut, 2 * bad),
            (self._orderly_stop, 0.5),
            (self._new_edition, 0.3),
        ]
        if self.custom in ("owner", "fleet"):
            table.append((self._told(self.clone.speaks), 0.4))
        if self.custom == "owner":
            table += [
                (self._while_off(owner.take_an_image), 2),
                (self._while_off(owner.put_an_image_back), 1.5),
                (self._while_off(owner.edit_the_record), 0.2),
                (self._while_off(owner.wipe), 0.2),
                (self._told(owner.open_the_seal), 0.5),
                (self._told(owner.replay), 3),
                (self._told(owner.withhold), 1),
                (self._clock_goes_wrong(owner.set_the_clock), 1),
            ]
        if self.custom == "fleet":
            false = self.impostor
            table += [
                (self._told(false.lease), 2),
                (self._told(false.no_acks), 1),
                (self._told(false.ack), 1),
                (self._told(false.order), 1),
            ]
        return [happening for happening, _ in table], [weight for _, weight in table]

    # Officers.

    async def _an_order(self) -> None:
        kind = self.chance.choice((STOP, BAN, RESUME, RESUME, RESUME, LIFT))
        self._issue(self.officers.order(kind, self.around.true_ms()))

    def _issue(self, issued: Issued) -> None:
        self._note(f"officers: {issued.number} {issued.kind}")
        self.standing.signed(issued.number)
        self.fleet.issue(issued)

    async def _a_service(self) -> None:
        """Officers have seen the box, and clear the opening that it reported last."""
        report = self.fleet.records[self.machine.box].report
        if report is not None and report.opening and report.seal != "intact":
            self._issue(self.officers.order(SERVICE, self.around.true_ms(), opening=report.opening))

    async def _an_order_at_the_box(self) -> None:
        """By a courier; the fleet has it as well."""
        issued = self.officers.order(self.chance.choice((STOP, RESUME)), self.around.true_ms())
        self._note(f"courier: {issued.number} {issued.kind}")
        self.standing.signed(issued.number)
        self.fleet.orders.append(issued)
        await self.machine.ask(OrderReceived(request=f"o{issued.number}", raw=issued.raw))

    async def _old_orders(self) -> None:
        """Somebody keeps orders and hands them in again, in any order."""
        known: list[Issued] = self.fleet.orders[-30:]
        for issued in self.chance.choices(known, k=min(4, len(known))) if known else []:
            await self.machine.ask(OrderReceived(request=f"again{issued.number}", raw=issued.raw))

    # Line, power, disk.

    def _told(self, act: Callable[[], str]) -> Callable[[], Awaitable[None]]:
        async def told() -> None:
            self._note(act())

        return told

    def _clock_goes_wrong(self, act: Callable[[], str]) -> Callable[[], Awaitable[None]]:
        async def goes_wrong() -> None:
            self.promises.suspicion.clock_was_wrong = True
            self._note(act())

        return goes_wrong

    def _while_off(self, act: Callable[[], str]) -> Callable[[], Awaitable[None]]:
        async def while_off() -> None:
            if self.chance.random() < 0.5 and self.machine.life is not None:
                await self.machine.life.stop()
            await self.machine.cut_power()
            self._note(act())
            self.figures.images += 1
            await self._power_returns()

        return while_off

    async def _power_cut(self) -> None:
        self._note("power: cut")
        await self.machine.cut_power()
        await self._power_returns()

    async def _orderly_stop(self) -> None:
        assert self.machine.life is not None
        self._note("told to stop")
        await self.machine.life.stop()
        await self.machine.cut_power()
        await self._power_returns()

    async def _power_returns(self) -> None:
        """Until a start succeeds; the power may go again in the middle of one."""
        while True:
            await self.machine.cut_power()
            off_s = self.chance.choice((1, 1, 60, 3600, DAY_S))
            self.loop.leap(off_s)
            await asyncio.sleep(0.5)
            starting = asyncio.ensure_future(self.machine.switch_on())
            await asyncio.sleep(0)
            if self.chance.random() < 0.25 and self.machine.life is not None:
                self.machine.life.power.left = self.chance.randrange(12)
            stands = await starting
            self._note(f"power: back after {off_s} s, {'stands' if stands else 'gone again'}")
            if stands:
                return

    async def _new_edition(self) -> None:
        held = self.around.edition
        epoch = held.policy_epoch + 1
        policy = builders.policy(epoch=epoch, cut_song_s=self.chance.choice((30, 60, 90)))
        self.around.edition = Edition(policy.encode(), epoch, held.catalog_epoch + 1, held.songs)
        self._note(f"content: policy {epoch}, catalog {held.catalog_epoch + 1}")
        self.network.down(self.machine.box, "look", b'{"v":1}')

    # When everything is well.

    async def _heal(self) -> None:
        """Faults end; nobody comes; after a while everything must be as promised."""
        self._note("all is well")
        self.trouble.all_is_well()
        self.fleet.gives_acks = self.fleet.gives_leases = True
        if self.machine.life is not None:
            self.machine.life.power.left = None
        await self._look()
        day = int(self.loop.time() - NOON_S) // DAY_S + 1
        await self._until(day * DAY_S + NOON_S)
        if self.promises.suspicion.was_falsified or self.chance.random() < 0.3:
            await self._power_cut()  # with a dead battery a false lease sets the hour until the next boot
        for half_minute in range(40):
            if half_minute == 4 and self.promises.suspicion.clock_was_wrong:
                # Where no second witness of time is left, the word of officers is one (SPEC 7.3).
                ends = tuple(self.promises.overdue()) or (f"{PROVINCE}-2026-999999",)
                for first in range(0, len(ends), ENDS_MAX):
                    some = ends[first : first + ENDS_MAX]
                    self._issue(self.officers.order(RESUME, self.around.true_ms(), authority=PROVINCE, ends=some))
            if half_minute == 20:
                self.machine.hardware.move_seal(is_open=False)
                await self._pause(70)
                await self._a_service()
            await self._pause(30)
        self.promises.seal_is_cleared()
        await self._venue_confirms()
        self.promises.back_in_service(await self.evening.a_song("K1", SONGS[0]))
        await self._pause(20)
        self.promises.fleet_has_everything()
        self.promises.look_deeply()
        self.promises.suspicion.was_falsified = False

    # What everybody shares.

    def _said(self, machine: Machine, effect: Any) -> None:
        self.promises.said(effect)

    def _lent(self, lease: Lease) -> None:
        self.promises.leases[lease.lease] = lease, self.machine.powered_ms()

    def _send(self, box: str, kind: str, payload: bytes) -> None:
        self.network.down(box, kind, payload)

    def _epochs(self) -> tuple[int, int]:
        return self.around.edition.policy_epoch, self.around.edition.catalog_epoch

    def _note(self, what: str) -> None:
        self.story.append(f"{self._clock()}  {what}")

    def _clock(self) -> str:
        second = int(self.loop.time())
        hour = (second // 3600 + 8) % 24  # at UTC+08:00
        return f"day {second // DAY_S} {hour:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
