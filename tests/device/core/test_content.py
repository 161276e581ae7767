"""Policy and catalog never go back; the watermark never falls (SPEC 5.3, 8.1, 10.3)."""

import pytest

from device.core import content as content_module
from device.core import effects as do
from device.core import events as on
from device.core.content import Content
from device.core.plays import Rule
from tests import builders
from tests.box_rig import Rig
from tests.builders import ack_envelope


def test_5_3_a_new_policy_is_taken_and_written_down_once() -> None:
    rig = Rig()
    assert rig.bodies("POLICY") == [{"epoch": 1, "result": "accepted", "code": ""}]
    rig.restart()
    assert len(rig.bodies("POLICY")) == 1


def test_5_3_an_older_policy_is_rejected_and_the_one_in_force_stays() -> None:
    rig = Rig()
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=5, may=("notice",)).encode()))
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=4).encode()))
    assert rig.bodies("POLICY")[-1] == {"epoch": 4, "result": "rejected", "code": "POLICY_ROLLBACK"}
    assert rig.receipt_of(builders.order_envelope("stop"))["code"] == "ORDER_NOT_ENTITLED"


def test_5_3_a_policy_put_back_by_hand_is_not_used_after_a_restart() -> None:
    rig = Rig()
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=5).encode()))
    rig.restart()
    assert rig.box.policy is None
    assert rig.receipt_of(builders.order_envelope("stop"))["code"] == "SIGNER_UNKNOWN"


@pytest.mark.parametrize("put_back", [None, 4])
def test_8_6_a_box_that_has_lost_its_policy_plays_nothing_until_it_has_one_again(put_back: int | None) -> None:
    """Without it no order is obeyed: who takes the file off the card must not go on singing."""
    rig = Rig()
    newest = on.PolicyLoaded(raw=builders.policy(epoch=5).encode())
    rig.give(newest)
    rig.lose_power()
    rig.start()
    rig.give(on.CatalogLoaded(epoch=1, entries=3))
    if put_back is not None:
        rig.give(on.PolicyLoaded(raw=builders.policy(epoch=put_back).encode()))
    refusal = rig.play()
    assert (refusal.status, refusal.body["code"], rig.state) == (403, "CONTENT_UNREADABLE", "failed")
    rig.give(on.Connected())
    assert rig.report["faults"] == ["CONTENT_UNREADABLE"]
    rig.give(newest)
    assert rig.play().status == 201
    assert rig.report["faults"] == []


def test_8_6_a_box_that_never_had_a_policy_has_lost_none() -> None:
    rig = Rig(in_service=False)
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    rig.give(on.CatalogLoaded(epoch=1, entries=3))
    assert rig.play().body["code"] == "LEASE_EXPIRED"


def test_5_2_a_malformed_policy_is_rejected() -> None:
    rig = Rig()
    rig.give(on.PolicyLoaded(raw=b"{}"))
    assert rig.bodies("POLICY")[-1] == {"epoch": 0, "result": "rejected", "code": "DOCUMENT_VERSION"}
    assert rig.box.policy is not None


def test_8_1_an_older_catalog_answers_for_no_song() -> None:
    rig = Rig()
    rig.give(on.CatalogLoaded(epoch=7, entries=3))
    assert rig.play().status == 201
    rig.give(on.CatalogLoaded(epoch=6, entries=3))
    assert rig.bodies("CATALOG")[-1] == {"epoch": 6, "result": "rejected", "code": "CATALOG_ROLLBACK"}
    assert rig.play().body["code"] == "SONG_UNKNOWN"
    assert rig.report["catalog_epoch"] == 7


def test_8_1_the_epoch_outlives_the_power() -> None:
    rig = Rig()
    rig.give(on.CatalogLoaded(epoch=7, entries=3))
    rig.restart()  # loads epoch 1
    assert rig.play().body["code"] == "SONG_UNKNOWN"
    rig.give(on.CatalogLoaded(epoch=7, entries=3))
    assert rig.play().status == 201
    assert [body["epoch"] for body in rig.bodies("CATALOG") if body["result"] == "accepted"] == [1, 7]


def test_8_4_without_a_catalog_no_song_is_known() -> None:
    rig = Rig()
    rig.give(on.CatalogLoaded(epoch=2, entries=0))
    assert rig.play().body["code"] == "SONG_UNKNOWN"


@pytest.mark.parametrize("what", ["catalog", "policy"])
def test_content_that_is_not_right_is_written_down(what: str) -> None:
    rig = Rig()
    rig.give(on.ContentRejected(what=what, epoch=9, code="CONTENT_UNTRUSTED"))
    assert rig.bodies(what.upper())[-1] == {"epoch": 9, "result": "rejected", "code": "CONTENT_UNTRUSTED"}
    assert rig.play().status == 201


def test_9_10_content_that_is_never_right_does_not_fill_the_journal() -> None:
    rig = Rig()
    for _ in range(50):
        rig.give(on.ContentRejected(what="catalog", epoch=9, code="CONTENT_UNTRUSTED"))
    assert len(rig.bodies("CATALOG")) == 21


def test_11_2_the_doorbell_makes_the_box_look() -> None:
    assert do.LookForTargets() in Rig().give(on.LookReceived())


def test_rules_of_counting_are_bounded() -> None:
    content = Content()
    for seq in range(20):
        content.set_rule(Rule(epoch=1, seq=seq, policy_epoch=seq, cut_song_s=60))
    assert len(content.rules) == content_module.RULES_MAX
    assert content.rules[-1].seq == 19


def ack(rig: Rig, size: int, **changes: object) -> bytes:
    fields: dict[str, object] = {"size": size, "head": (rig.disk.head_at(1, size) or b"\x00" * 32).hex()}
    fields.update(changes)
    return ack_envelope(**fields)  # type: ignore[arg-type] # fields of many types


def test_10_3_an_ack_of_the_own_head_moves_the_watermark() -> None:
    rig = Rig()
    assert do.MoveWatermark(epoch=1, size=4) in rig.give(on.AckReceived(raw=ack(rig, 4)))
    assert rig.box.watermark == 4


def test_10_3_the_watermark_never_falls() -> None:
    rig = Rig()
    rig.give(on.AckReceived(raw=ack(rig, 4)))
    assert rig.give(on.AckReceived(raw=ack(rig, 3))) == []
    assert rig.box.watermark == 4


@pytest.mark.parametrize(
    ("size", "changes", "code"),
    [
        (4, {"head": "f" * 64}, "BATCH_FORK"),
        (999, {}, "BATCH_FORK"),
        (0, {}, "BATCH_FORK"),
        (4, {"epoch": 2}, "BATCH_EPOCH"),
        (4, {"box": "KTV-00000002"}, "BATCH_IDENTITY"),
        (4, {"signers": (builders.LEASE_KEY,)}, "SIGNER_UNKNOWN"),
    ],
)
def test_10_3_no_other_ack_moves_it(size: int, changes: dict[str, object], code: str) -> None:
    rig = Rig()
    rig.give(on.AckReceived(raw=ack(rig, size, **changes)))
    assert rig.box.watermark == 0
    assert rig.box.state_body(rig.now)["refused"] == {code: 1}


def test_10_3_a_nack_makes_the_box_send_again() -> None:
    rig = Rig()
    rig.give(on.AckReceived(raw=ack(rig, 4)))
    for size, code in ((2, "BATCH_GAP"), (rig.disk.size, "")):
        again = do.SendFrom(epoch=1, size=size, head=rig.disk.head_at(1, size) or b"")
        assert again in rig.give(on.AckReceived(raw=ack(rig, size, result="nack", code=code)))
    assert rig.box.watermark == 4


def test_10_3_without_policy_no_ack_is_believed() -> None:
    rig = Rig(in_service=False)
    rig.give(on.AckReceived(raw=ack(rig, 1)))
    assert rig.box.watermark == 0


def test_the_watermark_is_saved_within_a_minute() -> None:
    rig = Rig()
    rig.give(on.AckReceived(raw=ack(rig, 4)))
    rig.wait(60)
    rig.restart()
    assert rig.box.watermark == 4
    assert rig.box.state_body(rig.now)["journal"]["watermark"] == 4
