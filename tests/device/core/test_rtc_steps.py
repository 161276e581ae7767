"""Who sets the real-time clock is written down (SPEC 7.6)."""

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.rtc_steps import ENTRIES_BURST
from device.protocol.limits import INSTANT_MAX, RTC_STEP_MS
from tests.box_rig import Rig
from tests.builders import NOON_MS

HOUR_MS, YEAR_MS = 3_600_000, 31_536_000_000


def turned(rig: Rig, by_ms: int) -> None:
    """The clock is set, and a second passes."""
    rig.rtc_ms += by_ms
    rig.wait(1)


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -20 * YEAR_MS, RTC_STEP_MS, -RTC_STEP_MS])
def test_7_6_a_step_while_the_box_runs_is_an_entry_and_decides_nothing(by_ms: int) -> None:
    rig = Rig()
    rig.wait(10)
    before = rig.rtc_ms
    turned(rig, by_ms)
    rig.wait(10)
    assert rig.bodies("CLOCK") == [{"from_ms": before + 1000, "to_ms": before + 1000 + by_ms}]
    assert (rig.state, rig.play().status) == ("in-service", 201)


@pytest.mark.parametrize("by_ms", [RTC_STEP_MS - 1, 1 - RTC_STEP_MS])
def test_7_6_less_than_that_is_none(by_ms: int) -> None:
    rig = Rig()
    rig.wait(10)
    turned(rig, by_ms)
    assert rig.bodies("CLOCK") == []


@pytest.mark.parametrize("ms_an_hour", [800, -800])
def test_7_6_a_crystal_that_wanders_sets_no_clock(ms_an_hour: int) -> None:
    rig = Rig()
    for _ in range(30 * 24):
        rig.wait(3600, tick_s=600)
        rig.rtc_ms += ms_an_hour
    assert rig.bodies("CLOCK") == []


def test_7_6_a_clock_that_went_back_over_a_boot_is_an_entry() -> None:
    rig = Rig()
    rig.wait(1200, tick_s=60)
    rig.rtc_ms -= 5 * HOUR_MS
    rig.restart()
    rig.wait(2)
    (step,) = rig.bodies("CLOCK")
    assert 0 <= step["from_ms"] - (step["to_ms"] + 5 * HOUR_MS) < 1_200_000
    rig.rtc_ms += 1_000 * 24 * HOUR_MS
    rig.restart()
    rig.wait(2)
    assert len(rig.bodies("CLOCK")) == 1, "how long it was off, nobody else can tell"


def test_7_6_who_turns_it_all_the_time_fills_no_journal_and_hides_nothing() -> None:
    rig = Rig()
    rig.wait(10)
    for number in range(500):
        turned(rig, HOUR_MS if number % 2 else -2 * HOUR_MS)
    steps = rig.bodies("CLOCK")
    assert len(steps) == ENTRIES_BURST
    rig.wait(601)
    steps = rig.bodies("CLOCK")
    assert len(steps) == ENTRIES_BURST + 1
    assert steps[-1]["to_ms"] - steps[-1]["from_ms"] == -(500 - ENTRIES_BURST) // 2 * HOUR_MS


def test_7_6_a_dead_battery_says_what_it_likes() -> None:
    rig = Rig()
    for shown_ms in (-5, INSTANT_MAX + 5, NOON_MS):
        rig.rtc_ms = shown_ms
        rig.wait(1)
        assert all(0 <= step["to_ms"] <= INSTANT_MAX for step in rig.bodies("CLOCK"))
    assert len(rig.bodies("CLOCK")) == 3


def test_7_6_nothing_is_lost_while_the_journal_is_unavailable() -> None:
    rig = Rig()
    rig.wait(10)
    rig.fail_before = do.Append
    rig.play()
    turned(rig, HOUR_MS)
    assert rig.bodies("CLOCK") == []
    rig.fail_before = None
    rig.recover_journal()
    rig.wait(1)
    assert len(rig.bodies("CLOCK")) == 1


def test_7_3_a_clock_that_was_set_right_counts_at_once_for_the_next_loss_of_power() -> None:
    """Clock scripts 10506 and 23488: the power went within the ten minutes between two saves of the record."""
    rig = Rig()
    rig.wait(10)
    rig.rtc_ms -= 30 * HOUR_MS
    rig.restart()
    rig.give(on.Connected())
    rig.grant_lease(issued_at_ms=rig.rtc_ms + 30 * HOUR_MS)
    rig.wait(10)
    turned(rig, 30 * HOUR_MS)
    rig.rtc_ms += 240_000
    rig.restart()
    rig.give(on.Connected())
    rig.grant_lease()
    assert rig.box.state_body(rig.now)["refused"] == {}
    assert rig.box.trusted_ms(rig.now) == rig.rtc_ms
