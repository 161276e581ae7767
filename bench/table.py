"""The table for people and the rows for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.row import Row

_TITLES = ("bench", "ours", "peer", "unit", "ratio", "goal", "met", "peer name")


def printed(rows: Sequence[Row]) -> str:
    """Columns of equal width."""
    cells = [_TITLES, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_TITLES))]
    return "\n".join(
        "  ".join(_aligned(cell, width, column) for column, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    )


def written(rows: Sequence[Row], path: Path) -> None:
    """bench/out/latest.json: one row a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(asdict(row)) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    met = "-" if row.ours is None else "yes" if row.met else "NO"
    return (
        row.bench, _number(row.ours), _number(row.peer), row.unit, _number(row.ratio), row.goal, met, row.peer_name,
    )  # fmt: skip


def _number(value: float | None) -> str:
    """Three digits, no exponent."""
    if value is None:
        return "-"
    digits = max(0, 3 - len(str(int(abs(value)))))
    return f"{value:,.{digits}f}"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if _TITLES[column] in {"ours", "peer", "ratio"} else cell.ljust(width)
