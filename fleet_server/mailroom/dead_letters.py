"""Messages that could not be taken: the reason, the first bytes, and how often.

A box that sends the same again raises a count. A box that sends ever new rubbish fills LETTERS_PER_BOX_MAX rows; what
comes after that is counted on the last row of its code. (Kinds are words of the sender; only codes are few.)
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from device.protocol.errors import ProtocolError
from fleet_server.mailroom.model import dead_letters

LETTER_BYTES_MAX = 8_192
LETTERS_PER_BOX_MAX = 200
DETAIL_CHARS_MAX = 500


def keep(connection: Connection, box: str, kind: str, payload: bytes, error: ProtocolError, now_ms: int) -> None:
    """Set a message aside, or count it if it is known."""
    box, kind = box[:64], kind[:64]
    digest = hashlib.sha256(payload).hexdigest()
    table = dead_letters.c
    of_code = (table.box == box, table.code == error.code)
    held = connection.scalar(select(func.count()).where(table.box == box)) or 0
    if held >= LETTERS_PER_BOX_MAX:
        newest = connection.scalar(select(func.max(table.id)).where(*of_code))
        same = connection.scalar(select(table.id).where(*of_code, table.kind == kind, table.digest == digest))
        if same is None and newest is not None:
            counted = {"count": table.count + 1, "last_at_ms": now_ms}
            connection.execute(update(dead_letters).where(table.id == newest).values(counted))
            return
    row = {
        "box": box,
        "kind": kind,
        "code": error.code,
        "detail": error.detail[:DETAIL_CHARS_MAX],
        "payload": payload[:LETTER_BYTES_MAX],
        "digest": digest,
        "first_at_ms": now_ms,
        "last_at_ms": now_ms,
        "count": 1,
    }
    again = {"count": table.count + 1, "last_at_ms": now_ms}
    connection.execute(insert(dead_letters).values(row).on_conflict_do_update(set_=again))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One kind of rubbish from one box."""

    id: int
    box: str
    kind: str
    code: str
    detail: str
    digest: str
    first_at_ms: int
    last_at_ms: int
    count: int


def list_letters(connection: Connection, limit: int) -> list[DeadLetter]:
    """The newest first."""
    shown = [dead_letters.c[name] for name in DeadLetter.__dataclass_fields__]
    found = select(*shown).order_by(dead_letters.c.last_at_ms.desc()).limit(limit)
    return [DeadLetter(**row._mapping) for row in connection.execute(found)]
