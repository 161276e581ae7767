"""What is out of order is told to the fleet while it lasts, and what is of the box is written down (SPEC 9.3, 10.4)."""

from device.core import events as on
from device.core.damage import CONTACT_FOR_MS
from device.core.faults import ENTRIES_BURST
from device.protocol.limits import FAULTS_MAX
from tests.box_rig import Rig


def see(rig: Rig, *faults: str, **refused: int) -> None:
    rig.give(on.Observed(faults=faults, refused=refused))


def written(rig: Rig) -> list[tuple[str, bool]]:
    return [(entry["body"]["code"], entry["body"]["begun"]) for entry in rig.entries("FAULT")]


def test_10_4_a_fault_is_reported_at_once_and_gone_when_it_is_over() -> None:
    rig = Rig()
    for _ in range(3):
        see(rig, "SERIAL_DOWN")
        assert rig.report["faults"] == ["SERIAL_DOWN"]
        see(rig, "DISK_STALLED", "SERIAL_DOWN")
        assert rig.report["faults"] == ["DISK_STALLED", "SERIAL_DOWN"]
        see(rig)
        assert rig.report["faults"] == []


def test_9_3_a_fault_of_the_box_is_an_entry_when_it_begins_and_when_it_is_over() -> None:
    rig = Rig()
    see(rig, "SERIAL_DOWN", "UPLINK_DOWN")
    see(rig, "SERIAL_DOWN")
    see(rig, "CONTENT_UNREACHABLE", "SETTINGS_FALLBACK")
    assert written(rig) == [("SERIAL_DOWN", True), ("SETTINGS_FALLBACK", True), ("SERIAL_DOWN", False)]


def test_9_10_a_line_that_comes_and_goes_does_not_fill_the_journal() -> None:
    rig = Rig()
    for _ in range(500):
        see(rig, "SERIAL_DOWN")
        see(rig)
    assert len(written(rig)) == ENTRIES_BURST
    rig.wait(3_600)
    see(rig, "SERIAL_DOWN")
    assert len(written(rig)) == ENTRIES_BURST + 1


def test_17_more_faults_than_a_report_names_are_left_out() -> None:
    rig = Rig()
    see(rig, *[f"FAULT_{number:02}" for number in range(FAULTS_MAX + 5)])
    assert len(rig.report["faults"]) == FAULTS_MAX


def test_10_4_a_box_that_has_failed_says_why_whatever_else_is_out_of_order() -> None:
    rig = Rig()
    rig.disk.state = None
    rig.restart()
    rig.give(on.Connected())
    assert (rig.report["state"], rig.report["faults"]) == ("failed", ["BOX_RESTRICTED"])
    many = [f"A_FAULT_{number:02}" for number in range(FAULTS_MAX)]
    see(rig, *many)
    assert rig.report["faults"] == [*many[:-1], "BOX_RESTRICTED"]
    see(rig, "BOX_RESTRICTED", "SERIAL_DOWN")
    assert rig.report["faults"] == ["BOX_RESTRICTED", "SERIAL_DOWN"], "once"
    see(rig, "SERIAL_DOWN")
    for _ in range(2):  # the first one brings the claim
        rig.grant_lease()
        rig.wait(CONTACT_FOR_MS // 1000)
    rig.load_content()
    assert (rig.report["state"], rig.report["faults"]) == ("in-service", ["SERIAL_DOWN"])


def test_10_4_strangers_on_the_lan_are_counted_in_the_next_report_and_cause_none() -> None:
    rig = Rig()
    before = len(rig.sent("report"))
    see(rig, TOKEN_UNKNOWN=7)
    see(rig, TOKEN_UNKNOWN=9, HOST_FOREIGN=1)
    assert len(rig.sent("report")) == before
    rig.wait(60)
    assert rig.report["refused"] == {"TOKEN_UNKNOWN": 9, "HOST_FOREIGN": 1}


def test_17_counts_of_ever_new_codes_are_bounded() -> None:
    rig = Rig()
    see(rig, **{f"CODE_{number}": 1 for number in range(100)})
    rig.wait(60)
    assert len(rig.report["refused"]) == 64
