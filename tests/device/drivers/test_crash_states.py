"""Ten thousand disks that a power cut could leave, and the rules that keep them whole broken one by one."""

import pytest

from tests.device.drivers import crash_states
from tests.device.drivers.journal_mutations import MUTATIONS


@pytest.mark.parametrize("seed", [*range(3), 77])  # 77: a name whose sync failed, and nobody asked again
def test_no_cut_breaks_a_promise(seed: int) -> None:
    assert crash_states.run(3_200, seed) >= 3_200


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_rule_is_missed_when_it_is_broken(name: str) -> None:
    with MUTATIONS[name](), pytest.raises(AssertionError, match="crash states, life"):
        crash_states.run(5_000, seed=1)
