"""Orders at the box: known, late, addressed, carried out, answered (SPEC 6.2 (8)-(10), 6.4, 6.5)."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.core import effects as do
from device.core import events as on
from device.core import orders as orders_module
from device.protocol.envelope import seal
from device.protocol.limits import DAY_MS, GRACE_S_MAX
from device.protocol.orders import Scope
from tests import builders
from tests.box_rig import Rig
from tests.builders import (
    CHEN,
    LI,
    NOON_MS,
    OTHER_VENUE,
    PROVINCE,
    REGION,
    STRANGER,
    VENUE,
    ZHANG,
    ZHANG_SECOND,
    ZHOU,
    order_envelope,
)

STOP_NUMBER = f"{REGION}-2026-000001"


def test_6_2_8_a_replayed_order_is_answered_again_and_changes_nothing() -> None:
    rig = Rig()
    raw = order_envelope("stop")
    first = rig.receipt_of(raw)
    size, state = rig.disk.size, rig.disk.state
    second = rig.receipt_of(raw)
    assert (first["result"], first["code"]) == ("accepted", "")
    assert (second["result"], second["code"]) == ("known", "ORDER_REPLAYED")
    assert second["holds"] == [STOP_NUMBER]
    assert (rig.disk.size, rig.disk.state) == (size, state)


def test_6_2_8_a_stop_that_was_resumed_does_not_come_back_by_replay() -> None:
    rig = Rig()
    stop = order_envelope("stop")
    rig.receipt_of(stop)
    rig.receipt_of(order_envelope("resume", number=2))
    rig.restart()
    assert rig.receipt_of(stop)["holds"] == []
    assert rig.state == "in-service"


def test_6_2_8_another_order_under_a_known_number_is_an_equivocation() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    receipt = rig.receipt_of(order_envelope("stop", grace_s=60))
    assert (receipt["result"], receipt["code"], receipt["id"]) == ("rejected", "ORDER_EQUIVOCATION", STOP_NUMBER)


def test_6_2_8_the_same_content_with_other_signatures_is_the_same_order() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    again = order_envelope("stop", signers=(ZHANG, CHEN))
    assert rig.receipt_of(again)["code"] == "ORDER_REPLAYED"


@pytest.mark.parametrize(("late_ms", "code"), [(0, ""), (1, "ORDER_EXPIRED")])
def test_6_2_9_an_order_is_accepted_until_its_last_instant(late_ms: int, code: str) -> None:
    rig = Rig()
    assert rig.receipt_of(order_envelope("stop", expires_at_ms=NOON_MS - late_ms))["code"] == code


def test_6_2_9_without_trusted_time_nothing_is_late() -> None:
    rig = Rig(in_service=False)
    rig.load_content()
    rig.give(on.Claimed(venue=VENUE, region=REGION))
    late = order_envelope("stop", issued_at_ms=NOON_MS - 9 * DAY_MS, expires_at_ms=NOON_MS - DAY_MS)
    assert rig.receipt_of(late)["result"] == "accepted"


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (Scope(venues=(OTHER_VENUE,), region=""), "ORDER_NOT_ADDRESSED"),
        (Scope(venues=(OTHER_VENUE, VENUE), region=""), ""),
        (Scope(venues=(), region=REGION), ""),
    ],
)
def test_6_2_10_an_order_must_name_the_venue_or_its_region(scope: Scope, code: str) -> None:
    assert Rig().receipt_of(order_envelope("stop", scope=scope))["code"] == code


@pytest.mark.parametrize(
    ("signers", "changes", "code"),
    [
        ((ZHANG,), {}, "ORDER_THRESHOLD"),
        ((ZHANG, ZHANG_SECOND), {}, "ORDER_SAME_PERSON"),
        ((ZHANG, STRANGER), {}, "ORDER_THRESHOLD"),
        ((STRANGER,), {}, "SIGNER_UNKNOWN"),
        ((LI, CHEN), {}, "ORDER_DRAFTER"),
        ((ZHANG, LI), {"authority": PROVINCE}, "ORDER_REGION"),
    ],
)
def test_6_2_what_is_rejected_is_said_and_written_down(
    signers: tuple[builders.FakeSigner, ...], changes: dict[str, str], code: str
) -> None:
    rig = Rig()
    raw = order_envelope("stop", signers=signers, **changes)
    receipt = rig.receipt_of(raw)
    assert (receipt["result"], receipt["code"], receipt["holds"]) == ("rejected", code, [])
    body = rig.bodies("ORDER")[-1]
    assert (body["result"], body["code"], body["order"]) == ("rejected", code, receipt["id"])
    assert body["document"] == receipt["document"]
    assert rig.state == "in-service"


def test_6_2_1_noise_is_rejected_under_the_hash_of_its_bytes() -> None:
    rig = Rig()
    receipt = rig.receipt_of(b"noise")
    assert (receipt["id"], receipt["code"]) == ("", "DOCUMENT_MALFORMED")
    assert receipt["document"] == hashlib.sha256(b"noise").hexdigest()


def test_6_2_3_a_malformed_payload_is_rejected_under_its_own_hash() -> None:
    rig = Rig()
    envelope = seal("order", b"{}", (ZHANG, LI))
    receipt = rig.receipt_of(envelope.encode())
    assert (receipt["code"], receipt["document"], receipt["id"]) == ("ORDER_MALFORMED", envelope.document, "")


def test_6_3_4_a_stop_whose_end_is_past_never_comes_into_force_over_a_restart_either() -> None:
    rig = Rig()
    assert rig.receipt_of(order_envelope("stop", ends_at_ms=NOON_MS))["holds"] == []
    rig.restart()
    assert rig.state == "in-service"


def test_6_4_a_stop_refuses_at_once_and_cuts_after_its_grace() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.receipt_of(order_envelope("stop", grace_s=60))
    assert rig.play("K2").body["code"] == "VENUE_LOCKED"
    assert rig.box.state_body(rig.now)["cut_in_s"] == 60
    rig.wait(59)
    assert rig.pushed("cut") == []
    rig.wait(1)
    assert rig.pushed("cut") == [{"type": "cut", "play": play, "room": "K1", "reason": "lock"}]
    end = rig.bodies("PLAY_END")[-1]
    assert (end["reason"], end["elapsed_s"], end["counted"]) == ("lock", 60, True)


def test_6_4_without_grace_songs_are_cut_with_the_order() -> None:
    rig = Rig()
    rig.play("K1")
    rig.done.clear()
    rig.receipt_of(order_envelope("stop", grace_s=0))
    kinds = [type(effect) for effect in rig.done]
    wanted = [do.Push, do.Append, do.Append, do.SaveState, do.TickCounter, do.Send]
    assert kinds[:6] == wanted, "silence, order, end, record, counter, receipt"
    assert [body["reason"] for body in rig.bodies("PLAY_END")] == ["lock"]


def test_6_4_the_shortest_grace_of_several_stops_counts() -> None:
    rig = Rig()
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", number=1, grace_s=GRACE_S_MAX))
    rig.receipt_of(order_envelope("stop", number=2, grace_s=10))
    rig.wait(10)
    assert len(rig.pushed("cut")) == 1


def test_15_4_the_end_of_a_song_is_told_when_it_is_fixed_and_a_minute_before() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    told = {"type": "countdown", "room": "K1", "play": play, "reason": "lock"}
    rig.receipt_of(order_envelope("stop", grace_s=600))
    assert rig.pushed("countdown") == [told | {"ends_in_s": 600}]
    rig.wait(539)
    assert len(rig.pushed("countdown")) == 1
    rig.wait(1)
    assert rig.pushed("countdown")[1:] == [told | {"ends_in_s": 60}]
    rig.wait(59)
    assert (len(rig.pushed("countdown")), rig.pushed("cut")) == (2, [])
    rig.wait(1)
    assert len(rig.pushed("cut")) == 1


def test_15_4_an_urgent_stop_is_told_once_and_a_sooner_one_again() -> None:
    rig = Rig()
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", number=1, grace_s=600))
    rig.receipt_of(order_envelope("stop", number=2, grace_s=10))
    assert [event["ends_in_s"] for event in rig.pushed("countdown")] == [600, 10]
    rig.wait(10)
    assert [event["type"] for event in rig.pushed("countdown") + rig.pushed("cut")] == ["countdown", "countdown", "cut"]


def test_6_4_a_loss_of_power_ends_the_grace_with_the_songs_that_it_spared() -> None:
    rig = Rig()
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", grace_s=600))
    rig.wait(5)
    assert rig.box.state_body(rig.now)["cut_in_s"] == 595
    rig.restart()
    state = rig.box.state_body(rig.now)
    assert (state["state"], state["cut_in_s"], state["rooms"]) == ("locked", 0, [])
    shown = [effect for effect in rig.done if isinstance(effect, do.Show)][-1]
    assert not shown.relay_closed, "the relay is open: no song sounds"


def test_6_4_a_resume_within_the_grace_lets_songs_run_on() -> None:
    rig = Rig()
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", grace_s=30))
    rig.receipt_of(order_envelope("resume", number=2))
    rig.wait(60)
    assert rig.pushed("cut") == []
    assert rig.state == "in-service"


def test_15_4_a_resume_within_the_grace_takes_the_countdown_back_once() -> None:
    rig = Rig()
    told = {"type": "countdown", "room": "K1", "play": rig.play("K1").body["play"], "reason": "lock"}
    rig.receipt_of(order_envelope("stop", grace_s=30))
    rig.receipt_of(order_envelope("resume", number=2))
    assert rig.pushed("countdown") == [told | {"ends_in_s": 30}, told | {"ends_in_s": None}]
    rig.wait(60)
    assert len(rig.pushed("countdown")) == 2, "a song of which nothing was told is not told of"


def test_15_1_a_rejected_order_at_the_box_is_told_in_two_languages() -> None:
    rig = Rig()
    answer = rig.order(order_envelope("stop", signers=(ZHANG,)))
    assert isinstance(answer, do.Reply)
    assert answer.status == 422
    assert sorted(answer.body) == ["code", "message_en", "message_zh", "request_id"]


def test_an_unclaimed_box_takes_no_orders() -> None:
    rig = Rig(in_service=False)
    rig.load_content()
    answer = rig.order(order_envelope("stop"))
    assert isinstance(answer, do.Reply)
    assert (answer.status, answer.body["code"]) == (403, "BOX_UNCLAIMED")
    assert rig.bodies("ORDER") == []


def test_a_box_without_policy_knows_no_signer() -> None:
    rig = Rig(in_service=False)
    rig.give(on.Claimed(venue=VENUE, region=REGION))
    assert rig.receipt_of(order_envelope("stop"))["code"] == "SIGNER_UNKNOWN"


def test_a_province_closes_and_a_county_cannot_open() -> None:
    rig = Rig()
    stop = order_envelope("stop", signers=(CHEN, ZHOU), authority=PROVINCE, drafted_by="chen")
    closed = rig.receipt_of(stop)["holds"]
    receipt = rig.receipt_of(order_envelope("resume", number=2, ends=tuple(closed)))
    assert (receipt["result"], receipt["holds"]) == ("accepted", closed)
    assert rig.state == "locked"


def test_9_3_an_order_names_what_it_ends_within_the_size_of_an_entry() -> None:
    rig = Rig()
    ends = tuple([f"{REGION}-2026-{number:06d}" for number in range(64)])
    rig.receipt_of(order_envelope("resume", number=99, ends=ends))
    assert rig.bodies("ORDER")[-1]["ends"] == list(ends[: orders_module.ENDS_IN_ENTRY_MAX])


def test_6_3_5_one_order_too_many_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "KNOWN_ORDERS_MAX", 1)
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    assert rig.receipt_of(order_envelope("stop", number=2))["code"] == "ORDER_TOO_MANY"


def test_6_3_5_known_orders_are_forgotten_when_they_would_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "KNOWN_ORDERS_MAX", 1)
    rig = Rig()
    raw = order_envelope("stop", expires_at_ms=NOON_MS + 5_000)
    rig.receipt_of(raw)
    rig.wait(6)
    assert rig.receipt_of(raw)["code"] == "ORDER_EXPIRED"
    assert rig.receipt_of(order_envelope("stop", number=2))["result"] == "accepted"


def test_9_10_rejections_do_not_fill_the_journal_and_are_counted() -> None:
    rig = Rig()
    for _ in range(100):
        assert rig.order(b"noise").status == 422
    assert len(rig.bodies("ORDER")) == 20
    assert len(rig.sent("receipt")) == 20
    rig.wait(61)
    assert rig.report["refused"] == {"DOCUMENT_MALFORMED": 100}
    rig.order(b"noise")
    assert len(rig.bodies("ORDER")) == 21
    assert len(rig.box.state_body(rig.now)["rejections"]) == 16


def test_6_3_3_an_ending_that_came_early_is_still_remembered_later() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("resume", number=2))
    rig.wait(30)
    rig.restart()
    assert rig.receipt_of(order_envelope("stop"))["holds"] == []


def test_6_3_3_an_ending_issued_ahead_of_the_boxs_time_is_kept_from_its_issue_on() -> None:
    rig = Rig()
    ahead = 100 * DAY_MS
    issued_at_ms = NOON_MS + ahead
    rig.receipt_of(order_envelope("resume", number=2, issued_at_ms=issued_at_ms, expires_at_ms=issued_at_ms + 1))
    rig.mono_ms += ahead
    rig.give(on.Tick())
    later = {"issued_at_ms": issued_at_ms - 1, "expires_at_ms": issued_at_ms + DAY_MS}
    stop = seal(
        "order", builders.order("stop", ends_at_ms=issued_at_ms + DAY_MS, **later).encode(), (ZHANG, LI)
    ).encode()
    assert rig.receipt_of(stop)["holds"] == []


@pytest.mark.parametrize(("signers", "looks"), [((STRANGER,), True), ((ZHANG, STRANGER), True), ((LI, CHEN), False)])
def test_an_officer_whom_the_policy_does_not_know_makes_the_box_look_for_a_newer_one(
    signers: tuple[builders.FakeSigner, ...], looks: bool
) -> None:
    rig = Rig()
    raw = order_envelope("stop", signers=signers)
    assert (do.LookForTargets() in rig.give(on.OrderReceived(request="", raw=raw))) is looks
    assert do.LookForTargets() not in rig.give(on.OrderReceived(request="r", raw=raw)), "not at a stranger's bidding"


def test_9_10_noise_from_the_venue_leaves_the_fleet_its_receipts() -> None:
    rig = Rig()
    for _ in range(100):
        rig.order(b"noise")
    assert rig.receipt_of(order_envelope("stop", signers=(ZHANG,)))["code"] == "ORDER_THRESHOLD"


PAPERS = (
    order_envelope("stop", number=1),
    order_envelope("stop", number=2, signers=(CHEN, ZHOU), authority=PROVINCE, drafted_by="chen"),
    order_envelope("resume", number=3, ends=(f"{REGION}-2026-000001", f"{PROVINCE}-2026-000002")),
    order_envelope("ban", number=4),
    order_envelope("lift", number=5, ends=(f"{REGION}-2026-000004",)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(PAPERS), max_size=8), st.integers(0, 119))
def test_6_2_order_of_arrival_and_repetition_never_matter(noise: list[bytes], permutation: int) -> None:
    """The province's stop stands, everything else is ended; by whatever way it came."""
    rig = Rig()
    order = next(itertools.islice(itertools.permutations(PAPERS), permutation, None))
    for raw in [*noise, *order]:
        rig.give(on.OrderReceived(request="", raw=raw))
    assert rig.last_receipt["holds"] == [f"{PROVINCE}-2026-000002"]
    rig.restart()
    assert rig.state == "locked"
