"""Data for people and for programs: a table with Chinese widths right, or JSON.

In tables an instant (a name in `_at_ms` or `_until_ms`) is a time of day at UTC+08:00, the time of the whole country.
"""

import datetime
import json
import unicodedata
from collections.abc import Mapping, Sequence

_COUNTRY = datetime.timezone(datetime.timedelta(hours=8))

Columns = Sequence[tuple[str, str, str]]  # (name, zh, en)


def as_json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def as_table(data: object, columns: Columns | None, lang: str) -> str:
    """A sequence of mappings as rows below a head; one mapping as lines of name and value."""
    if isinstance(data, Mapping):
        named = columns or [(name, name, name) for name in data]
        lines = [(zh if lang == "zh" else en, _cell(data.get(name), name)) for name, zh, en in named]
        return _aligned(lines)
    assert isinstance(data, Sequence)
    named = columns or [(name, name, name) for name in (data[0] if data else {})]
    head = tuple(zh if lang == "zh" else en for _, zh, en in named)
    return _aligned([head, *(tuple(_cell(row.get(name), name) for name, _, _ in named) for row in data)])


def width(text: str) -> int:
    """Columns that a terminal gives the text."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _cell(value: object, name: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and name.endswith(("_at_ms", "_until_ms")):
        return _time(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    if isinstance(value, Mapping):
        return " ".join(_cell(item) for item in value.values())
    # What a venue is called is the venue's choice; a terminal must not obey it.
    return "".join(char if char.isprintable() else "�" for char in str(value))


def _time(at_ms: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(at_ms // 1000, _COUNTRY).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError):  # a far year in somebody's document
        return str(at_ms)


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    if not lines:
        return ""
    widths = [max(width(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "".join(
        "  ".join(cell + " " * (most - width(cell)) for cell, most in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )
