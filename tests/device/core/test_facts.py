"""Facts: named fields, equality by field, and a slip in a name is a fault at once."""

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.rate import Allowance
from device.core.recovery import recovered


def test_facts_are_equal_by_kind_and_field() -> None:
    assert on.Now(mono_ms=1, rtc_ms=2) == on.Now(mono_ms=1, rtc_ms=2)
    assert on.Now(mono_ms=1, rtc_ms=2) != on.Now(mono_ms=1, rtc_ms=3)
    assert on.Connected() != on.Disconnected()
    acked = [do.MoveWatermark(epoch=1, size=size) for size in (1, 1, 2)]
    assert len(set(acked)) == 2
    assert repr(acked[0]) == "MoveWatermark(epoch=1, size=1)"


def test_a_wrong_field_is_a_fault() -> None:
    with pytest.raises(TypeError, match="MoveWatermark"):
        do.MoveWatermark(epoch=1, length=1)  # type: ignore[call-arg] # that is the test


def test_an_allowance_is_a_burst_and_then_one_at_a_time() -> None:
    allowance = Allowance(burst=2, refill_ms=1_000)
    taken = [allowance.take(at_ms) for at_ms in (10_000, 10_000, 10_000, 10_999, 11_000, 11_500, 12_000)]
    assert taken == [True, True, False, False, True, False, True]
    assert [allowance.take(99_000) for _ in range(3)] == [True, True, False]


def test_an_allowance_is_not_refilled_by_a_clock_that_falls() -> None:
    allowance = Allowance(burst=1, refill_ms=1_000)
    assert allowance.take(10_000)
    assert not allowance.take(5_000)


def test_no_entries_tell_nothing() -> None:
    found = recovered([])
    assert (found.last_at_ms, found.last_boot, found.open_plays, found.ended_plays) == (None, 0, [], [])
