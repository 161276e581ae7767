"""Receipts: what the box has said of an order is true after any loss of power (SPEC 6.5)."""

import itertools
import json

from device.core import effects as do
from device.core import events as on
from tests.box_rig import PowerLostError, Rig
from tests.builders import REGION, order_envelope

STOP_NUMBER = f"{REGION}-2026-000001"


def test_6_5_a_receipt_stands_behind_entry_and_record() -> None:
    rig = Rig()
    effects = rig.give(on.OrderReceived(request="r", raw=order_envelope("stop")))
    kinds = [type(effect) for effect in effects]
    assert kinds[:5] == [do.Append, do.SaveState, do.TickCounter, do.ReplySigned, do.Send]
    receipt = json.loads(rig.sent("receipt")[-1])
    assert (receipt["epoch"], receipt["seq"]) == (1, rig.disk.size - 1)


def test_6_5_who_was_told_of_a_stop_finds_it_after_any_loss_of_power() -> None:
    told_at = []
    for effects in itertools.count():
        rig = Rig()
        rig.power_left = effects
        try:
            rig.give(on.OrderReceived(request="r", raw=order_envelope("stop")))
        except PowerLostError:
            pass
        else:
            break
        shown = [effect.lamp for effect in rig.done if isinstance(effect, do.Show)]
        pushed = [event["state"] for event in rig.pushed("state")]
        if (
            rig.answers
            or rig.sent("receipt")
            or STOP_NUMBER in rig.report["holds"]
            or "locked" in (shown[-1], pushed[-1])
        ):
            told_at.append(effects)
            rig.restart()
            assert rig.state == "locked"
        else:
            rig.restart()
            rig.give(on.Connected())
            has_it = STOP_NUMBER in rig.report["holds"]
            assert has_it == (rig.state == "locked"), "the fleet sends again what the report misses"
            assert rig.receipt_of(order_envelope("stop"))["holds"] == [STOP_NUMBER]
        assert rig.play().status == 403
    assert told_at, "somebody was told"


def test_6_5_a_courier_at_the_box_gets_the_same_receipt() -> None:
    rig = Rig()
    answer = rig.order(order_envelope("stop"))
    assert isinstance(answer, do.ReplySigned)
    assert (answer.status, answer.kind) == (200, "receipt")
    assert answer.payload == rig.sent("receipt")[-1]


def test_6_5_whoever_repeats_an_order_at_the_box_is_answered_there_alone() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    sent = len(rig.sent("receipt"))
    answer = rig.order(order_envelope("stop"))
    assert answer.status == 200
    assert len(rig.sent("receipt")) == sent
