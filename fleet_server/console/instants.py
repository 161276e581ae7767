"""How instants, ages, sizes and numbers are written for people. Pure.

Instants are Unix milliseconds and are shown in Beijing time (UTC+08:00), which holds everywhere in the country
and knows no summer time. Each is a `<time>` element, so that a program reads the instant too.
"""

from datetime import UTC, datetime, timedelta, timezone

from markupsafe import Markup

from fleet_server.console.language import Lang

BEIJING = timezone(timedelta(hours=8))

_STEPS: tuple[tuple[int, str, str], ...] = (
    (86_400, "{n} 天", "{n} d"),
    (3_600, "{n} 小时", "{n} h"),
    (60, "{n} 分钟", "{n} min"),
    (1, "{n} 秒", "{n} s"),
)
_SIZES = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000))


def instant(at_ms: int) -> Markup:
    """Date and time to the second."""
    at = datetime.fromtimestamp(at_ms / 1000, BEIJING)
    return _element(at_ms, at.strftime("%Y-%m-%d %H:%M:%S"))


def day(at_ms: int) -> Markup:
    at = datetime.fromtimestamp(at_ms / 1000, BEIJING)
    return _element(at_ms, at.strftime("%Y-%m-%d"))


def span(for_ms: int, lang: Lang) -> str:
    """The two largest units that are not zero: `1 小时 5 分钟`, `3 d`."""
    left_s = max(0, for_ms) // 1000
    parts: list[str] = []
    for step_s, zh, en in _STEPS:
        n, left_s = divmod(left_s, step_s)
        if n or (step_s == 1 and not parts):
            parts.append((zh if lang == "zh" else en).format(n=n))
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def ago(at_ms: int, now_ms: int, lang: Lang) -> Markup:
    """`3 分钟前`; the instant itself is in the tooltip."""
    text = span(_rounded(now_ms - at_ms), lang)
    said = {"zh": f"{text}前", "en": f"{text} ago"}[lang] if now_ms >= at_ms else instant(at_ms)
    return _element(at_ms, said)


def days_from(text: str) -> int | None:
    """The instant at which the day `YYYY-MM-DD` begins in Beijing; None if it is no day."""
    try:
        at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return int(at.timestamp() * 1000)


def number(n: int) -> str:
    return f"{n:,}"


def size(size_bytes: int) -> str:
    for unit, step in _SIZES:
        if size_bytes >= step:
            return f"{size_bytes / step:.1f} {unit}"
    return f"{size_bytes} B"


def duration(for_s: int) -> str:
    """Minutes and seconds of a song."""
    return f"{for_s // 60}:{for_s % 60:02d}"


def _rounded(for_ms: int) -> int:
    """Ages below a minute in seconds, above in minutes: nobody reads the seconds of an hour."""
    return for_ms if for_ms < 60_000 else for_ms - for_ms % 60_000


def _element(at_ms: int, text: str) -> Markup:
    iso = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = datetime.fromtimestamp(at_ms / 1000, BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, shown, text)
