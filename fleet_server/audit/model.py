"""The audit table; triggers of migration 0001 forbid UPDATE and DELETE on it."""

from sqlalchemy import BigInteger, Column, String, Table

from fleet_server.database import metadata

audit_rows = Table(
    "audit_rows",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # from 1, without gap
    Column("region", String(6), nullable=False, index=True),
    Column("action", String(64), nullable=False),
    Column("subject", String(200), nullable=False, index=True),
    Column("row", String, nullable=False),  # the exact text that the chain covers
    Column("chain", String(64), nullable=False),
)
