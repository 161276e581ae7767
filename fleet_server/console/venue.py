"""Everything about one venue: its state, the orders that concern it, its box, notices, plays."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from fleet_server import boxes, venues
from fleet_server.console import frame
from fleet_server.console.box_facts import BoxFacts, box_facts
from fleet_server.console.notices import NoticeAtVenue, notices_at
from fleet_server.console.plays import PlaysView, plays_view
from fleet_server.console.reading import read, read_if_allowed
from fleet_server.console.refusal import PageRoute
from fleet_server.console.ways import Way, ways_at_venue
from fleet_server.people import Act, Action, Call, needs

WAYS_MAX = 12
PLAYS_MAX = 10
NOTICES_MAX = 5

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueView:
    """Parts are None where no role of the reader's permits them."""

    venue: str
    name: str
    region: str
    address: str
    licence: str
    rooms: int
    state: str
    box: BoxFacts | None
    ways: list[Way] | None
    notices: list[NoticeAtVenue] | None
    plays: PlaysView | None

    @property
    def is_stopped(self) -> bool:
        """Whether an order is in force, by what the box has signed."""
        return any(way.is_in_force for way in self.ways or [])


@router.get("/venues/{venue}")
def show_venue(venue: str, request: Request, call: Annotated[Call, needs(Action.VENUE_READ)]) -> HTMLResponse:
    view = read(call, Action.VENUE_READ, lambda act: _venue(act, venue, call, frame.of(request, call.actor)))
    return frame.page(request, call, "venue.html", view=view)


def _venue(act: Act, code: str, call: Call, shown: frame.Frame) -> VenueView:
    venue = venues.one(act, code)
    standing = boxes.standing_of(act, code)
    assert standing is not None
    return VenueView(
        venue=venue.venue,
        name=venue.name,
        region=venue.region,
        address=venue.address,
        licence=venue.licence,
        rooms=venue.rooms,
        state=standing.state,
        ways=read_if_allowed(call, Action.ORDER_READ, lambda reader: ways_at_venue(reader, shown, code, WAYS_MAX)),
        notices=read_if_allowed(call, Action.NOTICE_READ, lambda reader: notices_at(reader, code, NOTICES_MAX)),
        plays=read_if_allowed(call, Action.PLAYS_READ, lambda reader: plays_view(reader, code, PLAYS_MAX)),
        box=read_if_allowed(call, Action.BOX_READ, lambda reader: _box(reader, standing.box)),
    )


def _box(act: Act, box: str | None) -> BoxFacts | None:
    return None if box is None else box_facts(act, box)
