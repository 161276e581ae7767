"""Tables of notices: the signed text, and what became of it at each venue."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from fleet_server.database import metadata

notices = Table(
    "notices",
    metadata,
    Column("notice", String(18), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("authority", String(6), nullable=False, index=True),
    Column("scope_region", String(6), nullable=False),  # empty if venues are named
    Column("issued_by", String(32), nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("show_until_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("document", String(64), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

# A notice at a venue. Delivered is a receipt, shown and acknowledged are entries of the box's journal.
notice_venues = Table(
    "notice_venues",
    metadata,
    Column("notice", ForeignKey("notices.notice"), primary_key=True),
    Column("venue", String(15), primary_key=True, index=True),
    Column("region", String(6), nullable=False, index=True),
    Column("box", String(36)),
    Column("sent_at_ms", BigInteger),  # last time with a report; null: the next report brings it whatever went before
    Column("delivered_at_ms", BigInteger),
    Column("shown_at_ms", BigInteger),
    Column("acknowledged_at_ms", BigInteger),
    Column("result", String(10)),
    Column("code", String(40)),
)
