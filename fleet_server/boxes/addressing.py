"""Whom a document's scope means today: venues by their jurisdiction, and the boxes that stand there."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from device.protocol.orders import Scope
from device.protocol.regions import contains
from device.protocol.uplink import Report
from fleet_server.boxes.model import box_reports, boxes
from fleet_server.boxes.reports import is_online
from fleet_server.boxes.status import Status
from fleet_server.http_errors import ProblemError
from fleet_server.people import below
from fleet_server.venues.model import venues

VENUES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Addressee:
    """A venue that is meant; `box` is None where none stands."""

    venue: str
    name: str
    region: str
    box: str | None


@dataclass(frozen=True, slots=True)
class Impact:
    """What a document would touch if it were issued now. `rooms_busy` is the sum of the last reports."""

    venues: int
    boxes: int
    boxes_online: int
    rooms_busy: int
    names: list[str]


def addressees(connection: Connection, scope: Scope) -> list[Addressee]:
    """By venue code."""
    meant = below(scope.region, venues.c.region) if scope.region else venues.c.venue.in_(scope.venues)
    stands = and_(boxes.c.venue == venues.c.venue, boxes.c.status == Status.ACTIVE.value)
    query = select(venues.c.venue, venues.c.name, venues.c.region, boxes.c.box)
    query = query.select_from(venues.outerjoin(boxes, stands)).where(meant).order_by(venues.c.venue)
    return [Addressee(row.venue, row.name, row.region, row.box) for row in connection.execute(query)]


def require_jurisdiction(scope: Scope, found: list[Addressee], authority: str) -> None:
    """Every named venue exists and lies in the authority's region today. Raises ProblemError."""
    missing = set(scope.venues) - {addressee.venue for addressee in found}
    if missing:
        raise ProblemError("VENUE_UNKNOWN", min(missing))
    for addressee in found:
        if not contains(authority, addressee.region):
            raise ProblemError("ORDER_REGION", f"{addressee.venue} lies in {addressee.region}")


def impact(connection: Connection, found: list[Addressee], now_ms: int) -> Impact:
    reports = _last_reports(connection, [addressee.box for addressee in found if addressee.box])
    online = [report for report, at_ms in reports if is_online(at_ms, now_ms)]
    return Impact(
        venues=len(found),
        boxes=sum(addressee.box is not None for addressee in found),
        boxes_online=len(online),
        rooms_busy=sum(report.rooms_busy for report in online),
        names=[addressee.name for addressee in found[:VENUES_SHOWN_MAX]],
    )


def _last_reports(connection: Connection, names: list[str]) -> list[tuple[Report, int]]:
    query = select(box_reports.c.report, box_reports.c.received_at_ms).where(box_reports.c.box.in_(names))
    return [(Report.decode(row.report), row.received_at_ms) for row in connection.execute(query)]
