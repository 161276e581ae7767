"""One box as `device/app.py` composes it, on simulated hardware; it can be switched on, cut off and looked at.

    machine = Machine(builders.BOX, surroundings)
    await machine.switch_on()
    answer = await machine.ask(PlayRequested(...))      # None: the power went before an answer came
    await machine.cut_power()

Everything between the desk and the disk is the real thing. What survives a cut is `disk`, the counter, the battery
clock and the seal.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.core import effects
from device.core.box import Box
from device.core.events import CatalogLoaded, Claimed, ContentRejected, PolicyLoaded, SealChanged, Stopping
from device.drivers.journal_file import JournalFile
from device.drivers.journal_owner import Owner
from device.drivers.state_store import StateStore
from device.ports import Board, DriverError, Uplink
from device.protocol.catalog import SongRecord
from device.protocol.envelope import Envelope, seal
from device.protocol.journal import Checkpoint
from device.protocol.limits import DAY_MS
from device.services.boot_facts import BootFacts
from device.services.journal_care import care
from device.services.journal_feed import JournalFeed
from device.services.listeners import Listeners
from device.services.runtime import Answer, BusyError, Runtime
from device.services.supervisor import Supervisor
from device.services.uplink import FleetSession
from tests.simulation.disk import Disk, Power, PowerLostError
from tests.simulation.hardware import SECRET, Hardware
from tests.simulation.virtual_time import InlineDisk, VirtualLoop
from tests.simulation.witness import Witness

if TYPE_CHECKING:
    from device.protocol.envelope import Signer
    from device.protocol.keys import Verify

READ_AGAIN_S = 3.0
CARE_EVERY_S = 5.0
KEPT_EVERY_S = 600.0  # a box writes down the time so often (SPEC 7.2)
SEGMENT_BYTES = 1 << 15  # small, so that segments fill up, and what the fleet has is dropped
KEPT_MS = 5 * DAY_MS


@dataclass
class Edition:
    """What a box would fetch by TUF: the policy, and a catalog of a few songs."""

    policy: bytes
    policy_epoch: int
    catalog_epoch: int
    songs: dict[str, SongRecord]


@dataclass
class Surroundings:
    """What the boxes of one world share."""

    loop: VirtualLoop
    chance: random.Random
    begins_ms: int  # true time when the loop began
    verify: "Verify"
    make_uplink: Callable[["Machine"], Uplink]
    edition: Edition
    said: Callable[["Machine", Any], None]  # every effect that leaves the box

    def true_ms(self) -> int:
        return self.begins_ms + round(self.loop.time() * 1000)


class Machine:
    """Everything of one box that stands in the rack."""

    def __init__(self, box: str, around: Surroundings, signer: "Signer", claim: tuple[str, str]) -> None:
        self.box = box
        self.around = around
        self.signer = signer
        self.claim = claim
        self.hardware = Hardware(around.loop, around.begins_ms, around.chance.uniform(-60, 60))
        self.disk = Disk(around.chance)
        self.held: Edition | None = None  # what was fetched; on disk in the real box
        self.life: Life | None = None
        self.lives = 0
        self._powered_s = 0.0

    def powered_ms(self) -> int:
        """True time with power, over all lives: of those that have ended, what must be counted of them."""
        return round((self._powered_s + (0.0 if self.life is None else self.life.lived_s())) * 1000)

    @property
    def is_on(self) -> bool:
        return self.life is not None and self.life.power.is_on

    async def switch_on(self) -> bool:
        """Power comes; True once it is known whether the box stands, False if the power went again before."""
        assert self.life is None
        self.lives += 1
        self.hardware.power_on_s = self.around.loop.time()
        self.life = Life(self)
        return await self.life.begin()

    async def cut_power(self) -> None:
        """At once; also to be called when a step found the power gone."""
        life, self.life = self.life, None
        if life is not None:
            self._powered_s += life.counted_s()
            life.power.is_on = False
            await life.end()
            self.disk.lose_power()

    async def ask(self, event: Any) -> Answer | None:
        """What the VOD server is told; None if it is told nothing, because the power went or the box is busy."""
        return None if self.life is None else await self.life.ask(event)


class Life:
    """From power to its loss."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        around = machine.around
        self.power = Power()
        machine.hardware.power = self.power
        self.faults: set[str] = set()
        self._began_s: float | None = None
        self.allowed_s = 0.0  # when the last play was asked for that was allowed
        self.stands = asyncio.Event()
        self.ended = asyncio.Event()
        self.listeners = Listeners()
        self._supervisor = Supervisor()
        self._tasks: list[asyncio.Task[Any]] = []
        self._look = asyncio.Event()
        hardware: Any = machine.hardware
        disk = machine.disk
        journal_folder = disk.open("journal", self.power)
        self.journal = JournalFile(
            journal_folder,
            Owner(machine.box, SECRET),
            segment_bytes=SEGMENT_BYTES,
            kept_ms=KEPT_MS,
            mono_s=around.loop.time,
        )
        store = StateStore(disk.open("state", self.power), SECRET)
        board = Board(
            clock=hardware,
            counter=hardware,
            seal=hardware,
            relay=hardware,
            lamp=hardware,
            watchdog=hardware,
            slots=hardware,
            secret=SECRET,
        )
        marks = disk.open("run", self.power)
        self._boot = BootFacts(machine.box, "1.0.0", 1, board, self.journal, store, marks, around.chance.randbytes)
        self.feed = JournalFeed(machine.box, self.journal, self._checkpoint)
        self.core = Box(machine.box, around.verify, self._find, self.feed.head_at, self._find_by_file)
        self._witness = seen = Witness(self.core, around.loop.time)
        self.runtime = Runtime(seen, hardware, self.journal, store, self._signed, hardware.read, disk=InlineDisk())
        self.runtime.perform_by(self._acts())
        self.session = FleetSession(
            machine.box,
            lambda: around.make_uplink(machine),
            self.runtime,
            self.feed,
            self.faults,
            around.chance.random,
        )

    async def begin(self) -> bool:
        """Start everything; True when the box stands."""
        self._tasks.append(asyncio.create_task(self._run()))
        self._tasks.append(asyncio.create_task(self._start()))
        waits = [asyncio.create_task(event.wait()) for event in (self.stands, self.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=120)
        for task in waits:
            task.cancel()
        return self.power.is_on

    async def end(self) -> None:
        """Every part stops where it is."""
        await self._supervisor.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Told to stop, as by a service tool; the box ends by itself."""
        await self.runtime.post(Stopping())
        await asyncio.wait([asyncio.create_task(self.ended.wait())], timeout=30)

    async def ask(self, event: Any) -> Answer | None:
        asking = asyncio.create_task(self.runtime.ask(event.request, event))
        gone = asyncio.create_task(self.ended.wait())
        await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not asking.done():
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            return None
        try:
            return asking.result()
        except BusyError:
            return None

    def lived_s(self) -> float:
        """Since its core began. Before, a card that gives nothing back is as good as no power: nothing is allowed."""
        return 0.0 if self._began_s is None else self.machine.around.loop.time() - self._began_s

    def counted_s(self) -> float:
        """Of a life that ends now: up to the last play, and up to KEPT_EVERY_S before its card has taken everything.

        The rest is as good as no power, too: a card that takes nothing may take nothing for days.
        """
        if self._began_s is None:
            return 0.0
        return max(0.0, self.allowed_s - self._began_s, self._witness.kept_s - KEPT_EVERY_S - self._began_s)

    def state(self) -> dict[str, Any]:
        """The answer to `GET /v1/state`."""
        return self.core.state_body(self.runtime.now())

    async def _run(self) -> None:
        try:
            await self.runtime.run()
        finally:
            self.ended.set()

    async def _start(self) -> None:
        """As `inside.Inside` and `outside.Joined`."""
        try:
            started = await self._read_until_readable()
            self._began_s = self.machine.around.loop.time()
            await self.runtime.post(started)
            hardware = self.machine.hardware
            found = {"is_open": hardware.is_open(), "was_opened": hardware.was_opened()}
            await self.runtime.post(SealChanged(**found, at_boot=True))
            hardware.seal_told = lambda is_open: self._soon(
                SealChanged(is_open=is_open, was_opened=True, at_boot=False)
            )
            held = self.machine.held
            if held is not None:
                await self._load(held)
            await self.runtime.settled()
            venue, region = self.machine.claim
            if self.state()["venue"] != venue:
                await self.runtime.post(Claimed(venue=venue, region=region))
            await self.runtime.settled()
        except PowerLostError:
            self.ended.set()
            return
        self.stands.set()
        self._look.set()
        caring = self.journal, self.faults, self._proven_ms, CARE_EVERY_S, InlineDisk()
        self._supervisor.keep("journal care", lambda: care(*caring))
        self._supervisor.keep("content", self._looking)
        self._supervisor.keep("fleet", self.session.run)

    def _proven_ms(self) -> int | None:
        return self.core.proven_ms(self.runtime.now())

    async def _read_until_readable(self) -> Any:
        while True:
            try:
                return await self.runtime.in_disk_thread(self._boot.read)
            except (DriverError, OSError) as error:
                self.faults.add(error.code if isinstance(error, DriverError) else "STATE_UNAVAILABLE")
                await asyncio.sleep(READ_AGAIN_S)
                self.faults.clear()

    async def _looking(self) -> None:
        """TUF in one step: whoever has a session can fetch what is published."""
        while True:
            await asyncio.wait([asyncio.create_task(self._look.wait())], timeout=3600)
            self._look.clear()
            published, held = self.machine.around.edition, self.machine.held
            if published == held or not self.session.is_connected:
                continue
            if held is not None and published.catalog_epoch < held.catalog_epoch:
                await self.runtime.post(
                    ContentRejected(what="catalog", epoch=published.catalog_epoch, code="CATALOG_ROLLBACK")
                )
                continue
            self.machine.held = published
            await self._load(published)

    async def _load(self, edition: Edition) -> None:
        await self.runtime.post(PolicyLoaded(raw=edition.policy))
        await self.runtime.post(CatalogLoaded(epoch=edition.catalog_epoch, entries=len(edition.songs)))

    def _find(self, song: str) -> SongRecord | None:
        held = self.machine.held
        return None if held is None else held.songs.get(song)

    def _find_by_file(self, key: bytes) -> SongRecord | None:
        held = self.machine.held
        songs = [] if held is None else [song for song in held.songs.values() if song.file_key == key]
        return songs[0] if songs else None

    def _soon(self, event: Any) -> None:
        if self.power.is_on:
            self.runtime.post_soon(event)

    def _acts(self) -> dict[type, Callable[[Any], object]]:
        """As `Inside._acts` and `Joined._acts`; the power may go before each."""
        acts: dict[type, Callable[[Any], object]] = {
            effects.Append: self._grown,
            effects.ReleaseSealLatch: lambda _: self.machine.hardware.release(),
            effects.TickCounter: lambda _: self.machine.hardware.tick(),
            effects.Send: self._send,
            effects.Push: lambda effect: self.listeners.tell(effect.event),
            effects.Show: _nothing,
            effects.MoveWatermark: lambda effect: self.feed.moved(effect, self.machine.around.loop.time()),
            effects.SendFrom: self.feed.send_from,
            effects.LookForTargets: lambda _: self._look.set(),
            effects.Reboot: lambda _: self._boot.mark_orderly_end(),
            effects.CloseDown: lambda _: self._boot.mark_orderly_end(),
        }
        return {kind: self._powered(act) for kind, act in acts.items()}

    def _powered(self, act: Callable[[Any], object]) -> Callable[[Any], object]:
        def powered(effect: Any) -> None:
            self.power.step()
            act(effect)
            self.machine.around.said(self.machine, effect)

        return powered

    def _grown(self, effect: Any) -> None:
        self.feed.grown(effect)
        self.session.wake()

    def _send(self, effect: Any) -> None:
        self.session.send(effect.kind, self._sealed(effect.kind, effect.payload).encode())

    def _sealed(self, kind: str, payload: bytes) -> Envelope:
        return seal(kind, payload, [self.machine.signer])

    def _signed(self, kind: str, payload: bytes) -> dict[str, Any]:
        self.machine.around.said(self.machine, effects.Send(kind=kind, payload=payload))
        return self._sealed(kind, payload).plain()

    def _checkpoint(self, epoch: int, size: int, head: bytes, ended: bool) -> Envelope:
        checkpoint = Checkpoint(
            box=self.machine.box,
            epoch=epoch,
            size=size,
            head=head.hex(),
            at_ms=self.core.trusted_ms(self.runtime.now()),
            boot=self.core.boot,
            counter=self.core.counter,
            ended=ended,
        )
        return self._sealed("checkpoint", checkpoint.encode())


def _nothing(_effect: Any) -> None:
    """A lamp has no memory."""
