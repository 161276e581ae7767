"""The outside of the box: everything that talks to somebody, and the packages for it, which take longest to read in.

aiohttp behind the LAN connections, enrolment, serial line, fleet, content, updates, self test. `app.py` imports this
module in a thread while the inside serves.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from device.core import effects
from device.core.events import Claimed
from device.drivers.folder import Folder
from device.drivers.mqtt_paho import PahoUplink
from device.drivers.serial_line import open_line
from device.inside import Inside
from device.ports import DriverError
from device.protocol.envelope import Envelope, seal
from device.protocol.errors import ProtocolError
from device.services import self_test
from device.services.broker_address import BrokerAddress
from device.services.content import Content, require_root
from device.services.enrolment import Enrolment
from device.services.identity import Identity
from device.services.identity_facts import ENROL_CA, FACTORY, FLEET, ROOT
from device.services.lan_server import LanServer, ask_oneself
from device.services.looking import keep_fetching, keep_looking
from device.services.renewal import Renewal
from device.services.self_test import Health
from device.services.serial_api import SerialApi
from device.services.updates import Updates
from device.services.uplink import FleetSession
from device.settings import Settings
from device.shell import Shell

FETCH_FAULTS = frozenset({"CONTENT_UNREACHABLE", "CONTENT_EXPIRED", "DISK_FULL"})
_PROBE = "self-test"
AGAIN_S = 3.0
_log = logging.getLogger(__name__)


class Outside:
    """Before the core, what brings it about: LAN routes, factory, claim, serial line."""

    def __init__(self, settings: Settings, shell: Shell) -> None:
        self._settings = settings
        self._shell = shell
        self._identity = shell.identity = Identity(shell.papers, shell.board.secret, shell.board.counter.read)
        desk = shell.desk
        enrolment = Enrolment(
            self._identity, self._keep_root, desk.pairing.set_label_code, shell.enrolled.set, self._claimed
        )
        desk.factory_csr = enrolment.factory_csr
        desk.factory_identity = enrolment.factory_identity
        desk.claim = enrolment.claim
        self._lan = LanServer(desk, shell.listener)
        self._joined: Joined | None = None

    async def start(self) -> None:
        await self._lan.start()
        serial = self._settings.serial
        if serial.path:
            api = SerialApi(
                lambda: open_line(serial.path, serial.baud), self._shell.desk, self._shell.board.clock.mono_ms
            )
            self._shell.supervisor.keep("serial line", api.run)

    async def join(self, inside: Inside) -> None:
        """Work for this core, once identity and trust can be read; until then it is said what is wrong."""
        while self._joined is None:
            try:
                self._identity.load()
                if self._identity.is_claimed:
                    self._identity.facts(FLEET)
                root = self._shell.papers.read(ROOT)
                self._joined = Joined(self._settings, self._shell, self._identity, inside, root)
            except (DriverError, ProtocolError, OSError) as error:
                _log.error("this box cannot be itself: %s", error)
                self._shell.desk.is_shut = True
                self._shell.desk.faults.add("IDENTITY_DAMAGED")
                await asyncio.sleep(AGAIN_S)
            else:
                self._shell.desk.is_shut = False
                self._shell.desk.faults.discard("IDENTITY_DAMAGED")

    async def close(self) -> None:
        if self._joined is not None:
            await self._joined.close()
        await self._lan.close()

    def _keep_root(self, root: bytes) -> None:
        require_root(root)
        try:
            self._shell.papers.replace(ROOT, root)
        except OSError as error:
            raise DriverError("IDENTITY_UNAVAILABLE", str(error)) from error

    async def _claimed(self, event: Claimed) -> None:
        """The core hears of it at once, or when it has started (`Inside`)."""
        if self._shell.claimed is not None:
            await self._shell.claimed(event)


class Joined:
    """What works for one core: the session with the fleet, content, updates, the self test."""

    def __init__(self, settings: Settings, shell: Shell, identity: Identity, inside: Inside, root: bytes) -> None:
        data = Path(settings.data_dir)
        self._settings = settings
        self._shell = shell
        self._inside = inside
        self._identity = identity
        self._content = Content(
            kept=inside.kept,
            folder=data / "content",
            trust=data / "trust",
            root=root,
            fleet_url=identity.facts(FACTORY)["fleet_url"],
            fleet_ca=identity.certificate(ENROL_CA),
            mono_ms=shell.board.clock.mono_ms,
            proven_ms=inside.proven_ms,
        )
        host, _, port = settings.uplink.broker.rpartition(":")
        instead = {"host": host, "port": int(port)} if host else None
        self._broker = BrokerAddress(lambda: identity.facts(FLEET), self._lease, instead)
        self._session = FleetSession(
            identity.box,
            self._make_uplink,
            inside.runtime,
            inside.feed,
            shell.desk.faults,
            is_to_be_left=self._broker.is_to_be_left,
        )
        self._updates = Updates(shell.board.slots, self._fetch_bundle, inside.runtime)
        self._health = Health(self._checks(), self._checks_of_trial(), shell.board.slots)
        self._trial: asyncio.Task[None] | None = None
        inside.join(self._sealed, self._session.wake, self._acts())
        keep = shell.supervisor.keep
        keep("content", self._looking)
        keep("catalog", self._fetching)
        keep("fleet", self._talking)
        keep("renewal", self._renewing)
        keep("health", self._give_attempt_back)

    async def close(self) -> None:
        if self._trial is not None:
            self._trial.cancel()
        await self._updates.close()
        self._content.close()

    async def _give_attempt_back(self) -> None:
        """Never to a version on trial: that is the core's to confirm (SPEC 13.3); nor to one that is to go (13.5)."""
        await self._inside.stands.wait()
        if not self._inside.box.is_old and self._inside.state()["update"]["state"] != "trial":
            await self._health.give_attempt_back(self._inside.box.bars_other)

    async def _talking(self) -> None:
        await self._inside.is_claimed.wait()
        await self._session.run()

    async def _renewing(self) -> None:
        await self._inside.is_claimed.wait()
        faults = self._shell.desk.faults
        await Renewal(self._identity, self._inside.trusted_ms, self._session, faults, self._broker).run()

    async def _looking(self) -> None:
        """LookForTargets, and once in a while."""
        await keep_looking(self._inside.look, self._look)

    async def _fetching(self) -> None:
        """The files of a catalog, however long they take."""
        await keep_fetching(self._content.catalog_wanted, lambda: self._take(self._content.fetch_catalog()))

    async def _look(self) -> bool:
        return await self._take(self._content.look())

    async def _take(self, coming: Awaitable[list[Any]]) -> bool:
        events = await coming
        self._shell.desk.replace_fault(FETCH_FAULTS, self._content.fault)
        for event in events:
            await self._inside.runtime.post(event)
        return not self._content.fault

    def _acts(self) -> dict[type, Callable[[Any], object]]:
        return {
            effects.Send: self._send,
            effects.Install: self._updates.install,
            effects.Arm: lambda _: self._updates.arm(),
            effects.CheckHealth: self._check_health,
        }

    def _send(self, effect: Any) -> None:
        self._session.send(effect.kind, self._sealed(effect.kind, effect.payload).encode())

    def _check_health(self, _effect: Any) -> None:
        self._trial = asyncio.create_task(self._health.judge_trial(self._inside.runtime))

    def _sealed(self, kind: str, payload: bytes) -> Envelope:
        return seal(kind, payload, [self._identity.signing_key()])

    def _make_uplink(self) -> PahoUplink:
        broker = self._broker.next()
        return PahoUplink(broker["host"], int(broker["port"]), self._identity.fleet_tls)

    def _lease(self) -> int | None:
        held = self._inside.state()["lease"]
        return None if held is None else int(held["lease"])

    async def _fetch_bundle(self, version: str, security_epoch: int) -> Any:
        compatible = f"frontbox-{self._settings.board}"
        return await self._content.fetch_bundle(version, compatible=compatible, security_epoch=security_epoch)

    def _checks(self) -> dict[str, self_test.Check]:
        return {"journal": self._check_journal, "lan": lambda: ask_oneself(*self._shell.listener.bound)}

    def _checks_of_trial(self) -> dict[str, self_test.Check]:
        files = Folder(f"{self._settings.data_dir}/journal")
        return {
            "disk": self_test.disk_check(lambda data: files.replace(_PROBE, data), lambda: files.read(_PROBE)),
            "catalog": self._check_catalog,
            "fleet": self._check_fleet,
        }

    async def _check_journal(self) -> None:
        """The newest entry is on disk as the core knows it. Raises DriverError."""
        place = self._inside.state()["journal"]
        head = await asyncio.to_thread(self._inside.journal.head_at, place["size"])
        if place["size"] and (head is None or head.hex() != place["head"]):
            raise DriverError("JOURNAL_UNAVAILABLE", f"no sound entry before {place['size']}")

    async def _check_catalog(self) -> None:
        """It answers, and no page of it is damaged. Raises DriverError."""
        self._inside.catalog.find("self-test")
        if self._inside.catalog.is_damaged():
            raise DriverError("CATALOG_MALFORMED", "a page is not what was signed")

    async def _check_fleet(self) -> None:
        """Raises DriverError."""
        if self._identity.is_claimed and not self._session.is_connected:
            raise DriverError("UPLINK_DOWN", "no session with the fleet")
