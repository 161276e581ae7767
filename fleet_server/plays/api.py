"""HTTP: the ledger of plays, incidents, dead letters."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from device.protocol.regions import COUNTRY_CODE
from fleet_server.http_errors import ProblemError
from fleet_server.mailroom import dead_letters
from fleet_server.people import Action, Call, needs
from fleet_server.plays import incidents, queries
from fleet_server.plays.business_day import begin_ms
from fleet_server.plays.model import incidents as incident_table
from fleet_server.plays.table_file import csv_head, csv_rows

PAGE_MAX = 5000

router = APIRouter(prefix="/api/v1", tags=["plays"])

Region = Annotated[str | None, Query(pattern=r"^[0-9]{6}$")]
Day = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Short = Annotated[str | None, Query(max_length=36)]


class Plays(BaseModel):
    """One page; ask again with `after` = the last id. `count` is of all pages."""

    plays: list[queries.Play]
    count: int


class Counts(BaseModel):
    counts: list[queries.Count]


class Meters(BaseModel):
    meters: list[queries.Meter]


class Incidents(BaseModel):
    """The newest first."""

    incidents: list[incidents.Incident]


class DeadLetters(BaseModel):
    """The latest first."""

    dead_letters: list[dead_letters.DeadLetter]


def _wanted(
    venue: Short = None,
    region: Region = None,
    song: Short = None,
    room: Short = None,
    kind: Short = None,
    first_day: Day = None,
    last_day: Day = None,
    counted_only: bool = False,
) -> queries.Wanted:
    for day in (first_day, last_day):
        _require_day(day)
    return queries.Wanted(venue, region, song, room, kind, first_day, last_day, counted_only)


Wanted = Annotated[queries.Wanted, Depends(_wanted)]


@router.get("/plays")
def list_plays(
    wanted: Wanted,
    call: Annotated[Call, needs(Action.PLAYS_READ)],
    after: Annotated[int, Query(ge=0, lt=1 << 53)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 1000,
) -> Plays:
    """Plays of the caller's regions, in the order in which they came in. Days are business days."""
    with call.reading() as act:
        found = queries.list_plays(act, wanted, after=after, limit=limit)
        return Plays(plays=found, count=queries.count_plays(act, wanted))


@router.get("/plays/counts")
def count_plays(
    wanted: Wanted,
    call: Annotated[Call, needs(Action.PLAYS_READ)],
    by: Annotated[str, Query(max_length=40)] = "room,song",
) -> Counts:
    """Sums by venue, day, room, song, kind or several of them."""
    groups = tuple(by.split(","))
    if not set(groups) <= set(queries.GROUPS) or len(set(groups)) != len(groups):
        raise ProblemError("FIELDS_INVALID", f"by must be of {', '.join(queries.GROUPS)}")
    with call.reading() as act:
        return Counts(counts=queries.counts(act, wanted, groups))


@router.get("/plays/meters")
def list_meters(wanted: Wanted, call: Annotated[Call, needs(Action.PLAYS_READ)]) -> Meters:
    """What each venue's business days come to."""
    with call.reading() as act:
        return Meters(meters=queries.list_meters(act, wanted))


@router.get("/plays.csv", response_class=StreamingResponse)
def export_plays(wanted: Wanted, call: Annotated[Call, needs(Action.PLAYS_EXPORT)]) -> StreamingResponse:
    """The same plays as a table for spreadsheets; who took it, and which, is on record."""
    with call.writing() as act:
        asked = " ".join(f"{name}={value}" for name, value in asdict(wanted).items() if value)
        act.record("plays", wanted.region or COUNTRY_CODE, reason=asked)

    def chunks() -> Iterator[bytes]:
        """A page is one transaction: a reader that is slow holds none, and each lives in one thread."""
        yield csv_head()
        after = 0
        while True:
            with call.reading() as act:
                page = queries.list_plays(act, wanted, after=after, limit=PAGE_MAX)
            if not page:
                return
            after = page[-1].id
            yield csv_rows(page)

    headers = {"Content-Disposition": 'attachment; filename="plays.csv"'}
    return StreamingResponse(chunks(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/incidents")
def list_incidents(
    call: Annotated[Call, needs(Action.PLAYS_READ)],
    box: Short = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Incidents:
    """Journals that contradict themselves, and pieces that are missing."""
    with call.reading() as act:
        found = incidents.list_incidents(act.connection, act.visible(incident_table.c.region), limit, box)
        return Incidents(incidents=found)


@router.get("/dead-letters")
def list_dead_letters(
    call: Annotated[Call, needs(Action.BOX_READ)], limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100
) -> DeadLetters:
    """Messages that could not be taken, with the reason; for those over the whole country."""
    with call.reading() as act:
        act.require("000000")
        found = dead_letters.list_letters(act.connection, limit)
        return DeadLetters(dead_letters=found)


def _require_day(day: str | None) -> None:
    if day is not None:
        try:
            begin_ms(day)
        except ValueError as error:
            raise ProblemError("FIELDS_INVALID", "a day is YYYY-MM-DD") from error
