"""All pages of the console, and the answer to an address that is none."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from fleet_server.console import (
    about,
    audit,
    boxes,
    catalog,
    news,
    notices,
    orders,
    overview,
    plays,
    rollouts,
    session_pages,
    static_files,
    venue,
    venues,
)
from fleet_server.console.frame import MENU
from fleet_server.console.refusal import PageRoute
from fleet_server.http_errors import ProblemError
from fleet_server.people import Action, Call, needs

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PAGES = (overview, venues, venue, orders, notices, plays, boxes, rollouts, catalog, audit, about)

ROUTERS = tuple(part.router for part in (session_pages, *_PAGES, news, static_files))

for part in ROUTERS:
    router.include_router(part)


def no_such_page(call: Annotated[Call, needs(Action.SESSION_READ)]) -> Response:
    raise ProblemError("NOT_FOUND", call.request_id)


# At the top and below its own sections only: whatever is under /api stays the API's to answer.
router.add_api_route("/{page}", no_such_page, response_class=HTMLResponse)
for path in (path for path, _, _ in MENU if path != "/"):
    router.add_api_route(f"{path}/{{rest:path}}", no_such_page, response_class=HTMLResponse)
