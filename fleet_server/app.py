"""Composition of the two HTTP applications and of what runs beside them.

- The *console application*: API and pages for people, plain HTTP on loopback (a proxy adds TLS).
- The *box application*: enrolment and TUF files, HTTPS with the private CA, for boxes alone.
- *Workers*: async context managers entered in this order before the first request is taken, and left in
  reverse; a worker that fails ends the process with its reason, and the supervisor starts it again.

A domain registers here and nowhere else.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

import fleet_server.audit.api
import fleet_server.boxes.api
import fleet_server.boxes.enrolment_api
import fleet_server.catalog.api
import fleet_server.catalog.bans_api
import fleet_server.console
import fleet_server.extensions.api
import fleet_server.extensions.worker
import fleet_server.messages
import fleet_server.notices.api
import fleet_server.orders.api
import fleet_server.people.api
import fleet_server.plays.api
import fleet_server.plays.evidence_api
import fleet_server.receipts_api
import fleet_server.regions.api
import fleet_server.repository.worker
import fleet_server.rollouts.api
import fleet_server.rollouts.worker
import fleet_server.venues.api
from fleet_server import http_errors, tuf_files
from fleet_server.fleet import Fleet
from fleet_server.http_guard import Guard
from fleet_server.rollouts.bundle_file import BUNDLE_BYTES_MAX
from fleet_server.song_lists.csv_file import FILE_BYTES_MAX

Worker = Callable[[Fleet], AbstractAsyncContextManager[None]]

CONSOLE_ROUTERS: tuple[APIRouter, ...] = (
    fleet_server.people.api.router,
    fleet_server.regions.api.router,
    fleet_server.venues.api.router,
    fleet_server.boxes.api.router,
    fleet_server.extensions.api.router,
    fleet_server.orders.api.router,
    fleet_server.receipts_api.router,
    fleet_server.notices.api.router,
    fleet_server.plays.api.router,
    fleet_server.plays.evidence_api.router,
    fleet_server.catalog.api.router,
    fleet_server.catalog.bans_api.router,
    fleet_server.rollouts.api.router,
    fleet_server.audit.api.router,
    fleet_server.console.router,
)
BOX_ROUTERS: tuple[APIRouter, ...] = (fleet_server.boxes.enrolment_api.router, tuf_files.router)
WORKERS: tuple[Worker, ...] = (
    fleet_server.repository.worker.worker,
    fleet_server.messages.worker,
    fleet_server.rollouts.worker.worker,
    fleet_server.extensions.worker.worker,
)

# Paths that take more than the usual body, in bytes.
BODIES_MAX: dict[str, int] = {"/api/v1/catalog/imports": FILE_BYTES_MAX, "/api/v1/bundles": BUNDLE_BYTES_MAX}


def console_app(fleet: Fleet) -> ASGIApp:
    """API and console."""
    app = _app(fleet, "Frontbox fleet server", CONSOLE_ROUTERS)
    hosts = {*fleet.settings.console_hosts, urlsplit(fleet.settings.console_url).hostname or ""}
    return Guard(app, frozenset(hosts), BODIES_MAX)


def box_app(fleet: Fleet) -> ASGIApp:
    """What boxes reach over HTTPS."""
    return Guard(_app(fleet, "Frontbox enrolment", BOX_ROUTERS), hosts=None)


def _app(fleet: Fleet, title: str, routers: tuple[APIRouter, ...]) -> FastAPI:
    # FastAPI's HTML pages load their scripts from outside; the console has its own page for the API.
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": http_errors.DESCRIPTION},
    )
    app.state.fleet = fleet
    http_errors.install(app)
    for router in routers:
        app.include_router(router)
    return app
