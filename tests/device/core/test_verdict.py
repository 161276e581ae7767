"""The sequence of checks, hours, and what time does (SPEC 6.4, 7.3, 7.4, 15.3)."""

import pytest

from device.core import events as on
from device.core import verdict
from device.core.clock import Clock
from device.core.events import Now
from device.core.hours import is_closed, plays_end_mono_ms
from device.protocol.limits import DAY_MS, INSTANT_MAX
from tests import builders
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS

MIDNIGHT_MS = NOON_MS - 12 * HOUR_MS  # at UTC+08:00
CLOSES_MS = MIDNIGHT_MS + 2 * HOUR_MS
OPENS_MS = MIDNIGHT_MS + 8 * HOUR_MS


def test_15_3_the_sequence_of_checks_as_the_specification_has_it() -> None:
    assert [(code, state) for _, code, state in verdict.BOX_CHECKS] == [
        ("BOX_RESTRICTED", "failed"),
        ("VERSION_OLD", "failed"),
        ("BOX_UNCLAIMED", "unclaimed"),
        ("JOURNAL_UNAVAILABLE", "failed"),
        ("JOURNAL_FULL", "failed"),
        ("CONTENT_UNREADABLE", "failed"),
        ("VENUE_LOCKED", "locked"),
        ("VENUE_READY", "ready"),
        ("LEASE_EXPIRED", "expired"),
        ("HOURS_CLOSED", "closed"),
    ]


def test_15_3_each_cause_hides_those_behind_it() -> None:
    """From the last check to the first: with every cause added the answer changes to it."""
    rig = Rig(in_service=False)
    rig.load_content()
    answers = [rig.play("K1", "unknown").body["code"]]
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    answers.append(rig.play("K1", "unknown").body["code"])
    rig.give(on.Connected())
    rig.rtc_ms = CLOSES_MS
    rig.grant_lease()
    answers.append(rig.play("K1", "unknown").body["code"])
    rig.wait(6 * 3600, tick_s=3600)
    rig.receipt_of(builders.order_envelope("ban", expires_at_ms=NOON_MS + DAY_MS))
    answers.append(rig.play("K1", "unknown").body["code"])
    answers.append(rig.play("K1", "000482").body["code"])
    rig.receipt_of(builders.order_envelope("stop", number=2))
    answers.append(rig.play("K1", "unknown").body["code"])
    assert answers == [
        "BOX_UNCLAIMED",
        "LEASE_EXPIRED",
        "HOURS_CLOSED",
        "SONG_UNKNOWN",
        "SONG_BANNED",
        "VENUE_LOCKED",
    ]


@pytest.mark.parametrize("kind", ["guest", "filler", "advert", "test"])
def test_8_4_checks_are_the_same_for_every_kind(kind: str) -> None:
    rig = Rig()
    assert rig.play("K1", "unknown", kind).body["code"] == "SONG_UNKNOWN"


@pytest.mark.parametrize(
    ("at_ms", "closed", "plays_end_ms"),
    [
        (CLOSES_MS - 1, False, None),
        (CLOSES_MS, True, 305_000),
        (CLOSES_MS + 299_999, True, 5_001),
        (CLOSES_MS + 300_000, True, 5_000),
        (OPENS_MS - 1, True, 5_000),
        (OPENS_MS, False, None),
        (CLOSES_MS + 7 * DAY_MS, True, 305_000),
    ],
)
def test_7_4_hours_to_the_millisecond(at_ms: int, closed: bool, plays_end_ms: int | None) -> None:
    clock, now = Clock(), Now(mono_ms=5_000, rtc_ms=0)
    clock.take(at_ms, "key", False, now)
    assert (is_closed(clock, now), plays_end_mono_ms(clock, now)) == (closed, plays_end_ms)


@pytest.mark.parametrize(
    ("held_ms", "rtc_ms", "closed"),
    [
        (None, NOON_MS, False),
        (None, CLOSES_MS, True),
        (CLOSES_MS - HOUR_MS, CLOSES_MS, True),  # later is the real-time clock
        (CLOSES_MS, CLOSES_MS - HOUR_MS, True),  # set back by hand: later is trusted time
        (CLOSES_MS, NOON_MS, False),
    ],
)
def test_7_4_without_signed_time_the_later_clock_counts(held_ms: int | None, rtc_ms: int, closed: bool) -> None:
    """No record says since when the real-time clock ran, so its date is all there is."""
    clock, now = Clock(), Now(mono_ms=0, rtc_ms=rtc_ms)
    clock.resume(None, held_ms, now)
    assert is_closed(clock, now) is closed


def test_7_4_with_signed_time_the_real_time_clock_moves_nothing() -> None:
    clock, now = Clock(), Now(mono_ms=0, rtc_ms=CLOSES_MS)
    clock.take(NOON_MS, "key", False, now)
    assert not is_closed(clock, now)


def test_7_4_a_song_that_runs_at_two_ends_within_five_minutes() -> None:
    rig = Rig(at_ms=CLOSES_MS - 60_000)
    rig.play("K1")
    rig.wait(60 + 299)
    assert rig.state == "closed"
    assert rig.play("K2").body["code"] == "HOURS_CLOSED"
    assert rig.pushed("cut") == []
    rig.wait(1)
    assert [event["reason"] for event in rig.pushed("cut")] == ["hours"]
    assert [(event["reason"], event["ends_in_s"]) for event in rig.pushed("countdown")] == [
        ("hours", 300),
        ("hours", 60),
    ]
    assert [body["reason"] for body in rig.bodies("PLAY_END")] == ["hours"]


def test_7_4_at_eight_the_venue_opens_by_itself() -> None:
    rig = Rig(at_ms=OPENS_MS - 2_000)
    assert rig.play().status == 403
    rig.wait(2)
    assert rig.play().status == 201


def test_7_3_trusted_time_is_that_of_the_lease_and_what_passed_since() -> None:
    rig = Rig()
    rig.rtc_ms += 9 * DAY_MS
    rig.mono_ms += 5_000
    assert rig.box.trusted_ms(rig.now) == NOON_MS + 5_000


def test_7_3_over_a_restart_time_is_held_as_a_lower_bound() -> None:
    rig = Rig()
    rig.wait(30)
    rig.play()
    rig.restart()
    body = rig.box.state_body(rig.now)
    assert (body["tq"], body["at_ms"]) == ("held", NOON_MS + 30_000)


def test_7_3_before_the_first_lease_there_is_no_trusted_time() -> None:
    rig = Rig(in_service=False)
    assert rig.box.trusted_ms(rig.now) is None
    assert rig.entries("BOOT")[0]["at_ms"] is None
    assert rig.entries("BOOT")[0]["tq"] == "none"


def test_9_2_a_mad_real_time_clock_is_written_within_bounds() -> None:
    rig = Rig()
    rig.rtc_ms = -5
    rig.play()
    rig.rtc_ms = 1 << 60
    rig.play()
    assert [entry["rtc_ms"] for entry in rig.entries("PLAY_START")] == [0, INSTANT_MAX]


@pytest.mark.parametrize(("step_ms", "is_journalled"), [(2_000, False), (2_001, True), (-2_001, True)])
def test_9_3_a_step_of_trusted_time_is_an_entry(step_ms: int, is_journalled: bool) -> None:
    rig = Rig()
    rig.mono_ms += 7 * HOUR_MS
    rig.give(on.Connected())
    rig.grant_lease(issued_at_ms=NOON_MS + 7 * HOUR_MS + step_ms)
    steps = rig.bodies("TIME")[1:]
    expected = {"from_ms": NOON_MS + 7 * HOUR_MS, "to_ms": NOON_MS + 7 * HOUR_MS + step_ms}
    assert steps == ([expected] if is_journalled else [])


def test_6_3_4_a_suspension_ends_by_itself_off_line() -> None:
    rig = Rig()
    rig.receipt_of(builders.order_envelope("stop", ends_at_ms=NOON_MS + 95_000))
    rig.give(on.Disconnected())
    rig.wait(95)
    assert rig.state == "locked", "a quick crystal ends nothing early"
    rig.wait(1)
    assert rig.state == "ready"
    rig.restart()
    assert rig.state == "ready", "what ended stays ended when time is only held"


def test_6_3_4_over_a_restart_a_hold_ends_by_the_time_that_the_box_itself_was_on() -> None:
    rig = Rig()
    rig.receipt_of(builders.order_envelope("stop", ends_at_ms=NOON_MS + 60_000))
    rig.rtc_ms += 31 * DAY_MS
    rig.restart()
    assert rig.state == "locked", "the real-time clock alone ends nothing"
    rig.wait(60)
    assert rig.state == "locked"
    rig.wait(1)
    assert rig.state == "ready"
