"""The listening socket of the LAN interface: bound first, closed last, and served before aiohttp is there."""

from collections.abc import Callable

from device.first_loop import running_loop
from device.ports import DriverError
from device.services.desk import Desk
from device.services.lan_answers import Answers
from device.services.lan_door import Door
from device.services.lan_guests import Shared
from device.services.lan_quick import Quick


class LanListener:
    """Serves from `start` to `close`; what it cannot answer by itself waits for `lan_server.LanServer`."""

    def __init__(self, desk: Desk, host: str, port: int, names: tuple[str, ...], rtc_ms: Callable[[], int]) -> None:
        self.names = frozenset(name.lower() for name in (host, "localhost", *names))
        answers = Answers(rtc_ms)
        self.shared = Shared(Quick(desk, answers), answers, desk.pairing, self.names)
        self.door = Door(self.shared)
        desk.look = self.door.serve
        self._host = host
        self._port = port
        self.bound = (host, port)

    def start(self) -> tuple[str, int]:
        """Bind and serve; returns host and port. Raises DriverError LAN_UNAVAILABLE."""
        try:
            self.bound = self.door.open(self._host, self._port)
        except OSError as error:
            raise DriverError("LAN_UNAVAILABLE", f"{self._host}:{self._port}: {error}") from error
        self.door.join_loop(running_loop())
        return self.bound

    def stop_accepting(self) -> None:
        self.door.stop_accepting()

    def close(self) -> None:
        """End the connections that have nothing under way with the core."""
        self.stop_accepting()
        for connection in list(self.shared.open):
            connection.end()
        self.door.close()
