"""aiohttp behind the LAN connections: every route, for what is not answered on the connection itself."""

import asyncio

from aiohttp import web

from device.ports import DriverError
from device.protocol.limits import LAN_BODY_BYTES_MAX
from device.services import lan_api, pages
from device.services.desk import Desk
from device.services.lan_connection import Connection
from device.services.lan_guard import GuardedConnection, guard
from device.services.lan_listener import LanListener

SHUTDOWN_S = 2.0
KEEP_ALIVE_S = 24 * 3600.0  # the connection has its own deadlines; aiohttp sees only some of its requests


class LanServer:
    """Serves from `start` to `close` the connections of a listener."""

    def __init__(self, desk: Desk, listener: LanListener) -> None:
        self._listener = listener
        middleware = guard(listener.names, lan_api.is_open, desk.pairing.vod_of, desk.refused)
        self._application = web.Application(middlewares=[middleware], client_max_size=LAN_BODY_BYTES_MAX)
        lan_api.add_routes(self._application.router, desk)
        pages.add_routes(self._application.router, desk)
        self._runner = web.AppRunner(
            self._application, access_log=None, handle_signals=False, keepalive_timeout=KEEP_ALIVE_S
        )

    async def start(self) -> None:
        """From here on everything is answered, and what has waited."""
        await self._runner.setup()
        manager = self._runner.server
        assert manager is not None
        loop = asyncio.get_running_loop()

        def slow_for(connection: Connection) -> GuardedConnection:
            # What AppRunner gives its own connections, read from the one that makes them.
            return GuardedConnection(manager, connection, loop=loop, **manager._kwargs)

        self._listener.door.lead(loop)
        self._listener.shared.make_slow = slow_for
        self._listener.shared.go_on()

    def routes(self) -> set[tuple[str, str]]:
        """Method and path of everything that is served."""
        served = self._application.router.routes()
        return {(route.method, route.resource.canonical) for route in served if route.resource is not None}

    async def close(self) -> None:
        """Let answers finish for SHUTDOWN_S."""
        self._listener.stop_accepting()
        manager = self._runner.server
        if manager is not None:
            await manager.shutdown(SHUTDOWN_S)
        await self._runner.cleanup()


async def ask_oneself(host: str, port: int) -> None:
    """The box asks itself as anybody would. Raises OSError or DriverError LAN_UNAVAILABLE."""
    reader, writer = await asyncio.open_connection("127.0.0.1" if host == "0.0.0.0" else host, port)  # noqa: S104 - it is compared, not bound
    try:
        writer.write(f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
    finally:
        writer.close()
    if b" 200 " not in status:
        raise DriverError("LAN_UNAVAILABLE", status.decode("latin-1").strip())
