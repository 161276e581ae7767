"""The listening socket of the LAN interface: aiohttp with guarded connections."""

import asyncio
import socket
from collections import Counter

from aiohttp import web

from device.ports import DriverError
from device.protocol.limits import LAN_BODY_BYTES_MAX
from device.services import lan_api, pages
from device.services.desk import Desk
from device.services.lan_guard import GuardedConnection, guard

BACKLOG = 128
SHUTDOWN_S = 2.0


class LanServer:
    """Serves from `start` to `close`; `address` is what was bound."""

    def __init__(self, desk: Desk, host: str, port: int, names: tuple[str, ...]) -> None:
        self._host = host
        self._port = port
        accepted = frozenset(name.lower() for name in (host, "localhost", *names))
        middleware = guard(accepted, lan_api.is_open, desk.pairing.vod_of, desk.refused)
        self._application = web.Application(middlewares=[middleware], client_max_size=LAN_BODY_BYTES_MAX)
        lan_api.add_routes(self._application.router, desk)
        pages.add_routes(self._application.router, desk)
        self._runner = web.AppRunner(self._application, access_log=None, handle_signals=False)
        self._server: asyncio.Server | None = None
        self._bound = (host, port)

    async def start(self) -> tuple[str, int]:
        """Bind and serve; returns host and port. Raises DriverError LAN_UNAVAILABLE."""
        await self._runner.setup()
        manager = self._runner.server
        assert manager is not None
        opened: Counter[str] = Counter()
        loop = asyncio.get_running_loop()

        def connection() -> GuardedConnection:
            # What AppRunner gives its own connections, read from the one that makes them.
            return GuardedConnection(manager, loop=loop, opened=opened, **manager._kwargs)

        try:
            listening = socket.create_server((self._host, self._port), backlog=BACKLOG)
            self._server = await loop.create_server(connection, sock=listening)
        except OSError as error:
            raise DriverError("LAN_UNAVAILABLE", f"{self._host}:{self._port}: {error}") from error
        self._bound = listening.getsockname()[:2]
        return self._bound

    def routes(self) -> set[tuple[str, str]]:
        """Method and path of everything that is served."""
        served = self._application.router.routes()
        return {(route.method, route.resource.canonical) for route in served if route.resource is not None}

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

    async def close(self) -> None:
        """Stop accepting, let answers finish for SHUTDOWN_S."""
        if self._server is not None:
            self._server.close()
        manager = self._runner.server
        if manager is not None:
            await manager.shutdown(SHUTDOWN_S)
        await self._runner.cleanup()
