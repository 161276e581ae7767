"""The register of venues.

Rules (domain C3): a code is allocated per county, its sequence is never used again; one licence is one venue; adding
the same venue again gives the same code, adding another under its licence is a conflict.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from device.protocol.venue_code import SEQUENCE_MAX, format_venue_code, require_venue_code
from fleet_server.http_errors import ProblemError
from fleet_server.people import Act, below
from fleet_server.venues.model import venue_sequences, venues


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One row of the register; `region` is who has jurisdiction today."""

    venue: str
    region: str
    name: str
    address: str
    credit_code: str
    licence: str
    rooms: int
    added_at_ms: int


def add(act: Act, facts: dict[str, object]) -> Venue:
    """Register a venue; `facts` are its columns but code and time. Raises ProblemError VENUE_..."""
    known = act.connection.execute(select(venues).where(venues.c.licence == facts["licence"])).one_or_none()
    if known is not None:
        venue = _venue(known)
        if all(getattr(venue, name) == value for name, value in facts.items()):
            return venue
        raise ProblemError("VENUE_EXISTS", "one licence is one venue")
    region = str(facts["region"])
    code = format_venue_code(region, _next_sequence(act.connection, region))
    act.connection.execute(insert(venues).values(venue=code, added_at_ms=act.now_ms, **facts))
    act.record(f"venue:{code}", region, after=facts, action="venue.add")
    row = act.connection.execute(select(venues).where(venues.c.venue == code)).one()
    return _venue(row)


def one(act: Act, venue: str) -> Venue:
    """Raises MalformedError VENUE_CODE_FORM, VENUE_CODE_CHECK; ProblemError NOT_FOUND."""
    require_venue_code(venue)
    row = act.connection.execute(
        select(venues).where(venues.c.venue == venue, act.visible(venues.c.region))
    ).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return _venue(row)


def find(connection: Connection, venue: str) -> Venue | None:
    """Without asking who wants to know: for what the server itself decides."""
    row = connection.execute(select(venues).where(venues.c.venue == venue)).one_or_none()
    return None if row is None else _venue(row)


def region_of(connection: Connection, venue: str) -> str | None:
    """Jurisdiction today."""
    return connection.scalar(select(venues.c.region).where(venues.c.venue == venue))


def list_venues(act: Act, *, region: str = "000000", text: str = "", after: str = "", limit: int = 100) -> list[Venue]:
    """Venues of the actor's regions, by code; `text` is part of name, address, code or licence."""
    query = select(venues).where(_wanted(act, region, text), venues.c.venue > after)
    return [_venue(row) for row in act.connection.execute(query.order_by(venues.c.venue).limit(limit))]


def count(act: Act, *, region: str = "000000", text: str = "") -> int:
    """How many `list_venues` would list in all."""
    query = select(func.count()).select_from(venues).where(_wanted(act, region, text))
    return act.connection.execute(query).scalar_one()


def _wanted(act: Act, region: str, text: str) -> ColumnElement[bool]:
    found = and_(act.visible(venues.c.region), below(region, venues.c.region))
    if not text:
        return found
    columns = (venues.c.name, venues.c.address, venues.c.venue, venues.c.licence)
    return and_(found, or_(*(column.contains(text, autoescape=True) for column in columns)))


def _next_sequence(connection: Connection, region: str) -> int:
    upsert = insert_or(venue_sequences).values(region=region, last=1)
    upsert = upsert.on_conflict_do_update(index_elements=["region"], set_={"last": venue_sequences.c.last + 1})
    connection.execute(upsert)
    query = select(venue_sequences.c.last).where(venue_sequences.c.region == region)
    sequence = int(connection.execute(query).scalar_one())
    if sequence > SEQUENCE_MAX:
        raise ProblemError("VENUE_SEQUENCE_USED_UP", region)
    return sequence


def _venue(row: Row[Any]) -> Venue:
    return Venue(**row._asdict())
