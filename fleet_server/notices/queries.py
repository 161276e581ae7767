"""What people are shown of notices; every function is restricted to the actor's regions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from device.protocol.notices import Notice
from fleet_server.http_errors import ProblemError
from fleet_server.notices.model import notice_venues, notices
from fleet_server.people import Act


@dataclass(frozen=True, slots=True)
class NoticeFound:
    """A notice and how far it has come, in the actor's regions."""

    notice: Notice
    document: str
    sent_at_ms: int
    venues: int
    delivered: int
    shown: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class AtVenue:
    """A notice at one venue. `delivered_at_ms` is this server's instant, the others the box's."""

    notice: str
    venue: str
    region: str
    box: str | None
    delivered_at_ms: int | None
    shown_at_ms: int | None
    acknowledged_at_ms: int | None
    result: str | None
    code: str | None


def list_notices(act: Act, *, venue: str | None = None, after: str = "", limit: int = 100) -> list[NoticeFound]:
    """The newest first; `after` is the last number of the page before."""
    query = select(notices).where(_visible(act))
    if venue:
        told = and_(notice_venues.c.venue == venue, act.visible(notice_venues.c.region))
        query = query.where(notices.c.notice.in_(select(notice_venues.c.notice).where(told)))
    if after:
        last = select(notices.c.sent_at_ms).where(notices.c.notice == after).scalar_subquery()
        same = and_(notices.c.sent_at_ms == last, notices.c.notice < after)
        query = query.where(or_(notices.c.sent_at_ms < last, same))
    query = query.order_by(notices.c.sent_at_ms.desc(), notices.c.notice.desc()).limit(limit)
    return [_found(act, row) for row in act.connection.execute(query).all()]


def count_notices(act: Act) -> int:
    return int(act.connection.execute(select(func.count()).select_from(notices).where(_visible(act))).scalar_one())


def one_notice(act: Act, number: str) -> NoticeFound:
    """Raises ProblemError NOT_FOUND."""
    row = act.connection.execute(select(notices).where(notices.c.notice == number, _visible(act))).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return _found(act, row)


def at_venues(act: Act, number: str, *, venue: str | None = None, after: str = "", limit: int = 1000) -> list[AtVenue]:
    """By venue code, those that the actor may see, or the one that is named."""
    here = and_(notice_venues.c.notice == number, notice_venues.c.venue > after)
    if venue is not None:
        here = and_(here, notice_venues.c.venue == venue)
    query = select(notice_venues).where(here, act.visible(notice_venues.c.region))
    rows = act.connection.execute(query.order_by(notice_venues.c.venue).limit(limit))
    return [AtVenue(**{name: getattr(row, name) for name in AtVenue.__slots__}) for row in rows]


def _visible(act: Act) -> ColumnElement[bool]:
    touched = select(notice_venues.c.notice).where(act.visible(notice_venues.c.region))
    return or_(act.visible(notices.c.authority), notices.c.notice.in_(touched))


def _found(act: Act, row: Row[Any]) -> NoticeFound:
    column = notice_venues.c
    numbers = act.connection.execute(
        select(
            func.count(),
            func.count(column.delivered_at_ms),
            func.count(column.shown_at_ms),
            func.count(column.acknowledged_at_ms),
        ).where(column.notice == row.notice, act.visible(column.region))
    ).one()
    return NoticeFound(Notice.decode(row.payload), row.document, row.sent_at_ms, *numbers)
