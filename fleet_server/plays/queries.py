"""What people are shown of plays; every function is restricted to the actor's regions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, and_, cast, func, select, tuple_

from fleet_server.people import Act, below
from fleet_server.plays.incidents import Incident, list_incidents
from fleet_server.plays.model import incidents, journals, meters, plays

GROUPS = ("venue", "day", "room", "song", "kind")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which plays. Days are business days, both included; `counted_only` leaves out what is not charged."""

    venue: str | None = None
    region: str | None = None
    song: str | None = None
    room: str | None = None
    kind: str | None = None
    first_day: str | None = None
    last_day: str | None = None
    counted_only: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """One play of the ledger. `play` is the box's own number (SPEC 9.4); what has not ended has no end."""

    id: int
    box: str
    play: str
    venue: str
    region: str
    day: str
    room: str
    song: str
    kind: str
    started_at_ms: int
    time_quality: str
    ended_at_ms: int | None
    played_s: int | None
    reason: str | None
    counted: bool


@dataclass(frozen=True, slots=True)
class Count:
    """Sums of one group; what was not grouped by is None."""

    venue: str | None
    day: str | None
    room: str | None
    song: str | None
    kind: str | None
    plays: int
    counted: int
    played_s: int


@dataclass(frozen=True, slots=True)
class Meter:
    """A venue's business day as it was metered when the entries came; `counted` must be the ledger's."""

    venue: str
    day: str
    region: str
    started: int
    ended: int
    counted: int
    played_s: int
    refused: int


def list_plays(act: Act, wanted: Wanted, *, after: int = 0, limit: int = 1000) -> list[Play]:
    """In the order in which they reached the ledger; `after` is the last id of the page before."""
    query = select(plays).where(_condition(act, wanted), plays.c.id > after).order_by(plays.c.id).limit(limit)
    return [_play(row) for row in act.connection.execute(query)]


def latest_plays(act: Act, wanted: Wanted, *, before: tuple[int, int] | None = None, limit: int = 100) -> list[Play]:
    """The latest starts first; `before` is start and id of the last play of the page before."""
    order = (plays.c.started_at_ms.desc(), plays.c.id.desc())
    query = select(plays).where(_condition(act, wanted)).order_by(*order).limit(limit)
    if before is not None:
        query = query.where(tuple_(plays.c.started_at_ms, plays.c.id) < before)
    return [_play(row) for row in act.connection.execute(query)]


def count_plays(act: Act, wanted: Wanted) -> int:
    query = select(func.count()).select_from(plays).where(_condition(act, wanted))
    return int(act.connection.execute(query).scalar_one())


def running_plays(act: Act, wanted: Wanted) -> list[Play]:
    """Started and not ended, as far as the boxes have told."""
    query = select(plays).where(_condition(act, wanted), plays.c.ended_at_ms.is_(None))
    return [_play(row) for row in act.connection.execute(query.order_by(plays.c.room))]


def counts(act: Act, wanted: Wanted, by: tuple[str, ...]) -> list[Count]:
    """Sums by the named columns of GROUPS, for comparison with what somebody else has counted."""
    columns = [plays.c[name] for name in by]
    sums = (
        func.count().label("plays"),
        func.coalesce(func.sum(cast(plays.c.counted, Integer)), 0).label("counted"),
        func.coalesce(func.sum(plays.c.played_s), 0).label("played_s"),
    )
    query = select(*columns, *sums).where(_condition(act, wanted)).group_by(*columns).order_by(*columns)
    nothing: dict[str, Any] = dict.fromkeys(GROUPS)
    return [Count(**(nothing | row._asdict())) for row in act.connection.execute(query)]


def list_meters(act: Act, wanted: Wanted) -> list[Meter]:
    """By day and venue; of `wanted` only place and days count."""
    where = [act.visible(meters.c.region)]
    if wanted.region:
        where.append(below(wanted.region, meters.c.region))
    if wanted.venue:
        where.append(meters.c.venue == wanted.venue)
    if wanted.first_day:
        where.append(meters.c.day >= wanted.first_day)
    if wanted.last_day:
        where.append(meters.c.day <= wanted.last_day)
    query = select(meters).where(*where).order_by(meters.c.day, meters.c.venue)
    return [Meter(**row._asdict()) for row in act.connection.execute(query)]


def incidents_of(act: Act, box: str, limit: int = 20) -> list[Incident]:
    """Of one box, the newest first."""
    return list_incidents(act.connection, act.visible(incidents.c.region), limit, box)


def journal_size(act: Act, box: str) -> tuple[int, int]:
    """Epoch and number of entries that this server has of the box; 0, 0 if none."""
    query = select(journals.c.epoch, journals.c.size).where(journals.c.box == box)
    row = act.connection.execute(query.order_by(journals.c.epoch.desc()).limit(1)).one_or_none()
    return (row.epoch, row.size) if row else (0, 0)


def _condition(act: Act, wanted: Wanted) -> ColumnElement[bool]:
    where = [act.visible(plays.c.region)]
    for name in ("venue", "song", "room", "kind"):
        value = getattr(wanted, name)
        if value is not None:
            where.append(plays.c[name] == value)
    if wanted.region is not None:
        where.append(below(wanted.region, plays.c.region))
    if wanted.first_day is not None:
        where.append(plays.c.day >= wanted.first_day)
    if wanted.last_day is not None:
        where.append(plays.c.day <= wanted.last_day)
    if wanted.counted_only:
        where.append(plays.c.counted)
    return and_(*where)


def _play(row: Row[Any]) -> Play:
    shown = {name: getattr(row, name) for name in Play.__slots__ if name != "play"}
    return Play(play=f"{row.epoch}-{row.seq}", **shown)
