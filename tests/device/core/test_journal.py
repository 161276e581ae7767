"""The end of the journal: chain, failure, recovery, epochs (SPEC 9.2, 9.5, 9.7, 9.11)."""

import json
from typing import Any

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.journal import RETRY_MS
from device.protocol.journal import Entry, first_chain, next_chain
from tests import builders
from tests.box_rig import Rig


def is_sound(rig: Rig) -> bool:
    """Every epoch chains from its first value, without a gap."""
    head, size = b"\x00" * 32, 0
    for epoch in sorted(rig.disk.entries):
        chain = first_chain(rig.disk.box, epoch, head, size)
        entries = rig.disk.entries[epoch]
        for seq, raw in enumerate(entries):
            entry = Entry.decode(raw)
            assert (entry.epoch, entry.seq) == (epoch, seq)
            chain = next_chain(chain, seq, raw)
            assert chain == rig.disk.chains[epoch][seq]
        head, size = chain, len(entries)
    return True


def recover(rig: Rig) -> None:
    """The disk works again, and the runtime opens the journal as it was asked to."""
    rig.journal_works = True
    rig.mono_ms += RETRY_MS
    asked = rig.give(on.Tick())
    assert any(isinstance(effect, do.RecoverJournal) for effect in asked)
    rig.recover_journal()


def test_9_5_entries_chain_from_the_first_on() -> None:
    rig = Rig()
    rig.play("K1")
    rig.play("K1")
    rig.restart()
    assert is_sound(rig)


def test_9_7_a_play_that_could_not_be_written_was_never_allowed() -> None:
    rig = Rig()
    rig.journal_works = False
    reply = rig.play("K1")
    assert (reply.status, reply.body["code"]) == (503, "JOURNAL_UNAVAILABLE")
    assert rig.state == "failed"
    recover(rig)
    assert rig.bodies("PLAY_START") == []
    assert rig.box.state_body(rig.now)["rooms"] == []
    assert is_sound(rig)


def test_9_7_while_the_journal_is_away_plays_are_refused() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    size = rig.disk.size
    reply = rig.play("K2")
    assert (reply.status, reply.body["code"]) == (403, "JOURNAL_UNAVAILABLE")
    assert rig.disk.size == size


def test_9_7_the_box_recovers_by_itself() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    recover(rig)
    assert rig.state == "in-service"
    assert rig.play("K1").status == 201
    assert is_sound(rig)


def test_9_7_recovery_is_tried_again_but_not_without_pause() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    assert rig.give(on.Tick()) == []
    for _ in range(2):
        rig.mono_ms += RETRY_MS
        assert do.RecoverJournal() in rig.give(on.Tick())
        rig.give(on.JournalFailed(reason="full", requests=[]))
        assert do.RecoverJournal() not in rig.give(on.Tick())


def test_an_end_that_could_not_be_written_is_written_at_recovery() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.journal_works = False
    assert rig.end(play, 200).status == 503
    recover(rig)
    assert [body["play"] for body in rig.bodies("PLAY_END")] == [play]
    assert rig.end(play, 200).body == {"counted": True}
    assert is_sound(rig)


def test_an_end_while_the_journal_is_away_is_written_at_recovery_with_its_own_instant() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.journal_works = False
    rig.play("K2")
    ended_at_ms = rig.box.trusted_ms(rig.now)
    assert rig.end(play, 200).status == 503
    assert rig.end(play, 200).status == 503, "not safe yet, however often it is told"
    recover(rig)
    assert [entry["at_ms"] for entry in rig.entries("PLAY_END")] == [ended_at_ms]


def test_the_skip_of_a_play_that_was_never_allowed_leaves_no_trace() -> None:
    rig = Rig()
    first = rig.play("K1").body["play"]
    rig.journal_works = False
    effects = rig.box.handle(on.PlayRequested(request="a", room="K1", song="000483", kind="guest", file=""), rig.now)
    rig.box.handle(on.PlayRequested(request="b", room="K1", song="000484", kind="guest", file=""), rig.now)
    assert len([effect for effect in effects if isinstance(effect, do.Append)]) == 2
    rig.give(on.JournalFailed(reason="full", requests=["a", "b"]))
    recover(rig)
    assert [body["play"] for body in rig.bodies("PLAY_END")] == [first]
    assert len(rig.bodies("PLAY_START")) == 1
    assert rig.box.state_body(rig.now)["rooms"] == []
    assert is_sound(rig)


def test_an_order_that_could_not_be_written_gets_no_receipt_until_it_is() -> None:
    rig = Rig()
    rig.journal_works = False
    answer = rig.order(builders.order_envelope("stop"))
    assert answer.status == 503
    assert rig.sent("receipt") == []
    assert rig.order(builders.order_envelope("stop")).status == 503
    recover(rig)
    receipt = rig.receipt_of(builders.order_envelope("stop"))
    assert (receipt["result"], receipt["holds"]) == ("known", [f"{builders.REGION}-2026-000001"])
    assert [body["result"] for body in rig.bodies("ORDER")] == ["accepted"]
    rig.restart()
    assert rig.state == "locked"


def test_silence_waits_for_no_disk() -> None:
    rig = Rig()
    rig.play("K1")
    rig.journal_works = False
    rig.order(builders.order_envelope("stop"))
    assert [event["reason"] for event in rig.pushed("cut")] == ["lock"]


def test_what_must_not_be_lost_while_the_journal_is_away_is_kept() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    rig.seal(True)
    recover(rig)
    assert [body["open"] for body in rig.bodies("SEAL")] == [True]
    rig.restart()
    assert rig.box.state_body(rig.now)["seal"] == "open"


def test_a_confirmed_slot_is_marked_again_after_a_recovery() -> None:
    """The mark may have stood behind the append that failed; marking twice does no harm."""
    rig = Rig()
    rig.give(on.RolloutReceived(raw=builders.leg_envelope()))
    rig.give(on.UpdateAdvanced(state="written", code=""))
    rig.give(on.UpdateAdvanced(state="armed", code=""))
    rig.version, rig.slot = "2.0.0", "b"
    rig.restart()
    rig.journal_works = False
    rig.give(on.UpdateAdvanced(state="confirmed", code=""))
    rig.done.clear()
    recover(rig)
    assert do.ConfirmSlot(is_only=False) in rig.done
    assert rig.bodies("UPDATE")[-1]["state"] == "confirmed"


def test_9_11_a_journal_behind_what_was_durable_uses_no_number_twice() -> None:
    """Neither record nor fleet know of the last entries; the box has told others that they were durable."""
    rig = Rig()
    rig.give(on.Tick())
    rig.play("K1")
    play = rig.play("K2").body["play"]
    size, head = rig.disk.size, rig.disk.head
    rig.disk.entries[1], rig.disk.chains[1] = rig.disk.entries[1][:-1], rig.disk.chains[1][:-1]
    rig.journal_works = False
    rig.play("K3")
    recover(rig)
    body = {"size": size, "head": head.hex(), "reason": "lost", "at": size - 1}
    assert rig.bodies("EPOCH") == [body]
    assert rig.end(play, 200).body == {"counted": True}
    assert rig.bodies("PLAY_END")[-1]["play"] == play


def test_9_11_a_shortened_journal_begins_a_new_epoch_and_no_number_is_used_twice() -> None:
    rig = Rig()
    rig.play("K1")
    rig.seal(True)  # saves the record
    known_size, known_head = rig.disk.size, rig.disk.head
    rig.disk.entries[1] = rig.disk.entries[1][:2]
    rig.disk.chains[1] = rig.disk.chains[1][:2]
    rig.restart()
    opening = rig.disk.entries[2][0]
    assert json.loads(opening)["kind"] == "EPOCH"
    body = {"size": known_size, "head": known_head.hex(), "reason": "lost", "at": 2}
    assert json.loads(opening)["body"] == body
    expected = next_chain(first_chain(rig.disk.box, 2, known_head, known_size), 0, opening)
    assert rig.disk.chains[2][0] == expected
    assert rig.box.watermark == 0


def test_9_11_a_journal_behind_the_acknowledged_one_begins_a_new_epoch_at_recovery() -> None:
    rig = Rig()
    rig.play("K1")
    size = rig.disk.size
    rig.give(on.AckReceived(raw=builders.ack_envelope(size=size, head=rig.disk.head.hex())))
    rig.journal_works = False
    rig.play("K2")
    rig.disk.entries[1] = rig.disk.entries[1][:2]
    rig.disk.chains[1] = rig.disk.chains[1][:2]
    recover(rig)
    assert rig.disk.epoch == 2
    assert rig.play("K3").body["play"].startswith("2-")


def test_9_11_a_new_epoch_that_could_not_be_written_is_begun_again_with_all_that_belongs_to_it() -> None:
    """The disk is shorter than the record says, and fails while the box says so."""
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.give(on.SealChanged(is_open=True, was_opened=True, at_boot=False))  # saves the record
    size = rig.disk.size
    rig.disk.entries[1] = rig.disk.entries[1][: size - 1]
    rig.disk.chains[1] = rig.disk.chains[1][: size - 1]
    rig.lose_power()
    rig.journal_works = False
    rig.start()
    rig.load_content()
    recover(rig)
    assert [entry["kind"] for entry in rig.entries() if entry["epoch"] == 2][:3] == ["EPOCH", "PLAY_END", "BOOT"]
    assert [body["play"] for body in rig.bodies("PLAY_END")] == [play]
    assert rig.disk.size > 0
    assert json.loads(rig.disk.entries[2][0])["body"]["size"] == size


def test_9_7_an_answer_that_was_dropped_behind_its_durable_start_ends_the_play_uncounted() -> None:
    rig = Rig()
    request = rig.request()
    asked = on.PlayRequested(request=request, room="K1", song="000482", kind="guest", file="")
    (start,) = [effect for effect in rig.box.handle(asked, rig.now) if isinstance(effect, do.Append)]
    rig.disk.append(start)
    rig.give(on.JournalFailed(reason="the state record", requests=[request]))
    recover(rig)
    (end,) = rig.bodies("PLAY_END")
    assert (end["played_s"], end["reason"], end["counted"]) == (0, "skip", False)
    assert rig.box.state_body(rig.now)["rooms"] == []


def test_9_12_a_full_journal_takes_no_play_and_no_refusal_but_ends() -> None:
    rig = Rig()
    rig.play("K9")
    play = rig.play("K1").body["play"]
    rig.give(on.Observed(faults=("JOURNAL_FULL",), refused={}))
    size = rig.disk.size
    for _ in range(3):
        reply = rig.play("K2")
        assert (reply.status, reply.body["code"]) == (403, "JOURNAL_FULL")
        assert rig.order(builders.order_envelope("stop", signers=(builders.ZHANG,))).status == 422
    assert (rig.state, rig.disk.size) == ("failed", size)
    assert rig.end(play).status == 200
    rig.give(on.Observed(faults=("JOURNAL_NEARLY_FULL",), refused={}))
    assert (rig.state, rig.play("K2").status) == ("in-service", 201)


def nack(rig: Rig, **changes: Any) -> list[object]:
    fields: dict[str, Any] = {"result": "nack", "code": "BATCH_FORK"}
    return list(rig.give(on.AckReceived(raw=builders.ack_envelope(**fields, **changes))))


def epochs_of(rig: Rig) -> list[tuple[int, int, str]]:
    return [(entry["epoch"], entry["body"]["size"], entry["body"]["head"]) for entry in rig.entries("EPOCH")]


def test_10_3_a_nack_that_proves_another_journal_begins_an_epoch_behind_it() -> None:
    for epoch, size, head in ((1, 999, "a" * 64), (1, 2, "b" * 64), (7, 3, "c" * 64)):
        rig = Rig()
        nack(rig, epoch=epoch, size=size, head=head)
        assert epochs_of(rig) == [(epoch + 1, size, head)]
        assert rig.play("K1").body["play"] == f"{epoch + 1}-1"
        rig.restart()
        assert rig.disk.epoch == epoch + 1
        assert len(rig.entries("EPOCH")) == 1, "it is remembered"


@pytest.mark.parametrize("damaged_at", [None, 1])
def test_9_11_a_journal_written_anew_on_the_card_begins_an_epoch_behind_what_the_record_knows(
    damaged_at: int | None,
) -> None:
    """Also where something in it is damaged besides: of such an epoch the box signs nothing (SPEC 9.13)."""
    rig = Rig()
    rig.end(rig.play("K1").body["play"])
    rig.wait(600)
    size, head = rig.disk.size, rig.disk.head.hex()
    rig.restart()
    assert not epochs_of(rig)
    known = json.loads(rig.disk.state or b"")["journal"]
    edit(rig)
    rig.lose_power()
    rig.start(journal_damaged_at=damaged_at)
    rig.load_content()
    assert epochs_of(rig) == [(2, known["size"], known["head"])]
    assert rig.bodies("EPOCH")[0]["reason"] == "edited"
    assert (size, head) != (known["size"], known["head"])
    rig.restart()
    assert len(epochs_of(rig)) == 1


def test_9_11_that_a_journal_was_edited_is_said_also_where_the_first_write_fails() -> None:
    """The owner, who has edited it, lets the card stand still for a moment too."""
    rig = Rig()
    rig.end(rig.play("K1").body["play"])
    rig.wait(600)
    edit(rig)
    rig.lose_power()
    rig.journal_works = False
    rig.start()
    known = json.loads(rig.disk.state or b"")["journal"]
    recover(rig)
    assert rig.bodies("EPOCH") == [
        {"size": known["size"], "head": known["head"], "reason": "edited", "at": known["size"]}
    ]


def edit(rig: Rig) -> None:
    """Write the journal anew, as who has the card may: no key is in its chain."""
    chain = first_chain(rig.disk.box, 1)
    for seq, raw in enumerate(rig.disk.entries[1]):
        edited = rig.disk.entries[1][seq] = raw.replace(b'"guest"', b'"filler"')
        chain = rig.disk.chains[1][seq] = next_chain(chain, seq, edited)


def test_10_3_a_nack_for_what_is_gone_begins_an_epoch_behind_the_own_end() -> None:
    rig = Rig()
    rig.lose_power()
    rig.start(journal_first=5)
    rig.load_content()
    place = (rig.disk.size, rig.disk.head.hex())
    head = rig.disk.chains[1][5]
    assert do.SendFrom(epoch=1, size=6, head=head) in nack(rig, size=6, head=head.hex())
    nack(rig, size=2, head=rig.disk.chains[1][1].hex())
    assert epochs_of(rig) == [(2, *place)]


def test_10_3_nacks_cannot_begin_epochs_without_end() -> None:
    rig = Rig()
    for _ in range(10):
        nack(rig, epoch=rig.disk.epoch, size=999, head="a" * 64)
    assert rig.disk.epoch == 5


@pytest.mark.parametrize("epoch", [1_002, 99_999_998, 99_999_999])
def test_10_3_a_nack_far_ahead_uses_no_epochs_up(epoch: int) -> None:
    """Whoever holds the ack key would else make the box write where no recovery looks, or end it."""
    rig = Rig()
    assert not nack(rig, epoch=epoch, size=1, head="a" * 64)
    assert rig.disk.epoch == 1
    nack(rig, epoch=1_001, size=1, head="a" * 64)
    assert rig.disk.epoch == 1_002


def test_10_3_while_the_journal_is_away_a_nack_begins_nothing() -> None:
    rig = Rig()
    rig.journal_works = False
    rig.play("K1")
    assert not [effect for effect in nack(rig, size=999, head="a" * 64) if isinstance(effect, do.Append)]
