"""One process that serves people and boxes: two HTTP servers and the workers in one event loop.

Order of start: settings, lock on the data directory, database to its newest shape, server certificate,
sockets, workers, servers. Order of stop, on SIGTERM or SIGINT: servers (running requests get GRACE_S), then
workers in reverse. Whatever cannot start says so in one line and ends with 1; a worker that fails later ends
the process too.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from socket import socket

import uvicorn
from sqlalchemy.exc import DatabaseError
from starlette.types import ASGIApp

from fleet_server import app, fleet, key_files, migrations, ports
from fleet_server.broker import BrokerError
from fleet_server.fleet import Fleet
from fleet_server.http_deadlines import DeadlineProtocol
from fleet_server.settings import Settings

GRACE_S = 5
KEEP_ALIVE_S = 10
CONNECTIONS_MAX = 2048
RENEW_LOOK_EVERY_S = 3_600

_log = logging.getLogger("fleet_server")


class StartError(Exception):
    """The server cannot start; the message fits one line."""


def serve(settings: Settings) -> None:
    """Run until told to stop. Raises StartError."""
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if not (settings.data / "fleet.db").exists():
        raise StartError(f"{settings.data}: no fleet here; frontbox-fleet init --data {settings.data} makes one")
    with _lock(settings.data):
        built = fleet.build(settings)
        try:
            migrations.upgrade(built.database)
            _serve_built(built)
        except DatabaseError as error:
            raise StartError(f"{built.database.path}: {error.orig}") from error
        finally:
            built.database.close()


def _serve_built(built: Fleet) -> None:
    settings = built.settings
    key_files.make_server_certificate(built.keys, (settings.public_host,), built.clock.now_ms())
    try:
        console = ports.listen(settings.data, "console", settings.console_host, settings.console_port)
        boxes = ports.listen(settings.data, "box", settings.box_host, settings.box_port)
    except ports.PortError as error:
        raise StartError(str(error)) from error
    with console, boxes:
        try:
            asyncio.run(_run(built, console, boxes))
        except (BrokerError, ports.PortError) as error:
            raise StartError(str(error)) from error
        except BaseExceptionGroup as group:
            # Workers run in task groups, which wrap whatever goes through them.
            known, rest = group.split((BrokerError, ports.PortError))
            if known is None or rest is not None:
                raise
            raise StartError(_first(known)) from group


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def _run(built: Fleet, console: socket, boxes: socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as workers:
        for worker in app.WORKERS:
            await workers.enter_async_context(worker(built))
        tls = _tls(built.keys)
        servers = [
            (Server(http_config(app.console_app(built), built)), console),
            (Server(http_config(app.box_app(built), built, lambda *_: tls)), boxes),
        ]
        async with asyncio.TaskGroup() as tasks:
            for server, bound in servers:
                tasks.create_task(server.serve(sockets=[bound]))
            renewing = tasks.create_task(_renew(built, tls))
            try:
                await stop.wait()
            finally:
                renewing.cancel()
                built.live.close()
                for server, _ in servers:
                    server.should_exit = True


async def _renew(built: Fleet, tls: ssl.SSLContext) -> None:
    """The server's certificate, long before it ends; the broker sees the new file by itself."""
    hosts = (built.settings.public_host,)
    while True:
        await asyncio.sleep(RENEW_LOOK_EVERY_S)
        made = await asyncio.to_thread(key_files.make_server_certificate, built.keys, hosts, built.clock.now_ms())
        if made:
            tls.load_cert_chain(built.keys / "server.pem", built.keys / "server.key")
            _log.info("the server's certificate is renewed")


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: two servers live in this loop, and both must stop."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:
            scheme = "https" if self.config.is_ssl else "http"
            _log.info("serving %s://%s:%d", scheme, *bound.getsockname()[:2])


def http_config(application: ASGIApp, built: Fleet, tls: Callable[..., ssl.SSLContext] | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        ssl_context_factory=tls,
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The address of who asks, for throttling and the audit record, is the proxy's word on this machine alone.
        proxy_headers=tls is None,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=CONNECTIONS_MAX,
        log_level="warning",
    )


def _tls(keys: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(keys / "server.pem", keys / "server.key")
    return context


@contextlib.contextmanager
def _lock(data: Path) -> Iterator[None]:
    """One server per data directory."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StartError(f"{data}: another fleet server runs on it") from error
    else:
        yield
    finally:
        os.close(descriptor)
