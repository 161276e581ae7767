"""Tables of people: persons act, accounts sign in, grants say who may do what where."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table

from fleet_server.database import metadata

persons = Table(
    "persons",
    metadata,
    Column("person", String(32), primary_key=True),  # SPEC 4.4; the same id as in the authority policy
    Column("name", String(64), nullable=False),
    Column("region", String(6), nullable=False, index=True),
    Column("added_at_ms", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(32), primary_key=True),
    Column("person", ForeignKey("persons.person"), nullable=False, index=True),
    Column("password_hash", String(200), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("person", ForeignKey("persons.person"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("region", String(6), primary_key=True),
    Column("granted_by", String(32), nullable=False),
    Column("granted_at_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account", ForeignKey("accounts.account"), nullable=False, index=True),
    Column("ip", String(64), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String(64), nullable=False, index=True),
    Column("ip", String(64), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
)
