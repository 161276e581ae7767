"""Numbers of documents (SPEC 4.5): one series per authority and year, without reuse.

The year is that of the capital's calendar (UTC+08:00), as on the paper document.
"""

import datetime

from sqlalchemy import BigInteger, Column, Connection, String, Table
from sqlalchemy.dialects.sqlite import insert

from fleet_server.database import metadata

_CAPITAL = datetime.timezone(datetime.timedelta(hours=8))

document_numbers = Table(
    "document_numbers",
    metadata,
    Column("series", String(40), primary_key=True),
    Column("last", BigInteger, nullable=False),
)


def next_order(connection: Connection, authority: str, now_ms: int) -> str:
    """`RRRRRR-YYYY-NNNNNN`; a draft that is given up keeps its number."""
    series = f"{authority}-{_year(now_ms)}"
    return f"{series}-{_next(connection, series):06d}"


def next_notice(connection: Connection, authority: str, now_ms: int) -> str:
    """`RRRRRR-YYYY-TNNNNN`."""
    series = f"{authority}-{_year(now_ms)}-T"
    return f"{series}{_next(connection, series):05d}"


def _year(now_ms: int) -> int:
    return datetime.datetime.fromtimestamp(now_ms // 1000, _CAPITAL).year


def _next(connection: Connection, series: str) -> int:
    upsert = insert(document_numbers).values(series=series, last=1)
    upsert = upsert.on_conflict_do_update(set_={"last": document_numbers.c.last + 1})
    return int(connection.execute(upsert.returning(document_numbers.c.last)).scalar_one())
