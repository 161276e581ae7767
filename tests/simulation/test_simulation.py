"""Lives of a box by seed, those that once failed among them."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import CUSTOMS, World

FAILED_ONCE = [
    tuple(map(int, line.split()))
    for line in Path(__file__).with_name("failing_seeds.txt").read_text(encoding="ascii").splitlines()
    if line and not line.startswith("#")
]


DAYS = 40
SEEDS = [seed for seed in range(100, 166) if CUSTOMS[seed % len(CUSTOMS)] != "owner"]  # owners: failing_seeds.txt


def test_two_thousand_days_and_every_promise_is_kept() -> None:
    """Fifty lives and more, over all cores."""
    assert len(SEEDS) * DAYS >= 2_000
    assert len(SEEDS) >= 50
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(_fault_of, SEEDS) if fault]
    assert not faults


def _fault_of(seed: int) -> str:
    try:
        World(seed).run(DAYS)
    except BrokenPromiseError as error:
        return f"python -m tests.simulation --seed {seed} --days {DAYS}: {error}"
    return ""


@pytest.mark.parametrize(("seed", "days"), FAILED_ONCE)
def test_what_failed_once_fails_no_more(seed: int, days: int) -> None:
    World(seed).run(days)


def test_a_seed_decides_everything() -> None:
    worlds = [World(7), World(7)]
    figures = [world.run(days=4) for world in worlds]
    assert figures[0] == figures[1]
    assert list(worlds[0].story) == list(worlds[1].story)
    assert worlds[0].machine.disk.folders == worlds[1].machine.disk.folders
