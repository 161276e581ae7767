"""Tables of venues."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from fleet_server.database import metadata

venues = Table(
    "venues",
    metadata,
    Column("venue", String(15), primary_key=True),  # the code, for life
    Column("region", String(6), nullable=False, index=True),  # jurisdiction today; never read from the code
    Column("name", String(100), nullable=False),
    Column("address", String(200), nullable=False),
    Column("credit_code", String(18), nullable=False, index=True),
    Column("licence", String(40), nullable=False, unique=True),  # 娱乐经营许可证
    Column("rooms", Integer, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
)

venue_sequences = Table(
    "venue_sequences",
    metadata,
    Column("region", String(6), primary_key=True),
    Column("last", Integer, nullable=False),  # highest sequence ever given; it never falls
)
