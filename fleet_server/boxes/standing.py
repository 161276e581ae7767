"""In which state each venue is, as far as its box has said: for lists and counts.

The state is that of the box's last report; `offline` if the box has not been heard of for ONLINE_FOR_MS (whatever it
said before may be true no more), `no-box` where none stands or none has ever reported.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select

from device.protocol.uplink import Report
from fleet_server.boxes.model import box_reports, boxes
from fleet_server.boxes.reports import ONLINE_FOR_MS, RESTRICTED
from fleet_server.boxes.status import OCCUPYING
from fleet_server.people import Act
from fleet_server.venues.model import venues

OFFLINE, NO_BOX = "offline", "no-box"
STATES = ("in-service", "ready", "locked", "closed", "expired", RESTRICTED, "failed", OFFLINE, "unclaimed", NO_BOX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A venue with what its box last said; `report` is None where `state` is `no-box`."""

    venue: str
    name: str
    region: str
    rooms: int
    state: str
    box: str | None
    report: Report | None
    reported_at_ms: int | None


def list_standings(act: Act, *, state: str = "", text: str = "", after: str = "", limit: int = 100) -> list[Standing]:
    """Venues of the actor's regions, by code; `text` is part of name or code."""
    query = _query(act.now_ms).where(_wanted(act, state, text), venues.c.venue > after)
    return [_standing(row) for row in act.connection.execute(query.order_by(venues.c.venue).limit(limit))]


def standing_of(act: Act, venue: str) -> Standing | None:
    """One venue, if the actor may see it."""
    row = act.connection.execute(_query(act.now_ms).where(_wanted(act, "", ""), venues.c.venue == venue)).one_or_none()
    return None if row is None else _standing(row)


def count_by_state(act: Act, *, text: str = "") -> dict[str, int]:
    """How many venues `list_standings` would list in each state; states without any are left out."""
    state = _state(act.now_ms)
    query = _joined(select(state.label("state"), func.count().label("venues"))).where(_wanted(act, "", text))
    return {row.state: row.venues for row in act.connection.execute(query.group_by(state))}


def _query(now_ms: int) -> Select[*tuple[Any, ...]]:
    return _joined(
        select(
            venues.c.venue,
            venues.c.name,
            venues.c.region,
            venues.c.rooms,
            _state(now_ms).label("state"),
            boxes.c.box,
            box_reports.c.report,
            box_reports.c.received_at_ms,
        )
    )


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    stands = and_(boxes.c.venue == venues.c.venue, boxes.c.status.in_([status.value for status in OCCUPYING]))
    joined = venues.outerjoin(boxes, stands).outerjoin(box_reports, box_reports.c.box == boxes.c.box)
    return query.select_from(joined)


def _state(now_ms: int) -> ColumnElement[str]:
    return case(
        (box_reports.c.state.is_(None), NO_BOX),
        (box_reports.c.received_at_ms < now_ms - ONLINE_FOR_MS, OFFLINE),
        else_=box_reports.c.state,
    )


def _wanted(act: Act, state: str, text: str) -> ColumnElement[bool]:
    found = act.visible(venues.c.region)
    if state:
        found = and_(found, _state(act.now_ms) == state)
    if text:
        named = (column.contains(text, autoescape=True) for column in (venues.c.name, venues.c.venue))
        found = and_(found, or_(*named))
    return found


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        venue=row.venue,
        name=row.name,
        region=row.region,
        rooms=row.rooms,
        state=row.state,
        box=row.box,
        report=None if row.report is None else Report.decode(row.report),
        reported_at_ms=row.received_at_ms,
    )
