"""Regional extensions: signed, numbered, kept for couriers."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select

from device.crypto.p256 import SigningKey
from device.protocol.envelope import seal
from device.protocol.lease import Extension
from device.protocol.regions import contains
from fleet_server.extensions.model import extensions


@dataclass(frozen=True, slots=True)
class Extended:
    """One extension, with the envelope that a courier carries."""

    id: int
    region: str
    issued_at_ms: int
    full_until_ms: int
    issued_by: str
    reason: str
    envelope: bytes


def issue(
    connection: Connection, key: SigningKey, *, region: str, for_ms: int, by: str, reason: str, now_ms: int
) -> Extended:
    """A new one, above every number before it; the caller holds the write lock."""
    number = int(connection.scalar(select(func.coalesce(func.max(extensions.c.id), 0))) or 0) + 1
    document = Extension(extension=number, region=region, issued_at_ms=now_ms, full_until_ms=now_ms + for_ms)
    envelope = seal("extension", document.encode(), [key]).encode()
    found = Extended(number, region, now_ms, document.full_until_ms, by, reason, envelope)
    connection.execute(insert(extensions).values({name: getattr(found, name) for name in Extended.__slots__}))
    return found


def list_extensions(connection: Connection, visible: ColumnElement[bool], limit: int) -> list[Extended]:
    """The newest first."""
    query = select(extensions).where(visible).order_by(extensions.c.id.desc()).limit(limit)
    return [Extended(**row._mapping) for row in connection.execute(query)]


def is_covered(connection: Connection, region: str, since_ms: int) -> bool:
    """Whether an extension was issued since then that holds for the whole region."""
    rows = connection.execute(select(extensions.c.region).where(extensions.c.issued_at_ms > since_ms))
    return any(contains(row.region, region) for row in rows)
