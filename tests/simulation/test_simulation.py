"""Twenty lives of a box by seed; a thousand on demand (`-m slow`)."""

import pytest

from tests.simulation.world import World


@pytest.mark.parametrize("seed", range(20))
def test_the_promises_hold_whatever_happens(seed: int) -> None:
    World(seed).run(steps=300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_200))
def test_the_promises_hold_for_many_lives(seed: int) -> None:
    World(seed).run(steps=1_000)
