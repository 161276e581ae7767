"""Epochs that end for damage, and the acks of those that have ended (SPEC 9.13, 10.3)."""

import pytest

from device.core import effects as do
from device.core import events as on
from tests import builders
from tests.box_rig import Rig
from tests.device.core.test_journal import epochs_of, nack


def test_9_13_an_entry_that_cannot_be_read_ends_the_epoch_behind_its_end() -> None:
    rig = Rig()
    rig.play("K1")
    size, head = rig.disk.size, rig.disk.head
    for epoch, seq in ((1, size), (2, 0)):
        assert rig.give(on.JournalDamaged(epoch=epoch, seq=seq)) == [], "it is not here"
    rig.give(on.JournalDamaged(epoch=1, seq=3))
    (opening,) = rig.bodies("EPOCH")
    assert opening == {"size": size, "head": head.hex(), "reason": "damaged", "at": 3}
    assert rig.play("K2").body["play"] == "2-1"
    rig.give(on.JournalDamaged(epoch=1, seq=5))
    rig.restart()
    assert len(rig.entries("EPOCH")) == 1, "it is remembered"
    for _ in range(9):
        rig.give(on.JournalDamaged(epoch=rig.disk.epoch, seq=0))
    assert rig.disk.epoch == 6, "a reader that is ill fills no card"


def test_9_13_no_epoch_begins_while_nothing_can_be_written() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    rig.give(on.JournalDamaged(epoch=1, seq=3))
    assert not epochs_of(rig)


@pytest.mark.parametrize("is_start", [True, False])
def test_9_13_damage_that_a_recovery_finds_ends_the_epoch_behind_what_is_sound(is_start: bool) -> None:
    rig = Rig()
    rig.play("K1")
    size, head = rig.disk.size, rig.disk.head.hex()
    if is_start:
        rig.lose_power()
        rig.start(journal_damaged_at=4)
    else:
        rig.journal_works = False
        rig.play("K2")
        rig.journal_works = True
        rig.recover_journal(damaged_at=4)
    assert rig.bodies("EPOCH") == [{"size": size, "head": head, "reason": "damaged", "at": 4}]


def test_9_13_damage_in_an_older_epoch_than_the_record_knows_is_a_loss() -> None:
    rig = Rig()
    nack(rig, epoch=3, size=9, head="a" * 64)
    del rig.disk.entries[4], rig.disk.chains[4]
    rig.lose_power()
    rig.start(journal_damaged_at=1)
    reasons = [(entry["epoch"], entry["body"]["reason"], entry["body"]["at"]) for entry in rig.entries("EPOCH")]
    assert reasons == [(5, "lost", 0)]


def test_10_3_an_ended_epoch_has_its_own_watermark_and_begins_nothing() -> None:
    rig = Rig()
    nack(rig, epoch=1, size=999, head="a" * 64)
    assert rig.disk.epoch == 2
    head = (rig.disk.head_at(1, 4) or b"").hex()
    moved = rig.give(on.AckReceived(raw=builders.ack_envelope(epoch=1, size=4, head=head)))
    assert moved == [do.MoveWatermark(epoch=1, size=4)]
    assert rig.give(on.AckReceived(raw=builders.ack_envelope(epoch=1, size=4, head="b" * 64))) == []
    assert rig.box.state_body(rig.now)["refused"] == {"BATCH_FORK": 1}
    for size in (0, 2, 999):
        again = do.SendFrom(epoch=1, size=size, head=b"\xcc" * 32)
        assert nack(rig, epoch=1, size=size, head="c" * 64) == [again]
    assert (rig.disk.epoch, rig.box.watermark) == (2, 0)
