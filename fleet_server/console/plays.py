"""Plays: the ledger by venue, song and days; and a line about a play, for the pages that show a few."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fleet_server import catalog, plays, venues
from fleet_server.console import frame
from fleet_server.console.instants import days_from
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Act, Action, Call, needs
from fleet_server.plays import Play, Wanted

ROWS_PER_PAGE = 50
DIGITS_MAX = 15

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Text = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayView:
    play: Play
    title: str  # empty if the song list does not have it any more
    venue_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaysView:
    """The latest plays, and how many this business day has."""

    started: int
    counted: int
    latest: list[PlayView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    venue: str
    song: str
    first_day: str
    last_day: str
    has_bad_day: bool
    rows: list[PlayView]
    started: int
    counted: int
    more: str  # address of the next page, empty on the last
    export: str  # address of the same plays as CSV, empty where the reader may not


@router.get("/plays")
def list_plays(
    request: Request,
    call: Annotated[Call, needs(Action.PLAYS_READ)],
    venue: Text = "",
    song: Text = "",
    first_day: Text = "",
    last_day: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """The latest first; the query stands in the address. Days are business days (plays/business_day.py)."""
    typed = {"venue": venue.strip().upper(), "song": song.strip(), "first_day": first_day, "last_day": last_day}
    asked = {name: text for name, text in typed.items() if text}
    view = read(call, Action.PLAYS_READ, lambda act: _list(act, asked, before))
    return frame.page(request, call, "plays.html", view=view)


def latest(act: Act, wanted: Wanted, limit: int, before: tuple[int, int] | None = None) -> list[PlayView]:
    """Lines with titles and names."""
    found = plays.latest_plays(act, wanted, before=before, limit=limit)
    titles = catalog.titles(act.connection, {play.song for play in found})
    names: dict[str, str] = {}
    for code in {play.venue for play in found}:
        venue = venues.find(act.connection, code)
        names[code] = venue.name if venue else code
    return [
        PlayView(play=play, title=titles.get(play.song, ("", ""))[0], venue_name=names[play.venue]) for play in found
    ]


def plays_view(act: Act, venue: str | None, limit: int) -> PlaysView:
    """Of one venue, or of all that the actor sees."""
    day = plays.business_day(act.now_ms)
    meters = plays.list_meters(act, Wanted(venue=venue, first_day=day, last_day=day))
    return PlaysView(
        started=sum(meter.started for meter in meters),
        counted=sum(meter.counted for meter in meters),
        latest=latest(act, Wanted(venue=venue), limit),
    )


def _list(act: Act, asked: dict[str, str], before: str) -> ListView:
    days = {name: text for name, text in asked.items() if name.endswith("_day")}
    bad = {name for name, text in days.items() if days_from(text) is None}
    sound = {name: text for name, text in asked.items() if name not in bad}
    wanted = Wanted(
        venue=sound.get("venue"),
        song=sound.get("song"),
        first_day=sound.get("first_day"),
        last_day=sound.get("last_day"),
    )
    rows = latest(act, wanted, ROWS_PER_PAGE + 1, _position(before))
    shown = rows[:ROWS_PER_PAGE]
    (sums,) = plays.counts(act, wanted, ())
    may_export = bool(act.actor.regions(Action.PLAYS_EXPORT))
    return ListView(
        venue=asked.get("venue", ""),
        song=asked.get("song", ""),
        first_day=sound.get("first_day", ""),
        last_day=sound.get("last_day", ""),
        has_bad_day=bool(bad),
        rows=shown,
        started=sums.plays,
        counted=sums.counted,
        more=f"/plays?{urlencode({**asked, 'before': _after(shown[-1].play)})}" if len(rows) > ROWS_PER_PAGE else "",
        export=f"/api/v1/plays.csv?{urlencode(asked)}" if may_export and not bad else "",
    )


def _after(play: Play) -> str:
    return f"{play.started_at_ms}-{play.id}"


def _position(text: str) -> tuple[int, int] | None:
    """Where the next page begins; a text of another form is the first page."""
    started, _, number = text.partition("-")
    if all(part.isascii() and part.isdigit() and len(part) <= DIGITS_MAX for part in (started, number)):
        return int(started), int(number)
    return None
