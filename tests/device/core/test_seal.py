"""The seal: recorded, latched, and cleared by officers alone (SPEC 6.8)."""

import pytest

from device.core import effects as do
from device.core import events as on
from tests import builders
from tests.box_rig import Rig
from tests.builders import order_envelope


def opened(rig: Rig) -> int:
    """Open and close; the opening's number."""
    rig.seal(True)
    rig.seal(False)
    return int(rig.report["opening"])


def clear(rig: Rig, opening: int, number: int = 1) -> bytes:
    return order_envelope("service", number=number, opening=opening)


@pytest.mark.parametrize("is_open", [True, False])
def test_9_3_the_seal_is_an_entry_when_it_changes(is_open: bool) -> None:
    rig = Rig()
    rig.seal(is_open)
    rig.seal(is_open)
    assert [body["open"] for body in rig.bodies("SEAL")] == ([True] if is_open else [])


def test_6_8_an_opening_is_written_reported_and_told_at_once_and_stops_no_play() -> None:
    rig = Rig()
    rig.play("K1")
    rig.done.clear()
    rig.seal(True)
    assert [type(effect) for effect in rig.done[:3]] == [do.Append, do.SaveState, do.TickCounter]
    assert rig.bodies("SEAL") == [{"open": True, "opening": rig.disk.counter, "at_boot": False}]
    assert (rig.report["seal"], rig.report["opening"]) == ("open", rig.disk.counter)
    assert rig.pushed("state")[-1]["seal"] == "open"
    assert rig.play("K2").status == 201
    assert rig.pushed("cut") == []


def test_6_8_a_closed_seal_was_opened_over_every_restart() -> None:
    rig = Rig()
    opening = opened(rig)
    for _ in range(3):
        assert rig.box.state_body(rig.now)["seal"] == "was-opened"
        rig.restart()
        rig.seal(False, at_boot=True)
    assert rig.box.state_body(rig.now)["opening"] == opening


def test_9_3_a_seal_that_is_open_at_the_next_start_is_written_down_then() -> None:
    rig = Rig()
    rig.restart()
    rig.seal(True, at_boot=True)
    assert [(body["open"], body["at_boot"]) for body in rig.bodies("SEAL")] == [(True, True)]
    rig.restart()
    rig.seal(True, at_boot=True)
    assert len(rig.bodies("SEAL")) == 1, "known already"


def test_6_8_the_latch_tells_what_happened_without_power() -> None:
    rig = Rig()
    rig.lose_power()
    rig.disk.seal_latch = True
    rig.start()
    rig.load_content()
    rig.seal(False, at_boot=True)
    assert [(body["open"], body["at_boot"]) for body in rig.bodies("SEAL")] == [(False, True)]
    assert rig.box.state_body(rig.now)["seal"] == "was-opened"
    assert not rig.disk.seal_latch
    rig.restart()
    rig.seal(False, at_boot=True)
    assert len(rig.bodies("SEAL")) == 1


def test_6_8_the_latch_is_let_go_only_behind_the_record_and_with_the_loop_closed() -> None:
    rig = Rig()
    rig.done.clear()
    rig.seal(True)
    assert do.ReleaseSealLatch not in [type(effect) for effect in rig.done]
    rig.done.clear()
    rig.seal(False)
    kinds = [type(effect) for effect in rig.done]
    assert kinds[:4] == [do.Append, do.SaveState, do.TickCounter, do.ReleaseSealLatch]
    assert not rig.disk.seal_latch


def test_6_8_while_the_journal_is_away_the_latch_stays() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    rig.seal(True)
    rig.seal(False)
    latches = [rig.disk.seal_latch]
    rig.journal_works = True
    rig.recover_journal()
    opening = rig.box.state_body(rig.now)["opening"]
    latches.append(rig.disk.seal_latch)
    assert latches == [True, False]
    rig.restart()
    rig.seal(False, at_boot=True)
    state = rig.box.state_body(rig.now)
    assert (state["seal"], state["opening"]) == ("was-opened", opening)


def test_6_8_a_service_order_clears_the_opening_that_it_names() -> None:
    rig = Rig()
    opening = opened(rig)
    receipt = rig.receipt_of(clear(rig, opening))
    assert (receipt["result"], receipt["holds"]) == ("accepted", [])
    assert (rig.report["seal"], rig.report["opening"]) == ("intact", opening)
    assert rig.bodies("ORDER")[-1]["kind"] == "service"
    rig.restart()
    rig.seal(False, at_boot=True)
    assert rig.box.state_body(rig.now)["seal"] == "intact"


def test_6_8_a_replayed_service_order_clears_no_later_opening() -> None:
    rig = Rig()
    first = opened(rig)
    raw = clear(rig, first)
    rig.receipt_of(raw)
    second = opened(rig)
    assert second > first
    assert rig.receipt_of(raw)["code"] == "ORDER_REPLAYED"
    assert rig.receipt_of(clear(rig, first, number=2))["code"] == "SEAL_OPENING"
    assert rig.report["seal"] == "was-opened"
    assert rig.receipt_of(clear(rig, second, number=3))["result"] == "accepted"


def test_6_8_an_open_loop_is_not_cleared_and_the_order_may_come_again() -> None:
    rig = Rig()
    rig.seal(True)
    raw = clear(rig, rig.report["opening"])
    assert rig.receipt_of(raw)["code"] == "SEAL_OPEN"
    rig.seal(False)
    assert rig.receipt_of(raw)["result"] == "accepted"
    assert rig.report["seal"] == "intact"


def test_6_8_one_officer_clears_nothing() -> None:
    rig = Rig()
    opening = opened(rig)
    raw = order_envelope("service", signers=(builders.ZHANG,), opening=opening)
    assert rig.receipt_of(raw)["code"] == "ORDER_THRESHOLD"
    assert rig.report["seal"] == "was-opened"


@pytest.mark.parametrize("state", [None, b"noise"])
def test_6_8_a_record_that_is_lost_counts_as_an_opening_above_all_before(state: bytes | None) -> None:
    rig = Rig()
    first = opened(rig)
    rig.receipt_of(clear(rig, first))
    rig.disk.state = state
    rig.restart()
    rig.give(on.Connected())
    assert (rig.report["seal"], rig.report["opening"] > first) == ("was-opened", True)
    rig.restart()
    assert len([body for body in rig.bodies("SEAL") if body["at_boot"]]) == 1, "once, not at every start"


def test_6_8_without_a_durable_record_the_next_opening_still_has_its_own_number() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    rig.seal(True)
    first = rig.box.state_body(rig.now)["opening"]
    rig.seal(False)
    rig.seal(True)
    assert rig.box.state_body(rig.now)["opening"] > first
