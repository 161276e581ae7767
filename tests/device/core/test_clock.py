"""Whose word moves time, and how far (SPEC 7.3): the lease key alone, the owner alone, and honest days."""

from typing import Any

import pytest

from device.core import events as on
from device.core.lease import RENEW_AFTER_MS
from device.protocol.limits import DAY_MS, INSTANT_MAX, LEASE_OFF_MS, LEASE_STEP_MS, RTC_OFF_MS
from device.protocol.policy import FleetKey
from tests import builders
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS

NIGHT_MS = NOON_MS + 15 * HOUR_MS  # 03:00 of the next day


def lease(rig: Rig, issued_at_ms: int, **changes: object) -> str:
    """The next lease; the code with which it is refused."""
    rig.give(on.Connected())
    before = dict(rig.box.state_body(rig.now)["refused"])
    rig.grant_lease(issued_at_ms=issued_at_ms, **changes)
    after = rig.box.state_body(rig.now)["refused"]
    return "".join(code for code in after if after[code] != before.get(code, 0))


def later(rig: Rig, passed_ms: int) -> None:
    """The box runs on."""
    rig.mono_ms += passed_ms
    rig.rtc_ms += passed_ms
    rig.give(on.Tick())


def off(rig: Rig, passed_ms: int, rtc_ms: int | None = None) -> None:
    """Without power for a time; what the real-time clock says then."""
    rig.rtc_ms = rig.rtc_ms + passed_ms if rtc_ms is None else rtc_ms
    rig.restart()


def stop_for(rig: Rig, days: int) -> None:
    rig.receipt_of(builders.order_envelope("stop", ends_at_ms=NOON_MS + days * DAY_MS))


def time_of(rig: Rig) -> int:
    return rig.box.trusted_ms(rig.now) or 0


@pytest.mark.parametrize(
    "ahead_ms", [31 * DAY_MS, -31 * DAY_MS, NIGHT_MS - NOON_MS, LEASE_OFF_MS + 60_000, -LEASE_OFF_MS - 60_000]
)
@pytest.mark.parametrize("after_boot", [False, True])
def test_the_lease_key_alone_sets_no_time(ahead_ms: int, after_boot: bool) -> None:
    rig = Rig()
    stop_for(rig, 30)
    later(rig, RENEW_AFTER_MS)
    if after_boot:
        off(rig, HOUR_MS)
    real_ms = rig.rtc_ms
    assert lease(rig, real_ms + ahead_ms) == "LEASE_TIME"
    assert rig.box.state_body(rig.now)["lease"]["lease"] == 1
    assert rig.state == "locked"
    assert rig.receipt_of(builders.order_envelope("resume", number=2))["holds"] == []
    assert rig.state == "in-service", "open at noon, whatever hour the lease says"


def test_what_was_refused_stands_in_the_report() -> None:
    rig = Rig()
    later(rig, RENEW_AFTER_MS)
    lease(rig, NOON_MS + 40 * DAY_MS)
    rig.wait(60, tick_s=10)
    assert rig.report["refused"] == {"LEASE_TIME": 1}
    assert rig.bodies("TIME") == [{"from_ms": None, "to_ms": NOON_MS}]


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_accepted_moves_time_in_small_steps(sign: int) -> None:
    rig = Rig()
    for _ in range(4):
        later(rig, RENEW_AFTER_MS)
        assert lease(rig, rig.rtc_ms + sign * LEASE_OFF_MS) == ""
    step_ms = LEASE_STEP_MS + RENEW_AFTER_MS // 4_000
    wrong_ms = sign * (time_of(rig) - rig.rtc_ms)
    assert (4 if sign > 0 else 0) * step_ms <= wrong_ms <= 4 * step_ms, "no more in a day than half a minute"
    steps = rig.bodies("TIME")[1:]
    assert all(0 < sign * (step["to_ms"] - step["from_ms"]) <= step_ms for step in steps)
    held = rig.box.state_body(rig.now)["lease"]
    assert held["full_until_ms"] == time_of(rig) + 3 * DAY_MS, "its spans count from the time that the box has"


def test_no_time_before_what_is_proven() -> None:
    rig = Rig()
    later(rig, RENEW_AFTER_MS)
    rig.receipt_of(builders.order_envelope("ban", issued_at_ms=rig.rtc_ms, expires_at_ms=rig.rtc_ms + DAY_MS))
    assert lease(rig, rig.rtc_ms - LEASE_OFF_MS) == ""
    assert time_of(rig) == rig.rtc_ms, "two officers signed that it is not earlier"


def test_a_held_lease_time_moves_by_a_battery_clock_and_a_lease_together() -> None:
    """An honest box, off for a month: the suspension is over when it comes back."""
    rig = Rig()
    stop_for(rig, 30)
    off(rig, 31 * DAY_MS)
    assert rig.state == "locked", "off line, the real-time clock alone ends nothing"
    assert lease(rig, rig.rtc_ms) == ""
    assert (time_of(rig), rig.state) == (rig.rtc_ms, "ready")
    assert rig.bodies("TIME")[-1] == {"from_ms": NOON_MS, "to_ms": rig.rtc_ms}


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_month_of_drift_is_no_reason_to_refuse(ppm: int) -> None:
    rig = Rig()
    off(rig, 31 * DAY_MS + 31 * DAY_MS * ppm // 1_000_000)
    assert lease(rig, NOON_MS + 31 * DAY_MS) == ""
    assert time_of(rig) == NOON_MS + 31 * DAY_MS


@pytest.mark.parametrize("dead_ms", [0, 946_684_800_000, NOON_MS - RTC_OFF_MS])
def test_a_dead_battery_lets_the_lease_set_the_time_and_ends_no_hold(dead_ms: int) -> None:
    rig = Rig()
    stop_for(rig, 30)
    off(rig, 0, rtc_ms=dead_ms)
    assert lease(rig, NOON_MS + 31 * DAY_MS) == ""
    assert time_of(rig) == NOON_MS + 31 * DAY_MS
    assert rig.state == "locked", "one witness is none"
    papers: dict[str, Any] = {"issued_at_ms": NOON_MS + 31 * DAY_MS, "expires_at_ms": NOON_MS + 32 * DAY_MS}
    rig.receipt_of(builders.order_envelope("lift", number=7, **papers))
    assert rig.state == "ready", "two officers are the second"


def test_with_a_dead_battery_the_first_answer_of_a_boot_counts() -> None:
    rig = Rig()
    off(rig, 0, rtc_ms=0)
    lease(rig, NOON_MS + HOUR_MS)
    later(rig, RENEW_AFTER_MS)
    assert lease(rig, NIGHT_MS) == "LEASE_TIME"
    off(rig, 0, rtc_ms=0)
    assert lease(rig, NIGHT_MS) == ""


def test_a_clock_that_was_dead_at_the_last_save_is_no_witness_afterwards() -> None:
    """It says 1970 at every boot and runs on: the difference of two such readings is no time off."""
    rig = Rig()
    off(rig, 0, rtc_ms=0)
    lease(rig, NOON_MS + HOUR_MS)
    off(rig, 0, rtc_ms=60_000)
    assert lease(rig, NOON_MS + 9 * HOUR_MS) == ""


@pytest.mark.parametrize("set_ms", [31 * DAY_MS, 20 * 365 * DAY_MS])
def test_the_owner_alone_ends_no_hold(set_ms: int) -> None:
    """The real-time clock set forward while the box was off for an hour."""
    rig = Rig()
    stop_for(rig, 30)
    off(rig, set_ms)
    lease(rig, NOON_MS + HOUR_MS)
    later(rig, HOUR_MS)
    assert rig.state == "locked"
    off(rig, HOUR_MS)
    lease(rig, NOON_MS + 2 * HOUR_MS)
    assert rig.state == "locked"


def test_setting_a_clock_back_reopens_nothing() -> None:
    """Off line at night: what a battery clock once said to have passed is not unsaid."""
    rig = Rig(at_ms=NOON_MS + 13 * HOUR_MS)
    off(rig, 2 * HOUR_MS)
    assert rig.state == "closed"
    rig.wait(1)
    for rtc_ms in (NOON_MS + 13 * HOUR_MS, 0, NOON_MS):
        off(rig, 0, rtc_ms=rtc_ms)
        assert rig.state == "closed"


def test_a_clock_set_back_by_hand_is_no_reason_to_believe_the_lease_key() -> None:
    """Set back, but not behind the last reading: two witnesses contradict each other, and the service goes on."""
    rig = Rig()
    off(rig, 60_000)
    assert lease(rig, NOON_MS + 4 * HOUR_MS) == "LEASE_TIME"
    assert rig.state == "in-service"
    papers: dict[str, Any] = {"issued_at_ms": NOON_MS + 4 * HOUR_MS, "expires_at_ms": NOON_MS + DAY_MS}
    rig.receipt_of(builders.order_envelope("lift", number=7, **papers))
    assert lease(rig, NOON_MS + 4 * HOUR_MS) == "", "two officers say that it is not earlier"
    assert time_of(rig) == NOON_MS + 4 * HOUR_MS


def test_once_the_lease_has_run_out_nothing_is_left_to_be_closed() -> None:
    rig = Rig()
    stop_for(rig, 40)
    later(rig, 30 * DAY_MS)
    assert lease(rig, NOON_MS + 50 * DAY_MS) == ""
    assert rig.state == "locked"
    later(rig, RENEW_AFTER_MS)
    assert lease(rig, NOON_MS + 30 * DAY_MS + RENEW_AFTER_MS) == "LEASE_TIME"


def test_a_key_that_is_out_of_the_policy_leaves_no_time_behind() -> None:
    """The remedy after a theft: a new key, signed by the custodians, sets the time anew."""
    rig = Rig()
    off(rig, 0, rtc_ms=0)
    lease(rig, NOON_MS + 20 * DAY_MS)
    later(rig, RENEW_AFTER_MS)
    honest_ms = NOON_MS + RENEW_AFTER_MS
    assert lease(rig, honest_ms) == "LEASE_TIME"
    services = (("lease", builders.ROLLOUT_KEY), ("ack", builders.ACK_KEY))
    keys = tuple([FleetKey(use=use, key=signer.key) for use, signer in services])
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=2, services=keys).encode()))
    assert lease(rig, honest_ms, signers=(builders.ROLLOUT_KEY,)) == ""
    assert time_of(rig) == honest_ms


def test_before_the_first_lease_the_policy_is_the_earliest_time() -> None:
    """A box out of its carton, with a dead clock: what is proven is what two custodians signed."""
    rig = Rig(in_service=False)
    rig.rtc_ms = 0
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    lease(rig, NOON_MS)
    papers: dict[str, Any] = {"issued_at_ms": NOON_MS - HOUR_MS, "ends_at_ms": NOON_MS - HOUR_MS + 2_000}
    assert rig.receipt_of(builders.order_envelope("stop", **papers))["holds"] != [], "it proves its own issue, not more"
    later(rig, 3_000)
    assert rig.state == "ready"


def test_a_lost_record_leaves_what_the_entries_say() -> None:
    rig = Rig()
    rig.disk.state = b"damaged"
    off(rig, HOUR_MS)
    assert time_of(rig) == NOON_MS
    assert lease(rig, NOON_MS + HOUR_MS) == ""
    assert time_of(rig) == NOON_MS + HOUR_MS


def test_no_clock_goes_beyond_the_last_instant() -> None:
    rig = Rig(in_service=False)
    rig.rtc_ms = INSTANT_MAX
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    last = dict.fromkeys(("full_until_ms", "core_from_ms", "stop_at_ms"), INSTANT_MAX)
    assert lease(rig, INSTANT_MAX - 3 * DAY_MS, **last) == ""
    later(rig, 9 * DAY_MS)
    assert time_of(rig) == INSTANT_MAX
    stop_for(rig, 30)
    assert rig.state == "expired"


@pytest.mark.parametrize("jump_ms", [9 * HOUR_MS, 26 * HOUR_MS, -9 * HOUR_MS])
def test_who_sets_a_battery_clock_right_that_had_jumped_gets_the_next_lease_taken(jump_ms: int) -> None:
    """One visit, and no loss of power: RTC_OFF_MS is more than such a jump."""
    rig = Rig()
    off(rig, DAY_MS, rtc_ms=NOON_MS + DAY_MS + jump_ms)
    rig.wait(3_600, tick_s=60)
    assert lease(rig, NOON_MS + DAY_MS + HOUR_MS) == "LEASE_TIME"
    rig.rtc_ms -= jump_ms
    rig.give(on.Tick())
    rig.wait(700, tick_s=60)
    assert lease(rig, rig.rtc_ms) == ""
    assert (time_of(rig), rig.state) == (rig.rtc_ms, "in-service")
    off(rig, HOUR_MS)
    assert lease(rig, rig.rtc_ms) == "", "and it is a witness again"


@pytest.mark.parametrize("wrong_ms", [9 * HOUR_MS, 42 * HOUR_MS, -9 * HOUR_MS, -42 * HOUR_MS])
def test_who_sets_a_battery_clock_right_that_no_record_knows_of_gets_the_first_lease_taken(wrong_ms: int) -> None:
    """The box is off then, or its card takes no record: on the card the setting looks like time off."""
    rig = Rig()
    rig.rtc_ms += wrong_ms
    later(rig, RENEW_AFTER_MS)
    assert lease(rig, rig.rtc_ms - wrong_ms) == ""
    rig.rtc_ms -= wrong_ms
    off(rig, 3 * DAY_MS)
    assert lease(rig, rig.rtc_ms + LEASE_OFF_MS + 2_000) == "LEASE_TIME", "neither what is expected, nor what is shown"
    rig.wait(700, tick_s=60)
    assert lease(rig, rig.rtc_ms) == ""
    assert (time_of(rig), rig.state) == (rig.rtc_ms, "in-service")
    rig.rtc_ms += wrong_ms
    later(rig, RENEW_AFTER_MS)
    assert lease(rig, rig.rtc_ms) == "LEASE_TIME", "a lease has come"


def test_setting_a_battery_clock_lets_the_lease_key_move_no_time_that_a_lease_gave() -> None:
    rig = Rig()
    later(rig, RENEW_AFTER_MS)
    rig.rtc_ms += 15 * HOUR_MS
    rig.give(on.Tick())
    assert lease(rig, rig.rtc_ms) == "LEASE_TIME"
    assert rig.state == "in-service"


def test_a_battery_clock_that_is_set_proves_nothing_and_reopens_nothing() -> None:
    """Off line at night, then set to noon: the lease of a thief may set the hour, as with the battery taken out."""
    rig = Rig(at_ms=NOON_MS + 13 * HOUR_MS)
    stop_for(rig, 30)
    off(rig, 2 * HOUR_MS)
    rig.rtc_ms = NOON_MS + 31 * DAY_MS
    rig.give(on.Tick())
    assert rig.receipt_of(builders.order_envelope("resume", number=2))["holds"] == []
    assert rig.state == "closed", "off line nothing is taken back"
    stop = builders.order_envelope("stop", number=3, ends_at_ms=NOON_MS + 30 * DAY_MS)
    rig.receipt_of(stop)
    assert lease(rig, NOON_MS + 31 * DAY_MS) == ""
    assert rig.state == "locked", "one witness is none"


def test_a_record_that_was_put_back_expects_no_hour_and_ends_no_hold() -> None:
    """It is from before somebody set a battery clock right, which would seem to have been off for as much longer."""
    rig = Rig()
    stop_for(rig, 30)
    rig.rtc_ms -= 31 * HOUR_MS
    later(rig, RENEW_AFTER_MS)
    old = rig.disk.state
    rig.rtc_ms += 31 * HOUR_MS
    rig.restart()
    rig.disk.state = old
    off(rig, HOUR_MS)
    assert lease(rig, rig.rtc_ms) == ""
    assert (time_of(rig), rig.state) == (rig.rtc_ms, "failed")
    rig.wait(120)
    assert rig.state == "locked"
    rig.restart()
    rig.disk.state = old
    off(rig, HOUR_MS)
    assert lease(rig, NOON_MS + 31 * DAY_MS) == "", "whoever has the card and the lease key"
    rig.wait(120)
    assert rig.state == "locked", "one witness is none"


def test_entries_that_are_newer_than_the_record_hold_no_suspension_longer() -> None:
    """A card that takes entries and no record: trusted time goes on by the entries, proven time by two witnesses."""
    rig = Rig()
    stop_for(rig, 1)
    record, counter = rig.disk.state, rig.disk.counter
    later(rig, 20 * HOUR_MS)
    assert rig.disk.state != record
    rig.seal(True)
    rig.disk.state, rig.disk.counter = record, counter
    off(rig, HOUR_MS)
    off(rig, 4 * HOUR_MS)
    assert lease(rig, NOON_MS + 25 * HOUR_MS) == ""
    assert rig.state == "ready"


def test_7_3_proven_time_is_told_to_those_who_judge_expiry() -> None:
    rig = Rig()
    assert rig.box.proven_ms(rig.now) == rig.box.trusted_ms(rig.now)
    assert Rig(in_service=False).box.proven_ms(rig.now) is None
