"""Business days: 08:00 to 02:00 of the next day at UTC+08:00 (domain rule C9).

A play at 01:30 belongs to the evening before. Eight o'clock at UTC+08:00 is midnight UTC, so the business day of an
instant is its date in UTC.
"""

import datetime

DAY_MS = 24 * 3600 * 1000


def business_day(at_ms: int) -> str:
    """The business day of an instant, as YYYY-MM-DD."""
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC).strftime("%Y-%m-%d")


def begin_ms(day: str) -> int:
    """The instant at which a business day begins. Raises ValueError if `day` is no date."""
    date = datetime.date.fromisoformat(day)
    return int(datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.UTC).timestamp()) * 1000
