"""The harness of `make bench`: directions of ratios, sides in processes, rows. No figure is judged here."""

import json
from pathlib import Path

import pytest

from bench import table
from bench.row import CannotRunError, Row, Run, at_most, at_most_times, not_run, times_cheaper, times_more
from bench.sides import interleaved

HERE = "tests.bench.slow_and_fast:"


def run(folder: Path) -> Run:
    return Run(folder=folder, data=folder, rounds=3, quick=True, say=lambda _: None)


@pytest.mark.parametrize(
    ("row", "ratio", "met"),
    [
        (at_most_times("b", 3.0, 2.0, "p", "us", 1.6), 1.5, True),
        (at_most_times("b", 4.0, 2.0, "p", "us", 1.6), 2.0, False),
        (times_cheaper("b", 1.0, 4.0, "p", "us", 3), 4.0, True),
        (times_cheaper("b", 4.0, 1.0, "p", "us", 3), 0.25, False),
        (times_more("b", 40.0, 4.0, "p", "/s", 10), 10.0, True),
        (times_more("b", 4.0, 40.0, "p", "/s", 10), 0.1, False),
        (at_most("b", 5.0, "MB", 5), None, True),
        (at_most("b", 5.1, "MB", 5, peer=0.1, peer_name="p"), None, False),
    ],
)
def test_a_ratio_is_what_the_goal_speaks_of(row: Row, ratio: float | None, met: bool) -> None:
    assert (row.ratio, row.met) == (ratio, met)


def test_every_figure_is_the_median_of_the_rounds_of_its_own_process(tmp_path: Path) -> None:
    got = interleaved({"ours": f"{HERE}Steady", "peer": f"{HERE}Rising"}, run(tmp_path))
    assert got == {"ours": {"us": 3.0}, "peer": {"us": 2.0}}


def test_a_side_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match="broken"):
        interleaved({"ours": f"{HERE}Steady", "broken": f"{HERE}Broken"}, run(tmp_path))


def test_rows_are_written_for_machines(tmp_path: Path) -> None:
    path = tmp_path / "out" / "latest.json"
    table.written([at_most_times("b", 3.0, 2.0, "p", "us", 1.6), not_run("c", "nginx is missing")], path)
    rows = json.loads(path.read_text())
    names = ["bench", "ours", "peer", "peer_name", "unit", "ratio", "goal", "met"]
    assert [list(row) for row in rows] == [names, names]
    assert [row["met"] for row in rows] == [True, False]


def test_the_table_lines_up() -> None:
    rows = [at_most_times("lookup", 1234.5, 1000.0, "dict", "us", 1.6), not_run("http", "nginx is missing")]
    lines = table.printed(rows).splitlines()
    assert lines[1].split() == ["lookup", "1,234", "1,000", "us", "1.23", "<=", "1.6", "x", "yes", "dict"]
    assert lines[2].split() == ["http", "-", "-", "-", "-", "nginx", "is", "missing"]
    assert (
        len({line.rstrip().find(word) for line, word in zip(lines, ("peer name", "dict", "nginx"), strict=True)}) == 1
    )
