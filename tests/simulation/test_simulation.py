"""Lives of a box by seed, those that once failed among them."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.world import CUSTOMS, World
from tests.simulation.years import fault_of

FAILED_ONCE = [
    (int(line.split()[0]), int(line.split()[1]))
    for line in Path(__file__).with_name("failing_seeds.txt").read_text(encoding="ascii").splitlines()
    if line and not line.startswith("#")
]


DAYS = 40
SEEDS = range(100, 152)


@pytest.fixture(scope="module")
def faults() -> dict[tuple[int, int], str]:
    """What every life came to, over all cores; each begins in a process without threads of other tests."""
    lives = [*((seed, DAYS) for seed in SEEDS), *FAILED_ONCE]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("forkserver")) as pool:
        seeds, days = zip(*lives, strict=True)
        return dict(zip(lives, pool.map(fault_of, seeds, days), strict=True))


def test_two_thousand_days_and_every_promise_is_kept(faults: dict[tuple[int, int], str]) -> None:
    """Fifty lives and more."""
    assert len(SEEDS) * DAYS >= 2_000
    assert len(SEEDS) >= 50
    assert {CUSTOMS[seed % len(CUSTOMS)] for seed in SEEDS} == set(CUSTOMS)
    assert not [fault for fault in faults.values() if fault]


@pytest.mark.parametrize("life", FAILED_ONCE)
def test_what_failed_once_fails_no_more(faults: dict[tuple[int, int], str], life: tuple[int, int]) -> None:
    assert not faults[life]


def test_a_seed_decides_everything() -> None:
    worlds = [World(7), World(7)]
    figures = [world.run(days=4) for world in worlds]
    assert figures[0] == figures[1]
    assert list(worlds[0].story) == list(worlds[1].story)
    assert worlds[0].machine.disk.folders == worlds[1].machine.disk.folders
