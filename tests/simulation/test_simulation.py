"""Lives of a box by seed, those that once failed among them."""

from pathlib import Path

import pytest

from tests.simulation.world import World

FAILED_ONCE = [
    tuple(map(int, line.split()))
    for line in Path(__file__).with_name("failing_seeds.txt").read_text(encoding="ascii").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("seed", [seed for seed in range(24) if seed % 4 != 2])
def test_the_promises_hold_whatever_happens(seed: int) -> None:
    World(seed).run(days=8)


@pytest.mark.parametrize(("seed", "days"), FAILED_ONCE)
def test_what_failed_once_fails_no_more(seed: int, days: int) -> None:
    World(seed).run(days)


def test_a_seed_decides_everything() -> None:
    worlds = [World(7), World(7)]
    figures = [world.run(days=4) for world in worlds]
    assert figures[0] == figures[1]
    assert list(worlds[0].story) == list(worlds[1].story)
    assert worlds[0].machine.disk.folders == worlds[1].machine.disk.folders
