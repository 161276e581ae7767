"""Notices: the list, and one of them with what became of it at each venue."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from device.protocol.notices import Notice
from fleet_server import notices, venues
from fleet_server.console import frame
from fleet_server.console.frame import Frame
from fleet_server.console.orders import names_of, scope_in_words
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.notices import AtVenue, NoticeFound
from fleet_server.people import Act, Action, Call, needs

ROWS_PER_PAGE = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    rows: list[NoticeFound]
    names: dict[str, str]
    count: int
    more: str  # address of the next page, empty on the last


@dataclass(frozen=True, slots=True, kw_only=True)
class WayView:
    venue_name: str
    at: AtVenue


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    text: Notice
    issued_by: str
    scope: Markup
    ways: list[WayView]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeAtVenue:
    text: Notice
    state: str  # a word of `notice.state`


@router.get("/notices")
def list_notices(
    request: Request,
    call: Annotated[Call, needs(Action.NOTICE_READ)],
    after: Annotated[str, Query(max_length=18)] = "",
) -> HTMLResponse:
    view = read(call, Action.NOTICE_READ, lambda act: _list(act, names_of(call.fleet), after))
    return frame.page(request, call, "notices.html", view=view)


@router.get("/notices/{notice}")
def show_notice(notice: str, request: Request, call: Annotated[Call, needs(Action.NOTICE_READ)]) -> HTMLResponse:
    shown = frame.of(request, call.actor)
    names = names_of(call.fleet)
    view = read(call, Action.NOTICE_READ, lambda act: _notice(act, shown, names, notice))
    return frame.page(request, call, "notice.html", view=view)


def notices_at(act: Act, venue: str, limit: int) -> list[NoticeAtVenue]:
    """What a venue was told, the newest first."""
    found = []
    for one in notices.list_notices(act, venue=venue, limit=limit):
        (row,) = notices.at_venues(act, one.notice.notice, venue=venue)
        found.append(NoticeAtVenue(text=one.notice, state=_state(row)))
    return found


def _state(row: AtVenue) -> str:
    if row.acknowledged_at_ms is not None:
        return "acknowledged"
    if row.shown_at_ms is not None:
        return "shown"
    if row.delivered_at_ms is not None:
        return "delivered"
    return "rejected" if row.result == "rejected" else "sent"


def _list(act: Act, names: dict[str, str], after: str) -> ListView:
    found = notices.list_notices(act, after=after, limit=ROWS_PER_PAGE + 1)
    rows = found[:ROWS_PER_PAGE]
    return ListView(
        rows=rows,
        names=names,
        count=notices.count_notices(act),
        more=f"/notices?{urlencode({'after': rows[-1].notice.notice})}" if len(found) > ROWS_PER_PAGE else "",
    )


def _notice(act: Act, shown: Frame, names: dict[str, str], number: str) -> NoticeView:
    text = notices.one_notice(act, number).notice
    return NoticeView(
        text=text,
        issued_by=names.get(text.issued_by, text.issued_by),
        scope=scope_in_words(act, shown, text.scope),
        ways=[WayView(venue_name=_name(act, row.venue), at=row) for row in notices.at_venues(act, number)],
    )


def _name(act: Act, code: str) -> str:
    venue = venues.find(act.connection, code)
    return venue.name if venue else code
