"""Incidents: what a box has signed and cannot both be true. Opened once, counted after, never overwritten."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from fleet_server.mailroom import Sender
from fleet_server.plays.model import incidents

DETAIL_CHARS_MAX = 500
INCIDENTS_PER_CODE_MAX = 100  # of one box; further ones are counted on the last


@dataclass(frozen=True, slots=True)
class Incident:
    """One finding. `count` says how often the same was sent; `closed_at_ms` is set for a gap that was filled."""

    id: int
    box: str
    venue: str
    region: str
    code: str
    epoch: int
    seq: int
    detail: str
    opened_at_ms: int
    last_at_ms: int
    count: int
    closed_at_ms: int | None


def open_incident(  # noqa: PLR0913 - where, what, the proof, when
    connection: Connection,
    sender: Sender,
    *,
    code: str,
    epoch: int,
    seq: int,
    detail: str,
    evidence: bytes,
    now_ms: int,
    claim: bytes = b"",
) -> None:
    """Open it against the box that has sent, or count it if it is known.

    Args:
        claim: what tells this finding from another at the same place; a box signs every try anew.
        evidence: the message as it came.
    """
    table = incidents.c
    again = {"count": table.count + 1, "last_at_ms": now_ms}
    of_box = (table.box == sender.box, table.code == code)
    if (connection.scalar(select(func.count()).where(*of_box)) or 0) >= INCIDENTS_PER_CODE_MAX:
        newest = select(func.max(table.id)).where(*of_box).scalar_subquery()
        connection.execute(update(incidents).where(table.id == newest).values(again))
        return
    row = {
        "box": sender.box,
        "venue": sender.venue,
        "region": sender.region or "000000",
        "code": code,
        "epoch": epoch,
        "seq": seq,
        "detail": detail[:DETAIL_CHARS_MAX],
        "evidence": evidence,
        "digest": hashlib.sha256(claim).hexdigest(),
        "opened_at_ms": now_ms,
        "last_at_ms": now_ms,
        "count": 1,
    }
    connection.execute(insert(incidents).values(row).on_conflict_do_update(set_=again))


def close_gaps(connection: Connection, box: str, epoch: int, size: int, now_ms: int) -> None:
    """Gaps before `size` are filled."""
    table = incidents.c
    filled = (table.box == box, table.epoch == epoch, table.code == "BATCH_GAP", table.seq <= size)
    connection.execute(update(incidents).where(*filled, table.closed_at_ms.is_(None)).values(closed_at_ms=now_ms))


def list_incidents(
    connection: Connection, visible: ColumnElement[bool], limit: int, box: str | None = None
) -> list[Incident]:
    """The newest first."""
    shown = [incidents.c[name] for name in Incident.__dataclass_fields__]
    found = select(*shown).where(visible).order_by(incidents.c.id.desc()).limit(limit)
    if box is not None:
        found = found.where(incidents.c.box == box)
    return [Incident(**row._mapping) for row in connection.execute(found)]
