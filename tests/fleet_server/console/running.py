"""A fleet server's console on a real socket, in this process, so that a test can reach its parts.

with running(Path("data")) as server:
    httpx.get(server.url)
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from fleet_server import fleet as fleets
from fleet_server import founding
from fleet_server.app import console_app
from fleet_server.fleet import Fleet
from fleet_server.http_deadlines import DeadlineProtocol
from fleet_server.settings import Settings

ADMIN_PASSWORD = "a long enough password"
STOP_WITHIN_S = 30.0


@dataclass(frozen=True)
class Running:
    """`url` has no slash at its end."""

    url: str
    fleet: Fleet


@contextmanager
def running(data: Path, port: int = 0) -> Iterator[Running]:
    """Founded with the administrator `admin`; stopped at the end, as `serve.py` does it."""
    founding.found(Settings(data=data), "admin", ADMIN_PASSWORD)
    built = fleets.build(Settings(data=data))
    (data / "ports.json").write_text('{"mqtt": 8883}')  # what a claim is told; nobody connects
    with socket.create_server(("127.0.0.1", port)) as bound:
        config = uvicorn.Config(
            console_app(built),
            http=DeadlineProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            yield Running(f"http://127.0.0.1:{bound.getsockname()[1]}", built)
        finally:
            built.live.close()
            server.should_exit = True
            thread.join(STOP_WITHIN_S)
            built.database.close()
