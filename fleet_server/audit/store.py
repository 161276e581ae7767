"""Writing and reading audit rows.

The row is JSON: {n, at_ms, actor, person, session, ip, action, region, subject, before, after, reason,
request_id}; `before` and `after` are hashes of what was there and what is, for those who can show it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, insert, select

from fleet_server.audit.chain import FIRST, Link, next_chain
from fleet_server.audit.model import audit_rows

if TYPE_CHECKING:  # people builds on audit
    from fleet_server.people import Act

Facts = Mapping[str, object]


def record(  # noqa: PLR0913 - a row has that many facts, all named
    connection: Connection,
    *,
    at_ms: int,
    actor: str,
    action: str,
    region: str,
    subject: str,
    before: Facts | None = None,
    after: Facts | None = None,
    reason: str = "",
    person: str = "",
    session: str = "",
    ip: str = "",
    request_id: str = "",
) -> None:
    """Append one row within the transaction of the change.

    Args:
        actor: account, or the name of the server's own task.
        subject: what it was done to, KIND:ID (`venue:J0131010100001Y`).
        region: region of the subject, which decides who may read the row.
        before: facts before the change; only their hash is kept, and so for `after`.
    """
    last = connection.execute(
        select(audit_rows.c.n, audit_rows.c.chain).order_by(audit_rows.c.n.desc()).limit(1)
    ).one_or_none()
    n, chain = (last.n + 1, last.chain) if last is not None else (1, FIRST)
    facts = {
        "n": n,
        "at_ms": at_ms,
        "actor": actor,
        "person": person,
        "session": session,
        "ip": ip,
        "action": action,
        "region": region,
        "subject": subject,
        "before": _digest(before),
        "after": _digest(after),
        "reason": reason,
        "request_id": request_id,
    }
    row = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    values = {"n": n, "region": region, "action": action, "subject": subject, "row": row}
    connection.execute(insert(audit_rows).values(**values, chain=next_chain(chain, n, row)))


def links(connection: Connection, after: int, limit: int) -> Sequence[Link]:
    """Rows from number `after` + 1 on, for verification."""
    query = select(audit_rows).where(audit_rows.c.n > after).order_by(audit_rows.c.n).limit(limit)
    return [Link(row.n, row.row, row.chain) for row in connection.execute(query)]


def latest(connection: Connection, visible: ColumnElement[bool], before: int, limit: int) -> list[str]:
    """Row texts below number `before`, the newest first."""
    query = select(audit_rows.c.row).where(visible, audit_rows.c.n < before)
    return list(connection.scalars(query.order_by(audit_rows.c.n.desc()).limit(limit)))


def latest_rows(act: "Act", before: int, limit: int) -> list[str]:
    """`latest` of the actor's regions."""
    return latest(act.connection, act.visible(audit_rows.c.region), before, limit)


def _digest(facts: Facts | None) -> str:
    if facts is None:
        return ""
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
