"""Tables of rollouts. The bundles themselves are TUF targets; this server adds no trust to them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table

from fleet_server.database import metadata

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", String(32), nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("created_by", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deadline_at_ms", BigInteger, nullable=False),
)

rollout_legs = Table(
    "rollout_legs",
    metadata,
    Column("rollout", Integer, ForeignKey("rollouts.id"), primary_key=True),
    Column("box", String(36), primary_key=True, index=True),
    Column("region", String(6), nullable=False, index=True),
    Column("venue", String(15), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(40), nullable=False),
    Column("boot_before", BigInteger, nullable=False),  # confirmed takes a later boot
    Column("sent_at_ms", BigInteger),
    Column("changed_at_ms", BigInteger, nullable=False),
)
