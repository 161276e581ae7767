"""What a box does without contact: the ladder, its bounds, extensions, warnings and the closing hour (SPEC 7.2-7.5)."""

import json
from typing import Any

import pytest

from device.core import events as on
from device.core.ladder import PLAYS_AHEAD, POWERED_AHEAD_MS
from device.core.lease import RENEW_AFTER_MS
from device.protocol.catalog import CORE
from device.protocol.limits import DAY_MS, EXTENSION_FOR_MS_MAX, LEASE_FOR_MS_MAX, LEASE_PLAYS_MIN, LEASE_POWERED_S_MIN
from tests import builders
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS

TWO_MS = NOON_MS + 14 * HOUR_MS


def alone() -> Rig:
    """In service and off line, with one song of the core catalog."""
    rig = Rig()
    rig.songs["000484"] = builders.song("000484", flags=CORE)
    rig.give(on.Disconnected())
    return rig


def lease(rig: Rig) -> dict[str, Any]:
    found: dict[str, Any] = rig.box.state_body(rig.now)["lease"]
    return found


def extend(rig: Rig, **changes: Any) -> tuple[int, dict[str, Any]]:
    request = rig.request()
    rig.give(on.ExtensionReceived(request=request, raw=builders.extension_envelope(**changes)))
    reply = rig._reply(request)
    return reply.status, reply.body


def test_7_5_no_extension_is_answered_for_while_nothing_can_be_written_down() -> None:
    rig = alone()
    before = lease(rig)
    rig.give(on.JournalFailed(reason="full", requests=[]))
    assert (extend(rig)[0], extend(rig)[1]["code"]) == (503, "JOURNAL_UNAVAILABLE")
    assert lease(rig) == before


@pytest.mark.parametrize(
    ("after_ms", "standing", "answers"),
    [
        (3 * DAY_MS - 1, "full", ["", ""]),
        (3 * DAY_MS, "warning", ["", ""]),
        (7 * DAY_MS - 1, "warning", ["", ""]),
        (7 * DAY_MS, "core", ["LEASE_CORE_ONLY", ""]),
        (30 * DAY_MS - 1, "core", ["LEASE_CORE_ONLY", ""]),
        (30 * DAY_MS, "expired", ["LEASE_EXPIRED", "LEASE_EXPIRED"]),
    ],
)
def test_7_2_the_ladder(after_ms: int, standing: str, answers: list[str]) -> None:
    rig = alone()
    rig.mono_ms += after_ms
    assert lease(rig)["standing"] == standing
    assert [rig.box.may_play("K1", song, "", rig.now) for song in ("000482", "000484")] == answers
    assert [rig.box.question_at(rig.now)("K1", song, "") for song in ("000482", "000484")] == answers
    assert [rig.play("K1", song).body.get("code", "") for song in ("000482", "000484")] == answers


def test_7_2_an_unknown_or_banned_song_is_called_that_on_every_rung() -> None:
    rig = alone()
    rig.receipt_of(builders.order_envelope("ban"))
    rig.mono_ms += 8 * DAY_MS
    assert [rig.play("K1", song).body["code"] for song in ("000482", "none")] == ["SONG_BANNED", "SONG_UNKNOWN"]


def test_7_2_contact_brings_full_service_back() -> None:
    rig = alone()
    rig.mono_ms += 31 * DAY_MS
    rig.rtc_ms += 31 * DAY_MS
    rig.give(on.Connected())
    assert rig.play().status == 403
    rig.grant_lease(issued_at_ms=rig.rtc_ms)
    assert (rig.play().status, lease(rig)["standing"]) == (201, "full")


def test_10_4_without_a_lease_the_fleet_is_asked_every_five_seconds() -> None:
    rig = alone()
    rig.mono_ms += 31 * DAY_MS
    rig.give(on.Connected())
    sent = len(rig.sent("report"))
    rig.wait(10)
    assert len(rig.sent("report")) == sent + 2
    assert rig.report["ladder"]["standing"] == "expired"


def test_7_2_every_rung_is_told_and_every_day_on_it() -> None:
    rig = alone()
    for _ in range(31 * 24):
        rig.wait(3600, tick_s=3600)
    told = [event["standing"] for event in rig.pushed("lease")]
    assert told == ["warning"] * 4 + ["core"] * 23
    first = rig.pushed("lease")[0]
    assert (first["core_in_s"], first["stop_in_s"]) == (4 * 86_400, 27 * 86_400)
    rig.give(on.Connected())
    rig.grant_lease(issued_at_ms=rig.rtc_ms)
    rig.wait(1)
    assert len(rig.pushed("lease")) == len(told)


def test_7_2_the_hours_of_service_are_bounded_whatever_trusted_time_says() -> None:
    """Cut every nine minutes: the record holds what is used before it is used."""
    rig = Rig(in_service=False)
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    rig.give(on.Connected())
    rig.grant_lease(powered_s_max=LEASE_POWERED_S_MIN)
    cuts = LEASE_POWERED_S_MIN * 1000 // POWERED_AHEAD_MS - 1
    for _ in range(cuts):
        rig.mono_ms += 540_000
        rig.rtc_ms += 540_000
        rig.give(on.Tick())
        rig.restart()
        assert lease(rig)["standing"] == "full"
    rig.wait(601)
    assert (rig.box.trusted_ms(rig.now) or 0) < NOON_MS + HOUR_MS, "no save, no entry but those of the boots"
    assert lease(rig)["standing"] == "expired"


def test_7_2_an_honest_box_reaches_the_rungs_before_the_bound_of_hours() -> None:
    rig = alone()
    rig.mono_ms += 30 * DAY_MS - 1
    rig.give(on.Tick())
    assert lease(rig)["standing"] == "core"
    assert lease(rig)["powered_s"] == 30 * 86_400 - 1


def test_7_2_the_plays_are_bounded_over_restarts_too() -> None:
    rig = alone()
    saved = 0
    for _ in range(PLAYS_AHEAD * 2):
        before = rig.disk.state
        assert rig.play().status == 201
        saved += before != rig.disk.state
    assert saved == 1, "not at every play"
    rig.restart()
    assert 200 <= lease(rig)["plays"] <= 200 + PLAYS_AHEAD
    found = json.loads(rig.disk.state or b"")
    found["used"]["plays"] = LEASE_PLAYS_MIN - 1
    rig.disk.state = json.dumps(found).encode()
    rig.lose_power()
    rig.start()
    rig.load_content()
    assert rig.play().status == 201
    assert rig.play().body["code"] == "LEASE_EXPIRED"
    rig.give(on.Connected())
    rig.grant_lease()
    assert (rig.play().status, lease(rig)["plays"]) == (201, 1)


def test_7_5_an_extension_moves_every_rung() -> None:
    rig = alone()
    before = lease(rig)
    status, body = extend(rig)
    assert (status, body) == (200, lease(rig))
    moved = {name: lease(rig)[name] - before[name] for name in ("full_until_ms", "core_from_ms", "stop_at_ms")}
    assert set(moved.values()) == {2 * DAY_MS}
    assert lease(rig)["powered_s_max"] - before["powered_s_max"] == 2 * 86_400
    assert lease(rig)["plays_max"] == LEASE_PLAYS_MIN + LEASE_PLAYS_MIN * 2 * DAY_MS // LEASE_FOR_MS_MAX
    assert rig.bodies("LEASE")[-1]["extension"] == 1
    rig.restart()
    assert lease(rig)["extension"] == 1


def test_7_5_an_extension_brings_back_what_had_run_out() -> None:
    rig = alone()
    rig.mono_ms += 33 * DAY_MS
    assert rig.play().status == 403
    assert extend(rig, issued_at_ms=NOON_MS + 33 * DAY_MS)[0] == 200
    assert (rig.play().status, lease(rig)["standing"]) == (201, "full")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region": builders.ELSEWHERE}, "LEASE_NOT_OURS"),
        ({"region": builders.COUNTRY}, ""),
        ({"region": builders.REGION}, ""),
        ({"signers": (builders.ZHANG, builders.LI)}, "SIGNER_UNKNOWN"),
        ({"signers": (builders.ACK_KEY,)}, "SIGNER_UNKNOWN"),
    ],
)
def test_7_5_an_extension_is_for_a_region_and_of_the_lease_key(changes: dict[str, Any], code: str) -> None:
    rig = alone()
    status, body = extend(rig, **changes)
    assert (status, body.get("code", "")) == ((422, code) if code else (200, ""))
    assert rig.box.state_body(rig.now)["refused"] == ({code: 1} if code else {})


def test_7_5_one_extension_is_taken_once_and_none_reaches_far_ahead() -> None:
    """Whoever keeps the box off line and its clock behind gains one extension, not one each week."""
    rig = alone()
    far = {"issued_at_ms": NOON_MS + 400 * DAY_MS}
    assert extend(rig, **far)[0] == 200
    assert lease(rig)["full_until_ms"] == NOON_MS + EXTENSION_FOR_MS_MAX
    rig.mono_ms += 6 * DAY_MS
    assert extend(rig, **far)[1]["code"] == "LEASE_ROLLBACK"
    assert extend(rig, extension=2)[0] == 200, "earlier than what the lease has"
    assert lease(rig)["full_until_ms"] == NOON_MS + EXTENSION_FOR_MS_MAX
    rig.mono_ms += RENEW_AFTER_MS
    rig.rtc_ms += 6 * DAY_MS + RENEW_AFTER_MS
    rig.give(on.Connected())
    rig.grant_lease()
    assert extend(rig, extension=2)[1]["code"] == "LEASE_ROLLBACK", "a new lease forgets no extension"


def test_7_5_an_extension_sets_no_time() -> None:
    rig = alone()
    extend(rig, issued_at_ms=NOON_MS + 3 * DAY_MS)
    assert rig.box.trusted_ms(rig.now) == NOON_MS
    assert len(rig.bodies("TIME")) == 1


def test_7_5_without_a_lease_there_is_nothing_to_extend() -> None:
    rig = Rig(in_service=False)
    rig.load_content()
    assert extend(rig)[1]["code"] == "BOX_UNCLAIMED"
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    assert extend(rig)[1]["code"] == "LEASE_EXPIRED"
    assert rig.box.state_body(rig.now)["lease"] is None


def test_7_4_the_closing_hour_is_told_at_1_45_and_1_58() -> None:
    rig = Rig(at_ms=TWO_MS - 20 * 60_000)
    assert rig.box.state_body(rig.now)["closes_in_s"] is None
    rig.wait(20 * 60 + 5)
    assert [event["closes_in_s"] for event in rig.pushed("hours")] == [900, 120]
    assert rig.state == "closed"
    assert rig.box.state_body(rig.now)["closes_in_s"] is None
    rig.wait(24 * 3600 - 900, tick_s=5)
    assert [event["closes_in_s"] for event in rig.pushed("hours")] == [900, 120, 900]


def test_7_4_whoever_comes_late_is_told_what_is_left() -> None:
    rig = Rig(at_ms=TWO_MS - 100_500)
    rig.give(on.Tick())
    assert [event["closes_in_s"] for event in rig.pushed("hours")] == [101]
    assert rig.box.state_body(rig.now)["closes_in_s"] == 101
