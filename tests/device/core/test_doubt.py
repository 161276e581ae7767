"""Holds in doubt: what a restricted box had or took may have been ended, and the box forgot that (SPEC 6.6)."""

from typing import Any

import pytest

from device.core import events as on
from device.core.damage import CONTACT_FOR_MS
from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import Rig
from tests.builders import CHEN, NOON_MS, PROVINCE, REGION, ZHOU, order_envelope

OLD: dict[str, Any] = {"issued_at_ms": NOON_MS - 9_000, "expires_at_ms": NOON_MS - 1_000}
NUMBER = f"{REGION}-2026-000001"


def put_back(rig: Rig) -> None:
    """The record of some steps ago."""
    rig.disk.counter += 2
    rig.restart()


def contact(rig: Rig) -> None:
    rig.give(on.Connected())
    rig.grant_lease(issued_at_ms=rig.rtc_ms)
    rig.wait(CONTACT_FOR_MS // 1000 + 5, tick_s=5)


def test_a_stop_that_was_lifted_long_ago_is_ended_by_the_resume_of_that_time() -> None:
    rig = Rig()
    stop, resume = order_envelope("stop", **OLD), order_envelope("resume", number=2, **OLD)
    put_back(rig)
    assert rig.receipt_of(resume)["code"] == "ORDER_EXPIRED", "there is nothing yet that it could end"
    assert rig.receipt_of(stop)["holds"] == [NUMBER]
    contact(rig)
    rig.restart()
    assert rig.state == "locked", "a hostile courier was here"
    assert rig.receipt_of(resume)["holds"] == []
    assert rig.state == "in-service"
    rig.wait(1)
    for raw in (stop, resume):
        assert rig.receipt_of(raw)["code"] == "ORDER_EXPIRED"


def test_what_stood_in_a_record_that_was_put_back_is_in_doubt_too() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    put_back(rig)
    assert rig.receipt_of(order_envelope("resume", number=2, **OLD))["holds"] == []


@pytest.mark.parametrize("is_old", [True, False])
def test_a_ban_likewise(is_old: bool) -> None:
    rig = Rig()
    put_back(rig)
    rig.receipt_of(order_envelope("ban", **(OLD if is_old else {})))
    assert rig.receipt_of(order_envelope("resume", number=2, **OLD))["code"] == "ORDER_EXPIRED", "a ban is lifted"
    assert rig.receipt_of(order_envelope("lift", number=3, **OLD))["holds"] == []


def test_a_stop_of_before_that_comes_after_contact_is_in_doubt_too() -> None:
    """A courier waits until the box has healed; the stop may be taken for long, the resume may not."""
    rig = Rig()
    put_back(rig)
    contact(rig)
    rig.restart()
    assert rig.receipt_of(order_envelope("stop"))["holds"] == [NUMBER]
    assert rig.receipt_of(order_envelope("resume", number=2, **OLD))["holds"] == []


def test_an_old_resume_ends_no_stop_that_is_beyond_doubt() -> None:
    """Officers who let their resume grow too old have not opened this venue."""
    rig = Rig()
    put_back(rig)
    rig.receipt_of(order_envelope("stop"))
    contact(rig)
    other = f"{REGION}-2026-000003"
    rig.receipt_of(order_envelope("stop", number=3, issued_at_ms=rig.rtc_ms))
    assert rig.receipt_of(order_envelope("resume", number=2, ends=(other,), **OLD))["code"] == "ORDER_EXPIRED"
    assert rig.receipt_of(order_envelope("resume", number=4, ends=(NUMBER, other), **OLD))["holds"] == [other]
    assert rig.receipt_of(order_envelope("resume", number=5, ends=(other,)))["holds"] == []


def lifted_long_ago(at_ms: int, days: int) -> "tuple[bytes, bytes]":
    """A stop of `days` ago without an early end, and the resume that ended it; neither may be accepted any more."""
    issued_at_ms = at_ms - days * DAY_MS
    of_then: dict[str, Any] = {"issued_at_ms": issued_at_ms, "expires_at_ms": issued_at_ms + 30 * DAY_MS}
    stop = order_envelope("stop", ends_at_ms=at_ms + 200 * DAY_MS, **of_then)
    return stop, order_envelope("resume", number=2, **of_then)


def test_a_box_that_is_new_takes_an_old_stop_in_doubt() -> None:
    """A stranger at an exchanged box, before its first lease: it has no time yet that says how old the stop is."""
    rig = Rig(in_service=False)
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=REGION))
    stop, resume = lifted_long_ago(rig.rtc_ms, 100)
    assert rig.receipt_of(stop)["holds"] == [NUMBER]
    contact(rig)
    assert rig.state == "locked"
    assert rig.receipt_of(resume)["holds"] == []
    assert rig.state == "in-service"
    assert rig.receipt_of(stop)["code"] == "ORDER_EXPIRED"


def test_a_box_that_was_off_for_long_does_too() -> None:
    rig = Rig()
    stop, resume = lifted_long_ago(rig.rtc_ms + 100 * DAY_MS, 99)
    rig.lose_power()
    rig.rtc_ms += 100 * DAY_MS
    rig.start()
    rig.load_content()
    assert rig.receipt_of(stop)["holds"] == [NUMBER]
    contact(rig)
    assert rig.receipt_of(resume)["holds"] == []


def test_what_is_late_by_trusted_time_alone_is_in_doubt() -> None:
    """The battery is dead: the lease is taken, but no second witness proves how long the box was off (SPEC 7.3)."""
    rig = Rig()
    stop, resume = lifted_long_ago(rig.rtc_ms + 100 * DAY_MS, 99)
    rig.lose_power()
    rig.rtc_ms = 0
    rig.start()
    rig.load_content()
    rig.give(on.Connected())
    rig.grant_lease(issued_at_ms=NOON_MS + 100 * DAY_MS)
    assert rig.receipt_of(stop)["holds"] == [NUMBER]
    rig.wait(32 * DAY_MS // 1000, tick_s=3600)
    assert rig.receipt_of(resume)["holds"] == [], "late by proven time too by now"


def test_a_stop_of_today_is_beyond_doubt_once_a_lease_has_come() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.wait(2)
    late: dict[str, Any] = {"issued_at_ms": NOON_MS - 9_000, "expires_at_ms": NOON_MS + 1_000}
    assert rig.receipt_of(order_envelope("resume", number=2, **late))["code"] == "ORDER_EXPIRED"


def test_an_old_resume_that_may_not_end_the_stop_wears_nothing_out() -> None:
    rig = Rig()
    put_back(rig)
    of_province: dict[str, Any] = {"authority": PROVINCE, "drafted_by": "chen", "signers": (CHEN, ZHOU)}
    number = f"{PROVINCE}-2026-000001"
    assert rig.receipt_of(order_envelope("stop", **of_province, **OLD))["holds"] == [number]
    counter = rig.disk.counter
    for _ in range(3):
        rig.wait(1)
        assert rig.receipt_of(order_envelope("resume", number=2, ends=(number,), **OLD))["code"] == "ORDER_EXPIRED"
        assert rig.receipt_of(order_envelope("stop", **of_province, **OLD))["code"] == "ORDER_REPLAYED"
    assert rig.disk.counter == counter, "given again and again, neither costs a step"


def test_no_old_order_clears_a_seal() -> None:
    rig = Rig()
    put_back(rig)
    opening = rig.box.state_body(rig.now)["opening"]
    assert rig.receipt_of(order_envelope("service", opening=opening, **OLD))["code"] == "ORDER_EXPIRED"


def test_a_suspension_that_ran_out_in_doubt_waits_for_the_venue() -> None:
    """An old resume ends what stands; what is over by itself it does not reopen."""
    rig = Rig()
    put_back(rig)
    rig.receipt_of(order_envelope("stop", ends_at_ms=NOON_MS + 1_000))
    contact(rig)
    assert rig.state == "ready"
    assert rig.receipt_of(order_envelope("resume", number=2, **OLD))["code"] == "ORDER_EXPIRED"


def test_6_4_a_ban_of_the_file_cuts_the_song_whatever_name_it_plays_under() -> None:
    rig = Rig()
    other = builders.file_sha256("another edit")
    rig.songs["000483"] = builders.song("000483", file=None)
    rooms = {"K1": ("000483", other), "K2": ("000482", ""), "K3": ("000483", "")}
    for room, (song, file) in rooms.items():
        assert rig.play(room, song, file=file).status == 201
    targets = (Target(by="file", id=other), Target(by="file", id=builders.file_sha256("000482")))
    rig.receipt_of(order_envelope("ban", targets=targets))
    assert [(event["room"], event["reason"]) for event in rig.pushed("cut")] == [("K1", "ban"), ("K2", "ban")]
    assert [body["reason"] for body in rig.bodies("PLAY_END")] == ["ban", "ban"]
