"""The table of regional extensions; `id` is the number that boxes see rise."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from fleet_server.database import metadata

extensions = Table(
    "extensions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("region", String(6), nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("full_until_ms", BigInteger, nullable=False),
    Column("issued_by", String(32), nullable=False),  # an account, or `leases` for the server itself
    Column("reason", String(200), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

Index("ix_extensions_region", extensions.c.region)
