"""The composition root of the box: what is made of what, in which order it starts and ends.

1. The LAN interface stands first and falls last: whoever asks gets an answer with a code, whatever else
   is down.
2. A box without the factory's certificate has no core; it waits for the factory step and goes on from there,
   without a restart.
3. Journal, state record and counter are read until they can be: a disk that comes back needs no restart
   either.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from importlib import import_module
from typing import Any

from device.core import effects
from device.core.box import Box
from device.core.events import Claimed, SealChanged, Started, Stopping
from device.crypto import p256
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.image import version_of_this_image
from device.drivers.journal_file import JournalFile
from device.drivers.mqtt_paho import PahoUplink
from device.drivers.policy_store import PolicyStore
from device.drivers.state_store import StateStore
from device.ports import Board, DriverError
from device.protocol.envelope import Envelope, seal
from device.protocol.errors import ProtocolError
from device.protocol.journal import Checkpoint
from device.services import health
from device.services.boot_facts import BootFacts
from device.services.content import Content
from device.services.content_on_disk import ContentOnDisk
from device.services.health import Health
from device.services.identity import ENROL_CA, FACTORY, FLEET
from device.services.journal_feed import JournalFeed
from device.services.renewal import Renewal
from device.services.runtime import Runtime
from device.services.updates import Updates
from device.services.uplink import FleetSession
from device.settings import Settings
from device.shell import ROOT, Shell

EXIT_REBOOT = 75
SECURITY_EPOCH = 1  # SPEC 13.2: raised when an older version must never run again
AGAIN_S = 3.0
LOOK_AGAIN_S = 60.0
FETCH_FAULTS = frozenset({"CONTENT_UNREACHABLE", "CONTENT_EXPIRED", "DISK_FULL"})
STOP_S_MAX = 10.0
_PROBE = "self-test"
_log = logging.getLogger(__name__)


async def run(settings: Settings, faults: set[str], started: Callable[[], None]) -> int:
    """Run the box until it is told to stop; returns the exit code. Raises DriverError if it cannot begin.

    faults: codes of what is out of order already; started: called when the LAN interface stands.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    shell = Shell(settings, _open_board(settings))
    try:
        shell.desk.faults |= faults
        await shell.start()
        started()
        ends = [asyncio.create_task(stopping.wait()), asyncio.create_task(shell.enrolled.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        if not shell.enrolled.is_set():
            return 0
        inside = await _whole(settings, shell, stopping)
        return 0 if inside is None else await inside.live(stopping)
    finally:
        await shell.close()


async def _whole(settings: Settings, shell: Shell, stopping: asyncio.Event) -> "Inside | None":
    """The box once its identity and its trust can be read: the LAN interface stands meanwhile, and says what is wrong.

    None if it was told to stop before.
    """
    while True:
        try:
            shell.identity.load()
            inside = Inside(settings, shell)
        except (DriverError, ProtocolError, OSError) as error:
            _log.error("this box cannot be itself: %s", error)
            shell.desk.faults.add("IDENTITY_DAMAGED")
        else:
            shell.desk.faults.discard("IDENTITY_DAMAGED")
            return inside
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await stopping.wait()
                return None


class Inside:
    """The core and what it moves; made once the box has its factory certificate."""

    def __init__(self, settings: Settings, shell: Shell) -> None:
        data = settings.data_dir
        self._settings = settings
        self._shell = shell
        self._identity = shell.identity
        self._journal = JournalFile(Folder(data / "journal"))
        self._store = StateStore(Folder(data / "state"), shell.board.secret)
        version = version_of_this_image()
        self._boot = BootFacts(self._identity.box, version, shell.board, self._journal, self._store, shell.run_files)
        content = Folder(data / "content")
        self._catalog = CatalogFile(content, shell.board.secret)
        self._kept = ContentOnDisk(self._catalog, PolicyStore(content, shell.board.secret))
        self._content = Content(
            kept=self._kept,
            folder=data / "content",
            trust=data / "trust",
            root=shell.trust_files.read(ROOT),
            fleet_url=self._identity.facts(FACTORY)["fleet_url"],
            fleet_ca=self._identity.certificate(ENROL_CA),
            mono_ms=shell.board.clock.mono_ms,
            trusted_ms=self._trusted_ms,
        )
        box = self._identity.box
        self._box = Box(box, p256.verify, self._catalog.find, self._journal.head_at, self._catalog.find_by_file)
        self._feed = JournalFeed(box, self._journal, self._checkpoint)
        clock = shell.board.clock
        self._runtime = Runtime(self._box, clock, self._journal, self._store, self._signed, shell.board.counter.read)
        self._runtime.faults = shell.desk.faults
        self._session = FleetSession(box, self._make_uplink, self._runtime, self._feed, shell.desk.faults)
        self._updates = Updates(shell.board.slots, self._fetch_bundle, self._runtime)
        self._runtime.perform_by(self._acts())
        self._health = Health(self._checks(), {"fleet": self._check_fleet}, shell.board.slots)
        self._look = asyncio.Event()
        self._is_claimed = asyncio.Event()
        self._stands = asyncio.Event()
        self._trial: asyncio.Task[None] | None = None

    async def live(self, stopping: asyncio.Event) -> int:
        """From power to the end; returns the exit code."""
        shell = self._shell
        keep = shell.supervisor.keep
        running = asyncio.create_task(self._runtime.run())
        starting = asyncio.create_task(self._start())
        shell.ticking = self._runtime
        keep("faults", lambda: health.observe(self._shell.desk, self._runtime, self._stands))
        keep("content", self._looking)
        keep("fleet", self._talking)
        keep("renewal", self._renewing)
        keep("health", self._give_attempt_back)
        told = asyncio.create_task(self._stop(stopping))
        try:
            await asyncio.wait((running, starting), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()  # what it raised ends the process; the board starts it again
            ending = await running
        finally:
            for task in (starting, told, self._trial):
                if task is not None:
                    task.cancel()
            await self._updates.close()
        return EXIT_REBOOT if ending is effects.Reboot else 0

    async def _stop(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        await self._runtime.post(Stopping())
        await asyncio.sleep(STOP_S_MAX)
        _log.error("the end took too long; what is not durable is a loss of power")
        self._runtime.give_up()

    async def _start(self) -> None:
        """Everything the core must know, in this order."""
        started = await self._read_until_readable()
        seal_switch = self._shell.board.seal
        await self._runtime.post(started)
        await self._runtime.post(self._seal_now(at_boot=True))
        seal_switch.subscribe(self._seal_changed)
        for event in await asyncio.to_thread(self._kept.load):
            await self._runtime.post(event)
        await self._runtime.settled()
        self._shell.claimed = self._claimed
        if self._identity.is_claimed:
            facts = self._identity.facts(FLEET)
            if self._box.state_body(self._runtime.now())["venue"] != facts["venue"]:
                await self._runtime.post(Claimed(venue=facts["venue"], region=facts["region"]))
        await self._runtime.settled()
        self._shell.desk.open_with(self._runtime, self._state, self._brief, self._may_play)
        self._stands.set()
        if self._identity.is_claimed:
            self._is_claimed.set()
        self._look.set()

    async def _read_until_readable(self) -> Started:
        """Rule 3."""
        faults = self._shell.desk.faults
        while True:
            try:
                started = await self._runtime.in_disk_thread(self._boot.read)
            except (DriverError, OSError) as error:
                _log.error("cannot start yet: %s", error)
                code = error.code if isinstance(error, DriverError) else "STATE_UNAVAILABLE"
                faults.add(code)
                await asyncio.sleep(AGAIN_S)
                faults.discard(code)
            else:
                return started

    def _seal_now(self, at_boot: bool) -> SealChanged:
        switch = self._shell.board.seal
        return SealChanged(is_open=switch.is_open(), was_opened=switch.was_opened(), at_boot=at_boot)

    def _seal_changed(self, is_open: bool) -> None:
        """What the callback says counts, not what the switch shows by now: it may be closed again."""
        event = SealChanged(is_open=is_open, was_opened=is_open or self._shell.board.seal.was_opened(), at_boot=False)
        if not self._runtime.post_soon(event):
            asyncio.get_running_loop().call_later(1, self._seal_changed, is_open)

    async def _claimed(self, event: Claimed) -> None:
        await self._runtime.post(event)
        self._is_claimed.set()

    async def _give_attempt_back(self) -> None:
        """Never to a version on trial: that is the core's to confirm (SPEC 13.3)."""
        await self._stands.wait()
        if self._state()["update"]["state"] != "trial":
            await self._health.give_attempt_back()

    async def _talking(self) -> None:
        await self._is_claimed.wait()
        await self._session.run()

    async def _renewing(self) -> None:
        await self._is_claimed.wait()
        await Renewal(self._identity, self._trusted_ms, self._session, self._shell.desk.faults).run()

    async def _looking(self) -> None:
        """LookForTargets, as often as it is asked for and once in a while."""
        while True:
            await asyncio.gather(asyncio.wait_for(self._look.wait(), LOOK_AGAIN_S), return_exceptions=True)
            self._look.clear()
            events = await self._content.look()
            self._shell.desk.replace_fault(FETCH_FAULTS, self._content.fault)
            for event in events:
                await self._runtime.post(event)

    def _acts(self) -> dict[type, Callable[[Any], object]]:
        return {
            effects.Append: self._grown,
            effects.TickCounter: lambda _: self._shell.board.counter.tick(),
            effects.ReleaseSealLatch: lambda _: self._shell.board.seal.release(),
            effects.Send: self._send,
            effects.Push: lambda effect: self._shell.desk.listeners.tell(effect.event),
            effects.Show: self._show,
            effects.MoveWatermark: lambda effect: self._feed.moved(effect, _now_s()),
            effects.SendFrom: self._feed.send_from,
            effects.LookForTargets: lambda _: self._look.set(),
            effects.Install: self._updates.install,
            effects.Arm: lambda _: self._updates.arm(),
            effects.CheckHealth: self._check_health,
            effects.ConfirmSlot: lambda _: self._shell.board.slots.confirm(),
            effects.Reboot: lambda _: self._boot.mark_orderly_end(),
            effects.CloseDown: lambda _: self._boot.mark_orderly_end(),
        }

    def _grown(self, effect: Any) -> None:
        self._feed.grown(effect)
        self._session.wake()

    def _send(self, effect: Any) -> None:
        self._session.send(effect.kind, self._sealed(effect.kind, effect.payload).encode())

    def _show(self, effect: Any) -> None:
        try:
            self._shell.board.relay.set_closed(effect.relay_closed)
            self._shell.board.lamp.show(effect.lamp)
        except DriverError as error:
            _log.error("%s", error)  # what is decided stays decided where the lamp cannot show it
            self._shell.desk.faults.add(error.code)
        else:
            self._shell.desk.faults.discard("BOARD_FAILED")

    def _check_health(self, _effect: Any) -> None:
        self._trial = asyncio.create_task(self._health.judge_trial(self._runtime))

    def _sealed(self, kind: str, payload: bytes) -> Envelope:
        return seal(kind, payload, [self._identity.signing_key()])

    def _signed(self, kind: str, payload: bytes) -> dict[str, Any]:
        return self._sealed(kind, payload).plain()

    def _checkpoint(self, epoch: int, size: int, head: bytes) -> Envelope:
        checkpoint = Checkpoint(
            box=self._identity.box,
            epoch=epoch,
            size=size,
            head=head.hex(),
            at_ms=self._trusted_ms(),
            boot=self._box.boot,
            counter=self._box.counter,
        )
        return self._sealed("checkpoint", checkpoint.encode())

    def _make_uplink(self) -> PahoUplink:
        broker = self._identity.facts(FLEET)["broker"]
        host, port = broker["host"], broker["port"]
        if self._settings.uplink.broker:
            host, _, port = self._settings.uplink.broker.rpartition(":")
        return PahoUplink(host, int(port), self._identity.fleet_tls)

    async def _fetch_bundle(self, version: str) -> Any:
        compatible = f"frontbox-{self._settings.board}"
        return await self._content.fetch_bundle(version, compatible=compatible, security_epoch=SECURITY_EPOCH)

    def _checks(self) -> dict[str, health.Check]:
        files = Folder(self._settings.data_dir / "journal")
        return {
            "disk": health.disk_check(lambda data: files.replace(_PROBE, data), lambda: files.read(_PROBE)),
            "journal": self._check_journal,
            "catalog": self._check_catalog,
            "lan": self._shell.listener.check,
        }

    async def _check_journal(self) -> None:
        """The newest entry is on disk as the core knows it. Raises DriverError."""
        place = self._state()["journal"]
        head = await asyncio.to_thread(self._journal.head_at, place["size"])
        if place["size"] and (head is None or head.hex() != place["head"]):
            raise DriverError("JOURNAL_UNAVAILABLE", f"no sound entry before {place['size']}")

    async def _check_catalog(self) -> None:
        """It answers, and no page of it is damaged. Raises DriverError."""
        self._catalog.find("self-test")
        if self._catalog.is_damaged():
            raise DriverError("CATALOG_MALFORMED", "a page is not what was signed")

    async def _check_fleet(self) -> None:
        """Raises DriverError."""
        if self._identity.is_claimed and not self._session.is_connected:
            raise DriverError("UPLINK_DOWN", "no session with the fleet")

    def _trusted_ms(self) -> int | None:
        return self._box.trusted_ms(self._runtime.now())

    def _state(self) -> dict[str, Any]:
        return self._box.state_body(self._runtime.now())

    def _brief(self) -> dict[str, Any]:
        return self._box.state_brief(self._runtime.now())

    def _may_play(self, room: str, song: str, file: str) -> str:
        return self._box.may_play(room, song, file, self._runtime.now())


def _open_board(settings: Settings) -> Board:
    """The drivers of one board; those of another, and their packages, are not even imported."""
    board: Board = import_module(f"device.drivers.{settings.board}.board").open_board(settings.board_dir)
    return board


def _now_s() -> float:
    return asyncio.get_running_loop().time()
