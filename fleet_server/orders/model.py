"""Tables of orders: the signed text, and what became of it at each venue."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from fleet_server.database import metadata

orders = Table(
    "orders",
    metadata,
    Column("order", String(18), primary_key=True),
    Column("state", String(10), nullable=False),  # draft, signed, issued, withdrawn
    Column("kind", String(8), nullable=False),
    Column("authority", String(6), nullable=False, index=True),
    Column("scope_region", String(6), nullable=False),  # empty if venues are named
    Column("drafted_by", String(32), nullable=False),
    Column("drafted_at_ms", BigInteger, nullable=False),
    Column("draft_until_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("ends_at_ms", BigInteger),
    Column("payload", LargeBinary, nullable=False),  # what is signed, byte for byte
    Column("document", String(64), nullable=False),
    Column("banned", Integer, nullable=False),  # what it takes of a box's BANNED_MAX
    Column("envelope", LargeBinary),  # with one signature, then with two
    Column("signed_at_ms", BigInteger),
    Column("approved_by", String(32)),
    Column("issued_at_ms", BigInteger),
    Column("withdrawn_at_ms", BigInteger),
)

# Which holds a resume or lift ends.
order_ends = Table(
    "order_ends",
    metadata,
    Column("order", ForeignKey("orders.order"), primary_key=True),
    Column("ended", String(18), primary_key=True, index=True),
)

# An order at a venue. Instants are when this server learned of it; what the box says stands in the receipt.
order_venues = Table(
    "order_venues",
    metadata,
    Column("order", ForeignKey("orders.order"), primary_key=True),
    Column("venue", String(15), primary_key=True, index=True),
    Column("region", String(6), nullable=False, index=True),
    Column("box", String(36)),
    Column("ordered_at_ms", BigInteger, nullable=False),
    Column("sent_at_ms", BigInteger),  # last time with a report; null: the next report brings it whatever went before
    Column("delivered_at_ms", BigInteger),
    Column("in_force_at_ms", BigInteger),
    Column("lifted_at_ms", BigInteger),
    Column("result", String(10)),
    Column("code", String(40)),
    Column("receipt", LargeBinary),
)

# How far in its journal each box was when it last spoke of its holds: what is older changes nothing.
hold_marks = Table(
    "hold_marks",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
)
