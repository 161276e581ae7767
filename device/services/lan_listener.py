"""The listening socket of the LAN interface: bound first, closed last, and served before aiohttp is there."""

import asyncio
from collections.abc import Callable

from device.ports import DriverError
from device.services.desk import Desk
from device.services.lan_answers import Answers
from device.services.lan_connection import Shared
from device.services.lan_door import Door
from device.services.lan_quick import Quick


class LanListener:
    """Serves from `start` to `close`; what it cannot answer by itself waits for `lan_server.LanServer`."""

    def __init__(self, desk: Desk, host: str, port: int, names: tuple[str, ...], rtc_ms: Callable[[], int]) -> None:
        self.names = frozenset(name.lower() for name in (host, "localhost", *names))
        answers = Answers(rtc_ms)
        self.shared = Shared(Quick(desk, answers), answers, desk.pairing, self.names)
        self.door = Door(self.shared)
        self._host = host
        self._port = port
        self._bound = (host, port)

    async def start(self) -> tuple[str, int]:
        """Bind and serve; returns host and port. Raises DriverError LAN_UNAVAILABLE."""
        try:
            self._bound = self.door.open(self._host, self._port)
        except OSError as error:
            raise DriverError("LAN_UNAVAILABLE", f"{self._host}:{self._port}: {error}") from error
        self.door.join_loop(asyncio.get_running_loop())
        return self._bound

    async def check(self) -> None:
        """The box asks itself as anybody would. Raises OSError or DriverError LAN_UNAVAILABLE."""
        host, port = self._bound
        reader, writer = await asyncio.open_connection("127.0.0.1" if host == "0.0.0.0" else host, port)  # noqa: S104 - it is compared, not bound
        try:
            writer.write(f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
        finally:
            writer.close()
        if b" 200 " not in status:
            raise DriverError("LAN_UNAVAILABLE", status.decode("latin-1").strip())

    def stop_accepting(self) -> None:
        self.door.stop_accepting()

    def close(self) -> None:
        """End the connections that have nothing under way with the core."""
        self.stop_accepting()
        for connection in list(self.shared.open):
            connection.end()
        self.door.close()
