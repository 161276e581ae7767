"""What stands before there is a core, and around it afterwards: board, identity, LAN interface, serial line."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from device.core.events import Claimed
from device.drivers.folder import Folder
from device.drivers.serial_line import open_line
from device.drivers.settings_store import SettingsStore
from device.ports import Board, DriverError
from device.services import health
from device.services.content import require_root
from device.services.desk import Desk
from device.services.enrolment import Enrolment
from device.services.identity import Identity
from device.services.lan_listener import LanListener
from device.services.lan_server import LanServer
from device.services.pairing import Pairing
from device.services.serial_api import SerialApi
from device.services.supervisor import Supervisor
from device.settings import Settings

ROOT = "root.json"
_log = logging.getLogger(__name__)


class Shell:
    """From power to the end of the process."""

    def __init__(self, settings: Settings, board: Board) -> None:
        data = settings.data_dir
        self.board = board
        self.run_files = Folder(data / "run")
        self.trust_files = Folder(data / "trust")
        self.identity = Identity(Folder(data / "identity"), board.secret)
        self.enrolled = asyncio.Event()
        if self.identity.is_enrolled:
            self.enrolled.set()
        self.claimed: Callable[[Claimed], Any] | None = None
        pairing = Pairing(SettingsStore(Folder(data / "settings")), board.clock.mono_ms)
        enrolment = Enrolment(self.identity, self._keep_root, pairing.set_label_code, self.enrolled.set, self._claimed)
        self.desk = Desk(
            pairing=pairing,
            factory_csr=enrolment.factory_csr,
            factory_identity=enrolment.factory_identity,
            claim=enrolment.claim,
            box=lambda: self.identity.box,
            is_enrolled=lambda: self.identity.is_enrolled,
        )
        self.supervisor = Supervisor()
        self.ticking: health.Ticking | None = None
        self._settings = settings
        self.listener = LanListener(
            self.desk, settings.lan.host, settings.lan.port, settings.lan.hosts, board.clock.rtc_ms
        )
        self.lan = LanServer(self.desk, self.listener)

    async def start(self) -> None:
        host, port = await self.listener.start()
        await self.lan.start()
        _log.info("LAN interface on http://%s:%d", host, port)
        try:
            Folder(self._settings.data_dir).replace("lan-address", f"{host}:{port}".encode())
        except OSError as error:
            _log.warning("lan-address: %s", error)
        self.supervisor.keep(
            "watchdog", lambda: health.feed(self.board.watchdog, lambda: self.ticking, self.desk.faults)
        )
        self.supervisor.keep("settings", lambda: health.mind_settings(self.desk.pairing, self.desk.faults))
        self.board.lamp.show("boot" if self.identity.is_enrolled else "unclaimed")
        serial = self._settings.serial
        if serial.path:
            api = SerialApi(lambda: open_line(serial.path, serial.baud), self.desk, self.board.clock.mono_ms)
            self.supervisor.keep("serial line", api.run)

    async def close(self) -> None:
        await self.supervisor.close()
        self.desk.listeners.close()
        await self.lan.close()
        self.listener.close()

    def _keep_root(self, root: bytes) -> None:
        require_root(root)
        try:
            self.trust_files.replace(ROOT, root)
        except OSError as error:
            raise DriverError("IDENTITY_UNAVAILABLE", str(error)) from error

    async def _claimed(self, event: Claimed) -> None:
        """The core hears of it at once, or when it has started (`Inside`)."""
        if self.claimed is not None:
            await self.claimed(event)
