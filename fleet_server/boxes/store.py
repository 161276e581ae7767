"""The register of boxes."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, update

from fleet_server.boxes.model import box_certificates, box_reports, boxes
from fleet_server.boxes.status import OCCUPYING, OPERATOR_MAY, Status
from fleet_server.http_errors import ProblemError
from fleet_server.people import Act, below


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A registered box; `venue` is None before its claim, `reported_at_ms` before its first report."""

    box: str
    status: Status
    region: str
    venue: str | None
    registered_at_ms: int
    claimed_at_ms: int | None
    certificate_until_ms: int | None
    reported_at_ms: int | None
    state: str | None
    version: str | None


def register(act: Act, box: str, keyid: str, idevid: bytes, region: str) -> Box:
    """Take a box from the factory's log; again, the same. Raises ProblemError ALREADY_ENROLLED."""
    known = act.connection.execute(select(boxes).where((boxes.c.box == box) | (boxes.c.idevid_keyid == keyid)))
    rows = known.all()
    if rows:
        # A second identity for a box, or one key in two boxes, is a clone or a mix-up: for people to look at.
        if len(rows) != 1 or (rows[0].box, rows[0].idevid) != (box, idevid):
            raise ProblemError("ALREADY_ENROLLED", box)
        act.require(rows[0].region)
    else:
        values = {"status": Status.REGISTERED.value, "region": region, "idevid_keyid": keyid}
        act.connection.execute(insert(boxes).values(box=box, idevid=idevid, registered_at_ms=act.now_ms, **values))
        act.record(f"box:{box}", region, after=values, action="box.register")
    found = find(act.connection, box)
    assert found is not None
    return found


def set_status(act: Act, box: str, status: Status, reason: str) -> Box:
    """Raises ProblemError NOT_FOUND, NOT_PERMITTED, CONFLICT."""
    found = find(act.connection, box)
    if found is None:
        raise ProblemError("NOT_FOUND")
    act.require(found.region)
    if found.status == status:
        return found
    if status not in OPERATOR_MAY[found.status]:
        raise ProblemError("CONFLICT", f"{found.status} cannot become {status}")
    act.connection.execute(update(boxes).where(boxes.c.box == box).values(status=status.value))
    act.record(
        f"box:{box}",
        found.region,
        before={"status": found.status.value},
        after={"status": status.value},
        reason=reason,
        action=f"box.{status.value}",
    )
    changed = find(act.connection, box)
    assert changed is not None
    return changed


def one(act: Act, box: str) -> Box:
    """Raises ProblemError NOT_FOUND."""
    row = act.connection.execute(_query().where(boxes.c.box == box, act.visible(boxes.c.region))).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return _box(row)


def at_venue(act: Act, venue: str) -> Box | None:
    """The box that stands there, if the actor may see it."""
    where = and_(_stands_at(venue), act.visible(boxes.c.region))
    row = act.connection.execute(_query().where(where)).one_or_none()
    return None if row is None else _box(row)


def find(connection: Connection, box: str) -> Box | None:
    """Without asking who wants to know: for what the server itself decides."""
    row = connection.execute(_query().where(boxes.c.box == box)).one_or_none()
    return None if row is None else _box(row)


def find_at_venue(connection: Connection, venue: str) -> Box | None:
    """As `find`, by the venue where the box stands."""
    row = connection.execute(_query().where(_stands_at(venue))).one_or_none()
    return None if row is None else _box(row)


def list_boxes(
    act: Act, *, region: str = "000000", status: Status | None = None, after: str = "", limit: int = 100
) -> list[Box]:
    """Boxes of the actor's regions, by id."""
    query = _query().where(_wanted(act, region, status), boxes.c.box > after).order_by(boxes.c.box).limit(limit)
    return [_box(row) for row in act.connection.execute(query)]


def count(act: Act, *, region: str = "000000", status: Status | None = None) -> int:
    """How many `list_boxes` would list in all."""
    query = select(func.count()).select_from(boxes).where(_wanted(act, region, status))
    return act.connection.execute(query).scalar_one()


def _wanted(act: Act, region: str, status: Status | None) -> ColumnElement[bool]:
    found = and_(act.visible(boxes.c.region), below(region, boxes.c.region))
    return found if status is None else and_(found, boxes.c.status == status.value)


def _stands_at(venue: str) -> ColumnElement[bool]:
    return and_(boxes.c.venue == venue, boxes.c.status.in_([status.value for status in OCCUPYING]))


def _query() -> Select[Any]:
    until = (
        select(func.max(box_certificates.c.not_after_ms))
        .where(box_certificates.c.box == boxes.c.box)
        .scalar_subquery()
        .label("certificate_until_ms")
    )
    return select(
        boxes.c.box,
        boxes.c.status,
        boxes.c.region,
        boxes.c.venue,
        boxes.c.registered_at_ms,
        boxes.c.claimed_at_ms,
        until,
        box_reports.c.received_at_ms.label("reported_at_ms"),
        box_reports.c.state,
        box_reports.c.version,
    ).outerjoin(box_reports, box_reports.c.box == boxes.c.box)


def _box(row: Row[Any]) -> Box:
    return Box(**{**row._asdict(), "status": Status(row.status)})
