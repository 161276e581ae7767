"""What waits for a journal that takes nothing: ends of plays always, of everything else a little (SPEC 9.10)."""

from device.core import events as on
from device.core import journal
from device.core.journal import Draft, JournalEnd, Position, Stamp
from device.protocol.journal import first_chain
from tests.box_rig import Rig
from tests.device.core.test_journal import is_sound, recover

STAMP = Stamp(at_ms=None, tq="none", rtc_ms=0, mono_ms=0, boot=1)


def test_9_10_no_end_of_a_play_is_left_out_however_much_comes_behind_it() -> None:
    rig = Rig()
    plays = [rig.play(f"K{room}").body["play"] for room in range(20)]
    rig.journal_works = False
    for play in plays:
        assert rig.end(play, 200).status == 503
    for number in range(3 * journal.DRAFTS_MAX):
        rig.seal(number % 2 == 0)
    recover(rig)
    assert [rig.end(play, 200).body for play in plays] == 20 * [{"counted": True}]
    assert [body["play"] for body in rig.bodies("PLAY_END")] == plays
    rig.restart()
    assert [rig.end(play, 200).status for play in plays] == 20 * [200]
    assert {body["reason"] for body in rig.bodies("PLAY_END")} == {"end"}
    assert is_sound(rig)


def test_9_10_of_a_seal_without_rest_the_first_and_the_last_openings_are_written() -> None:
    rig = Rig()
    rig.journal_works = False
    for number in range(1_000):
        rig.seal(number % 2 == 0)
    recover(rig)
    openings = [body["opening"] for body in rig.bodies("SEAL")]
    assert len(openings) == journal.OF_KIND_MAX
    assert (openings[0], openings[-1]) == (openings[-1] - 499, rig.box._memory.seal.opening)


def test_9_10_what_waits_to_be_written_is_bounded() -> None:
    end = JournalEnd("KTV-0001")
    lost: list[Draft] = []
    for number in range(5 * journal.DRAFTS_MAX):
        assert end.append("SEAL", {"open": True, "opening": number, "at_boot": False}, STAMP) is None
        end.append("ORDER", {"order": "", "result": "rejected"}, STAMP)
        assert len(end._waiting) <= journal.DRAFTS_MAX
    for number in range(journal.OF_KIND_MAX):
        end.append("ORDER", {"order": str(number), "result": "accepted"}, STAMP)
    _, lost = end.recover(Position(epoch=1, size=0, head=first_chain("KTV-0001", 1)), None)
    assert len(lost) == 3 * journal.OF_KIND_MAX
    openings = [draft.body["opening"] for draft in lost if draft.kind == "SEAL"]
    half = journal.OF_KIND_MAX // 2
    count = 5 * journal.DRAFTS_MAX
    assert openings == [*range(half), *range(count - half, count)]
    assert [draft.body["order"] for draft in lost[-half:]] == [str(number) for number in range(half, 2 * half)]


def test_a_start_that_never_was_durable_is_no_play_even_if_nobody_waits_for_its_answer() -> None:
    rig = Rig()
    asked = on.PlayRequested(request="", room="K1", song="000482", kind="guest", file="")
    rig.box.handle(asked, rig.now)
    rig.give(on.JournalFailed(reason="full", requests=[]))
    recover(rig)
    assert rig.bodies("PLAY_START", "PLAY_END") == []
    assert rig.box.state_body(rig.now)["rooms"] == []


def test_what_is_durable_is_not_appended_again() -> None:
    end = JournalEnd("KTV-0001")
    end.open(Position(epoch=1, size=0, head=first_chain("KTV-0001", 1)), None, None)
    entries = [end.append("FAULT", {"code": f"DISK_{number}", "begun": True}, STAMP) for number in range(3)]
    assert entries[1] is not None
    end.kept(entries[1])
    end.fail(0)
    _, lost = end.recover(Position(epoch=1, size=2, head=entries[1].chain), None)
    assert [draft.body["code"] for draft in lost] == ["DISK_2"]
