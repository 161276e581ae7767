"""The first page: what waits for somebody, and what is not as it should be."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from fleet_server import boxes, orders
from fleet_server.boxes import STATES, Standing
from fleet_server.console import frame
from fleet_server.console.orders import RowView, names_of, row_of
from fleet_server.console.plays import PlaysView, plays_view
from fleet_server.console.reading import read_if_allowed
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Act, Action, Call, needs

QUIET_MAX = 8
WAITING_MAX = 20
PLAYS_MAX = 8

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewView:
    """Parts are None where no role of the reader's permits them."""

    venues: list[tuple[str, int]] | None  # state and how many, in the order of STATES
    venues_count: int
    quiet: list[Standing] | None
    online_within_s: int
    waiting: list[RowView] | None
    plays: PlaysView | None


@router.get("/")
def show_overview(request: Request, call: Annotated[Call, needs(Action.SESSION_READ)]) -> HTMLResponse:
    counts = read_if_allowed(call, Action.VENUE_READ, boxes.count_by_state)
    quiet = read_if_allowed(
        call, Action.BOX_READ, lambda act: boxes.list_standings(act, state="offline", limit=QUIET_MAX)
    )
    waiting = read_if_allowed(call, Action.ORDER_READ, lambda act: _waiting(act, request, call))
    view = OverviewView(
        waiting=waiting,
        plays=read_if_allowed(call, Action.PLAYS_READ, lambda act: plays_view(act, None, PLAYS_MAX)),
        venues=None if counts is None else [(state, counts[state]) for state in STATES if state in counts],
        venues_count=sum((counts or {}).values()),
        quiet=quiet,
        online_within_s=boxes.ONLINE_FOR_MS // 1000,
    )
    return frame.page(request, call, "overview.html", view=view)


def _waiting(act: Act, request: Request, call: Call) -> list[RowView]:
    shown, names = frame.of(request, call.actor), names_of(call.fleet)
    found = orders.list_orders(act, state="signed", limit=WAITING_MAX)
    return [row_of(act, shown, names, order) for order in found if act.now_ms <= order.draft_until_ms]
