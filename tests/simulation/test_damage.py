"""Bits that flip in entries that were not sent yet: everything else reaches the fleet, and the hole is an incident."""

import pytest

from tests.simulation.damaged import DamagedEvening
from tests.soak.mutations import MUTATIONS, seen_by

BREAKING = [number for number, mutation in enumerate(MUTATIONS) if mutation.part == "damaged-entries"]


@pytest.mark.parametrize("is_off", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_9_13_a_flipped_bit_loses_its_own_entry_and_no_other(seed: int, is_off: bool) -> None:
    seen = DamagedEvening(seed, is_off).run(days=2)
    assert seen.plays > 0, "there were entries to spoil"


@pytest.mark.parametrize("number", BREAKING, ids=lambda number: MUTATIONS[number].name)
def test_a_rule_that_is_broken_is_seen(number: int) -> None:
    assert seen_by(number)
