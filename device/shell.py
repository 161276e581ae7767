"""What stands first and falls last: board, who the box is, tokens, LAN connections, watchdog.

No package beside the standard library: it is on the way to the first answer.
"""

from collections.abc import Callable, Mapping

from device.core.events import Claimed
from device.drivers.card_files import CardFiles
from device.drivers.folder import Folder
from device.drivers.settings_store import SettingsStore
from device.first_loop import Happening, pause
from device.log import Log
from device.ports import Board, DriverError
from device.services import health
from device.services.desk import Desk, NotReadyError
from device.services.identity_facts import IdentityFacts
from device.services.lan_listener import LanListener
from device.services.pairing import Pairing
from device.services.supervisor import Supervisor
from device.settings import Settings
from device.typed import Any

AGAIN_S = 3.0
_log = Log(__name__)


class Shell:
    """From power to the end of the process."""

    def __init__(self, settings: Settings, board: Board) -> None:
        data = settings.data_dir
        self.board = board
        self.run_files = Folder(f"{data}/run")
        self.papers = CardFiles(Folder(f"{data}/identity"), board.secret, b"identity")
        self.identity = IdentityFacts(self.papers, board.counter.read)  # with its keys when the outside is there
        self.enrolled = Happening()
        self.claimed: Callable[[Claimed], Any] | None = None
        self.desk = Desk(
            pairing=Pairing(SettingsStore(Folder(f"{data}/settings")), board.clock.mono_ms),
            factory_csr=self._not_yet,
            factory_identity=self._not_yet,
            claim=self._not_yet,
            box=lambda: self.identity.box,
            is_enrolled=lambda: self.identity.is_enrolled,
        )
        self.supervisor = Supervisor()
        self.ticking: health.Ticking | None = None
        self._data = data
        self.show_lamp = health.told_only(board.lamp.show, self.desk.faults)
        lan = settings.lan
        self.listener = LanListener(self.desk, lan.host, lan.port, lan.hosts, board.clock.rtc_ms)

    def start(self, bound: Callable[[], None]) -> None:
        """bound: called once the LAN interface has its address, which may come later than the power."""
        if not self._has_bound(bound):
            self.supervisor.keep("LAN address", lambda: self._bind(bound))
        self.supervisor.keep(
            "watchdog", lambda: health.feed(self.board.watchdog, lambda: self.ticking, self.desk.faults)
        )
        self.supervisor.keep("settings", lambda: health.mind_settings(self.desk.pairing, self.desk.faults))
        # Whatever is to be shown next takes its fault back.
        self.show_lamp("boot" if self.identity.is_enrolled else "unclaimed")

    async def fall_silent(self) -> None:
        """Nothing new is begun, and whoever listens is told."""
        await self.supervisor.close()
        self.desk.listeners.close()

    def close(self) -> None:
        self.listener.close()

    async def _bind(self, bound: Callable[[], None]) -> None:
        """No address yet, or another has the port: that ends no start, for a third one would bring the other slot."""
        while not self._has_bound(bound):
            await pause(AGAIN_S)
        _log.info("LAN interface on http://%s:%d, at last", *self.listener.bound)

    def _has_bound(self, bound: Callable[[], None]) -> bool:
        try:
            host, port = self.listener.start()
        except DriverError as error:
            _log.error("%s", error)
            self.desk.faults.add(error.code)
            return False
        self.desk.faults.discard("LAN_UNAVAILABLE")
        try:
            Folder(self._data).replace("lan-address", f"{host}:{port}".encode())
        except OSError as error:
            _log.warning("lan-address: %s", error)
        bound()
        return True

    async def _not_yet(self, _body: Mapping[str, Any]) -> dict[str, Any]:
        """The routes that ask for it come with those who do it (`outside.py`)."""
        raise NotReadyError(self.identity.is_enrolled)
