"""HTTP: the register of venues."""

import datetime
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fleet_server.http_errors import ProblemError
from fleet_server.http_fields import readable
from fleet_server.people import Action, Call, needs
from fleet_server.venues import store
from fleet_server.venues.credit_code import require_credit_code

PAGE_MAX = 1000

router = APIRouter(prefix="/api/v1/venues", tags=["venues"])

Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Readable = AfterValidator(readable)


class NewVenue(BaseModel):
    """`region` is the county of jurisdiction and of the code; `licence` the number of the entertainment licence."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    region: Region
    name: Annotated[str, Field(min_length=1, max_length=100), Readable]
    address: Annotated[str, Field(min_length=1, max_length=200), Readable]
    credit_code: Annotated[str, Field(max_length=18)]
    licence: Annotated[str, Field(min_length=1, max_length=40), Readable]
    rooms: Annotated[int, Field(ge=1, le=1000)]


class VenueShown(BaseModel):
    venue: str
    region: str
    name: str
    address: str
    credit_code: str
    licence: str
    rooms: int
    added_at_ms: int


class Venues(BaseModel):
    """One page; ask again with `after` = the last code. `count` is of all pages."""

    venues: list[VenueShown]
    count: int


@router.post("", status_code=201)
def add_venue(body: NewVenue, call: Annotated[Call, needs(Action.VENUE_MANAGE)]) -> VenueShown:
    """Register a venue and give it its code; the same venue again gets the same code."""
    require_credit_code(body.credit_code)
    with call.writing() as act:
        act.require(body.region)
        month = datetime.datetime.fromtimestamp(act.now_ms / 1000, datetime.UTC).strftime("%Y-%m")
        if not call.fleet.regions.issues_venue_codes(body.region, month):
            raise ProblemError("REGION_UNKNOWN", "venues are registered in counties in use")
        return _shown(store.add(act, body.model_dump()))


@router.get("")
def list_venues(
    call: Annotated[Call, needs(Action.VENUE_READ)],
    region: Region = "000000",
    text: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=15)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Venues:
    """Venues of the caller's regions, by code."""
    with call.reading() as act:
        found = store.list_venues(act, region=region, text=text, after=after, limit=limit)
        return Venues(venues=[_shown(venue) for venue in found], count=store.count(act, region=region, text=text))


@router.get("/{venue}")
def show_venue(venue: str, call: Annotated[Call, needs(Action.VENUE_READ)]) -> VenueShown:
    """One venue, by its code; a mistyped code is told from an unknown one."""
    with call.reading() as act:
        return _shown(store.one(act, venue))


def _shown(venue: store.Venue) -> VenueShown:
    return VenueShown(**asdict(venue))
