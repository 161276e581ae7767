"""Venues: the list, and everything about one of them."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fleet_server import boxes
from fleet_server.boxes import STATES, Standing
from fleet_server.console import frame
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Action, Call, needs

ROWS_PER_PAGE = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Text = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    venue: str
    name: str
    region: str
    state: str
    box: str | None
    holds: tuple[str, ...]
    rooms_busy: int | None
    heard_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    state: str
    states: tuple[str, ...]
    text: str
    rows: list[RowView]
    count: int
    more: str  # address of the next page, empty on the last


@router.get("/venues")
def list_venues(
    request: Request,
    call: Annotated[Call, needs(Action.VENUE_READ)],
    state: Text = "",
    text: Text = "",
    after: Text = "",
) -> HTMLResponse:
    """Venues by code; the filter stands in the address."""
    state, text = state if state in STATES else "", text.strip()
    counts = read(call, Action.VENUE_READ, lambda act: boxes.count_by_state(act, text=text))
    found = read(
        call,
        Action.VENUE_READ,
        lambda act: boxes.list_standings(act, state=state, text=text, after=after, limit=ROWS_PER_PAGE + 1),
    )
    rows = [_row(standing) for standing in found[:ROWS_PER_PAGE]]
    wanted = {name: value for name, value in (("state", state), ("text", text)) if value}
    view = ListView(
        state=state,
        states=STATES,
        text=text,
        rows=rows,
        count=counts.get(state, 0) if state else sum(counts.values()),
        more=f"/venues?{urlencode({**wanted, 'after': rows[-1].venue})}" if len(found) > ROWS_PER_PAGE else "",
    )
    return frame.page(request, call, "venues.html", view=view)


def _row(standing: Standing) -> RowView:
    report = standing.report
    return RowView(
        venue=standing.venue,
        name=standing.name,
        region=standing.region,
        state=standing.state,
        box=standing.box,
        holds=report.holds if report else (),
        rooms_busy=report.rooms_busy if report and standing.state != boxes.OFFLINE else None,
        heard_at_ms=standing.reported_at_ms,
    )
