"""Ready to reopen: a suspension that ended opens nothing before the venue says so (SPEC 6.7)."""

from typing import Any

import pytest

from device.core import events as on
from tests.box_rig import Rig
from tests.builders import NOON_MS, REGION, order_envelope

NUMBER = f"{REGION}-2026-000001"


def suspended(seconds: int = 95, **changes: Any) -> Rig:
    rig = Rig()
    rig.receipt_of(order_envelope("stop", ends_at_ms=NOON_MS + seconds * 1000, **changes))
    return rig


def over() -> Rig:
    rig = suspended()
    rig.wait(96)
    return rig


def test_6_7_a_suspension_that_ended_opens_nothing_by_itself() -> None:
    rig = over()
    assert rig.state == "ready"
    assert rig.play().body["code"] == "VENUE_READY"
    assert (rig.report["state"], rig.report["holds"]) == ("ready", [])


def test_6_7_not_even_between_its_end_and_the_next_tick() -> None:
    rig = suspended()
    rig.wait(95)
    rig.mono_ms += 1000
    rig.rtc_ms += 1000
    assert rig.play().body["code"] == "VENUE_READY"
    assert rig.reopen().body == {"state": "in-service"}
    assert rig.bodies("REOPEN") == [{"orders": [NUMBER]}]
    assert rig.play().status == 201


def test_6_7_the_venue_confirms_off_line_and_over_a_restart() -> None:
    rig = suspended()
    rig.give(on.Disconnected())
    rig.wait(96)
    rig.restart()
    assert rig.state == "ready"
    assert rig.reopen().body == {"state": "in-service"}
    rig.restart()
    assert rig.state == "in-service"
    assert rig.play().status == 201


def test_6_7_told_again_or_for_nothing_it_changes_nothing() -> None:
    rig = over()
    rig.reopen()
    size = rig.disk.size
    assert rig.reopen().body == {"state": "in-service"}
    assert rig.disk.size == size
    assert len(rig.bodies("REOPEN")) == 1


def test_6_7_another_stop_comes_first_and_its_resume_confirms_nothing() -> None:
    rig = suspended()
    rig.receipt_of(order_envelope("stop", number=2))
    rig.wait(96)
    assert rig.state == "locked"
    assert rig.reopen().body["code"] == "VENUE_LOCKED"
    rig.receipt_of(order_envelope("resume", number=3, ends=(f"{REGION}-2026-000002",)))
    assert rig.state == "ready"


@pytest.mark.parametrize("before", [True, False])
def test_6_7_a_resume_of_officers_opens_directly(before: bool) -> None:
    rig = suspended()
    if before:
        rig.receipt_of(order_envelope("resume", number=2))
    rig.wait(96)
    if not before:
        rig.receipt_of(order_envelope("resume", number=2))
    assert rig.state == "in-service"
    assert rig.bodies("REOPEN") == []


def test_6_3_7_a_stop_that_comes_after_its_end_leaves_nothing_to_confirm() -> None:
    rig = Rig()
    assert rig.receipt_of(order_envelope("stop", ends_at_ms=NOON_MS - 1))["holds"] == []
    rig.wait(5)
    assert rig.state == "in-service"


def test_6_7_a_confirmation_that_cannot_be_written_is_none() -> None:
    rig = over()
    rig.journal_works = False
    assert rig.reopen().status == 503
    assert rig.reopen().body["code"] == "JOURNAL_UNAVAILABLE"
    rig.journal_works = True
    rig.recover_journal()
    rig.restart()
    assert rig.state in ("ready", "in-service"), "nobody was told; written or not, the journal says which"
    assert (rig.state == "in-service") == bool(rig.bodies("REOPEN"))
