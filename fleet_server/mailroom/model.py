"""The table of dead letters."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, UniqueConstraint

from fleet_server.database import metadata

# Messages that could not be taken, with the reason; the same one again is counted.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("box", String(64), nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("code", String(40), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("payload", LargeBinary, nullable=False),  # the first LETTER_BYTES_MAX
    Column("digest", String(64), nullable=False),
    Column("first_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    UniqueConstraint("box", "kind", "code", "digest"),
)
