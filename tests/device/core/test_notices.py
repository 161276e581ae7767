"""Notices: delivered, shown, acknowledged (SPEC 12)."""

import json

import pytest

from device.core import effects as do
from device.core import events as on
from device.core import notices as notices_module
from device.protocol.orders import Scope
from tests import builders
from tests.box_rig import Rig
from tests.builders import LI, NOON_MS, OTHER_VENUE, REGION, STRANGER, VENUE, WANG, notice_envelope

NUMBER = f"{REGION}-2026-T00001"


def test_12_1_a_notice_is_written_down_answered_and_pushed() -> None:
    rig = Rig()
    effects = rig.give(on.NoticeReceived(request="r", raw=notice_envelope()))
    kinds = [type(effect) for effect in effects[:6]]
    assert kinds == [do.Append, do.SaveState, do.TickCounter, do.ReplySigned, do.Send, do.Push]
    receipt = rig.last_receipt
    assert (receipt["subject"], receipt["id"], receipt["result"]) == ("notice", NUMBER, "accepted")
    assert rig.pushed("notice")[0]["text_zh"] == "请检查消防通道。"
    assert rig.report["notices"] == [NUMBER]


def test_12_1_a_notice_again_is_known_and_changes_nothing() -> None:
    rig = Rig()
    rig.notice(notice_envelope())
    size = rig.disk.size
    receipt = rig.notice(notice_envelope())
    assert (receipt["result"], receipt["code"]) == ("known", "NOTICE_REPLAYED")
    assert rig.disk.size == size
    assert len(rig.pushed("notice")) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (STRANGER,)}, "SIGNER_UNKNOWN"),
        ({"signers": (LI,)}, "NOTICE_ISSUER"),
        ({"signers": (WANG,), "issued_by": "wang"}, "NOTICE_REGION"),
        ({"scope": Scope(venues=(OTHER_VENUE,), region="")}, "NOTICE_NOT_ADDRESSED"),
        ({"show_until_ms": NOON_MS - 1}, "NOTICE_EXPIRED"),
    ],
)
def test_12_1_what_is_rejected_is_said_and_written_down(changes: dict[str, object], code: str) -> None:
    rig = Rig()
    receipt = rig.notice(notice_envelope(**changes))  # type: ignore[arg-type] # fields of many types
    assert (receipt["result"], receipt["code"]) == ("rejected", code)
    assert rig.bodies("NOTICE")[-1]["code"] == code
    assert rig.box.state_body(rig.now)["notices"] == []


def test_12_1_another_notice_under_a_known_number_is_an_equivocation() -> None:
    rig = Rig()
    rig.notice(notice_envelope())
    assert rig.notice(notice_envelope(text_zh="别的"))["code"] == "NOTICE_EQUIVOCATION"


def test_17_one_notice_too_many_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices_module, "NOTICES_MAX", 1)
    rig = Rig()
    rig.notice(notice_envelope())
    assert rig.notice(notice_envelope(number=2))["code"] == "NOTICE_TOO_MANY"


def test_12_1_display_and_acknowledgement_are_two_facts_each_told_once() -> None:
    rig = Rig()
    rig.notice(notice_envelope())
    for what in ("shown", "shown", "acknowledged", "acknowledged"):
        rig.give(on.NoticeSeen(request="r", notice=NUMBER, what=what))
    assert rig.bodies("SHOWN") == [
        {"notice": NUMBER, "what": "shown"},
        {"notice": NUMBER, "what": "acknowledged"},
    ]
    answer = rig.answer("r")
    assert isinstance(answer, do.Reply)
    assert (answer.status, answer.body) == (200, {"notice": NUMBER, "seen": ["acknowledged", "shown"]})
    rig.restart()
    rig.give(on.NoticeSeen(request="r", notice=NUMBER, what="shown"))
    assert len(rig.bodies("SHOWN")) == 2


@pytest.mark.parametrize(
    ("notice", "what", "status"), [(NUMBER, "eaten", 422), (f"{REGION}-2026-T00009", "shown", 404)]
)
def test_12_1_only_known_notices_and_two_facts(notice: str, what: str, status: int) -> None:
    rig = Rig()
    rig.notice(notice_envelope())
    rig.give(on.NoticeSeen(request="r", notice=notice, what=what))
    answer = rig.answer("r")
    assert isinstance(answer, do.Reply)
    assert answer.status == status
    assert rig.bodies("SHOWN") == []


def test_12_1_a_notice_is_shown_until_its_time_and_over_a_restart() -> None:
    rig = Rig()
    rig.notice(notice_envelope(show_until_ms=NOON_MS + 60_000))
    rig.restart()
    assert [held["notice"] for held in rig.box.state_body(rig.now)["notices"]] == [NUMBER]
    rig.wait(60)
    assert len(rig.box.state_body(rig.now)["notices"]) == 1
    rig.wait(1)
    assert rig.box.state_body(rig.now)["notices"] == []


def test_a_locked_venue_still_gets_notices() -> None:
    rig = Rig()
    rig.receipt_of(builders.order_envelope("stop"))
    assert rig.notice(notice_envelope())["result"] == "accepted"


def test_an_unclaimed_box_takes_no_notices() -> None:
    rig = Rig(in_service=False)
    rig.load_content()
    rig.give(on.NoticeReceived(request="r", raw=notice_envelope()))
    answer = rig.answer("r")
    assert isinstance(answer, do.Reply)
    assert answer.body["code"] == "BOX_UNCLAIMED"


def test_without_policy_no_notice_is_believed() -> None:
    rig = Rig(in_service=False)
    rig.give(on.Claimed(venue=VENUE, region=REGION))
    assert rig.notice(notice_envelope())["code"] == "SIGNER_UNKNOWN"


def test_9_7_while_the_journal_is_away_notices_wait() -> None:
    rig = Rig()
    rig.notice(notice_envelope())
    rig.journal_works = False
    rig.play()
    rig.give(on.NoticeReceived(request="a", raw=notice_envelope(number=2)))
    rig.give(on.NoticeSeen(request="b", notice=NUMBER, what="shown"))
    assert [rig.answer(request).status for request in ("a", "b")] == [503, 503]
    assert json.loads(rig.sent("receipt")[-1])["id"] == NUMBER
