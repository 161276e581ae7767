"""Lives of clocks, honest and not (SPEC 7; security.md R-6); a hundred thousand in `make soak`."""

import pytest

from tests.device.core import clock_scripts
from tests.device.core.clock_mutations import MUTATIONS


@pytest.mark.parametrize("seed", range(0, 2_000, 500))
def test_no_script_breaks_a_promise(seed: int) -> None:
    assert clock_scripts.run(500, seed) == set(clock_scripts.NATURES)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_rule_is_missed_when_it_is_broken(name: str) -> None:
    with MUTATIONS[name](), pytest.raises(AssertionError, match="clock script"):
        clock_scripts.run(500, 0)
