"""What the box says of itself (SPEC 10.4, 15.1, 15.4)."""

import json

from device.core import effects as do
from device.core import events as on
from device.protocol.limits import DAY_MS, REPORT_EVERY_S
from device.protocol.uplink import Report
from tests import builders
from tests.box_rig import Rig
from tests.builders import REGION, VENUE, order_envelope


def reports(rig: Rig) -> int:
    return len(rig.sent("report"))


def test_10_4_a_report_goes_out_at_every_connect_and_every_minute() -> None:
    rig = Rig()
    before = reports(rig)
    rig.give(on.Disconnected())
    rig.give(on.Connected())
    assert reports(rig) == before + 1
    rig.wait(REPORT_EVERY_S - 1)
    assert reports(rig) == before + 1
    rig.wait(1)
    assert reports(rig) == before + 2


def test_10_4_off_line_nothing_is_reported() -> None:
    rig = Rig()
    rig.give(on.Disconnected())
    before = reports(rig)
    rig.wait(300)
    rig.receipt_of(order_envelope("stop"))
    assert reports(rig) == before


def test_10_4_every_change_is_reported_at_once_but_songs_wait() -> None:
    rig = Rig()
    before = reports(rig)
    rig.play()
    assert reports(rig) == before
    rig.receipt_of(order_envelope("stop", grace_s=60))
    assert reports(rig) == before + 1
    assert (rig.report["state"], rig.report["holds"]) == ("locked", [f"{REGION}-2026-000001"])
    rig.seal(True)
    assert rig.report["seal"] == "open"


def test_10_4_a_report_is_sound_and_says_where_the_journal_stands() -> None:
    rig = Rig()
    rig.play("K1", "unknown")
    rig.wait(REPORT_EVERY_S)
    report = Report.decode(rig.sent("report")[-1])
    assert (report.box, report.venue, report.version, report.slot) == (builders.BOX, VENUE, "1.0.0", "a")
    assert (report.journal.size, report.journal.head) == (rig.disk.size, rig.disk.head.hex())
    assert report.refused == {"SONG_UNKNOWN": 1}


def test_15_1_the_venue_can_read_why_it_is_stopped() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    body = rig.box.state_body(rig.now)
    (hold,) = body["holds"]
    order = builders.order("stop")
    for name in ("order", "authority", "document", "text_zh", "text_en", "issued_at_ms", "ends_at_ms"):
        assert hold[name] == getattr(order, name)
    assert body["cut_in_s"] == 0
    assert body["code"] == "VENUE_LOCKED"
    assert json.dumps(body), "the answer is JSON"


def test_15_1_the_state_answer_has_all_that_people_look_for() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.order(b"noise")
    body = rig.box.state_body(rig.now)
    assert (body["state"], body["code"]) == ("in-service", "")
    assert body["rooms"] == [{"room": "K1", "play": play, "kind": "guest"}]
    assert body["catalog"] == {"epoch": 1, "entries": 3}
    assert body["rejections"][0]["code"] == "DOCUMENT_MALFORMED"
    assert (body["box"], body["venue"], body["region"], body["online"]) == (builders.BOX, VENUE, REGION, True)


def test_15_5_the_brief_answer_fits_into_a_serial_frame() -> None:
    rig = Rig()
    for number in range(100):
        rig.receipt_of(order_envelope("stop", number=number))
    brief = rig.box.state_brief(rig.now)
    assert brief["holds_count"] == 100
    assert len(json.dumps({"id": 9999, "status": 200} | brief)) < 1024


def test_15_4_the_vod_is_told_of_every_change_of_state_once() -> None:
    rig = Rig()
    rig.done.clear()
    rig.wait(5)
    assert rig.pushed("state") == []
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", grace_s=60))
    assert rig.pushed("state") == [
        {
            "type": "state",
            "state": "locked",
            "holds": [f"{REGION}-2026-000001"],
            "holds_count": 1,
            "rooms_locked": [],
            "rooms_locked_count": 0,
            "cut_in_s": 60,
            "lease": "full",
            "seal": "intact",
        }
    ]


def test_7_2_the_vod_is_told_when_the_warning_begins() -> None:
    rig = Rig()
    rig.give(on.Disconnected())
    rig.mono_ms += 3 * DAY_MS
    rig.give(on.Tick())
    assert (rig.pushed("state")[-1]["lease"], rig.pushed("state")[-1]["state"]) == ("warning", "in-service")


def test_the_lamp_says_off_line_only_of_a_serving_box() -> None:
    rig = Rig()
    rig.give(on.Disconnected())
    assert shown(rig) == ("offline", True)
    rig.receipt_of(order_envelope("stop"))
    assert shown(rig) == ("locked", False)
    rig.give(on.Connected())
    assert shown(rig) == ("locked", False)


def test_the_relay_stays_closed_until_the_last_song_is_cut() -> None:
    rig = Rig()
    rig.play("K1")
    rig.receipt_of(order_envelope("stop", grace_s=30))
    assert shown(rig) == ("locked", True)
    rig.wait(30)
    assert shown(rig) == ("locked", False)


def test_9_10_refusals_do_not_fill_the_journal_and_are_counted() -> None:
    rig = Rig()
    for _ in range(500):
        assert rig.play("K1", "unknown").status == 403
    assert len(rig.bodies("REFUSED")) == 60
    rig.wait(10)
    rig.play("K1", "unknown")
    assert len(rig.bodies("REFUSED")) == 61
    rig.wait(REPORT_EVERY_S)
    assert rig.report["refused"] == {"SONG_UNKNOWN": 501}


def test_9_10_the_counts_name_at_most_as_many_codes_as_a_report_holds() -> None:
    rig = Rig()
    for number in range(100):
        rig.give(on.ContentRejected(what="catalog", epoch=1, code=f"CODE_{number}"))
    rig.wait(REPORT_EVERY_S)
    assert len(Report.decode(rig.sent("report")[-1]).refused) == 64


def shown(rig: Rig) -> tuple[str, bool]:
    last = [effect for effect in rig.done if isinstance(effect, do.Show)][-1]
    return last.lamp, last.relay_closed


def test_6_5_the_box_signs_no_hold_that_is_not_durable() -> None:
    """A stop comes as the card fails: plays are refused, and the fleet does not read that the stop is in force."""
    rig = Rig()
    rig.receipt_of(order_envelope("ban"))
    kept = [f"{REGION}-2026-000001"]
    rig.journal_works = False
    rig.give(on.OrderReceived(request="", raw=order_envelope("stop", number=2, grace_s=60)))
    rig.wait(REPORT_EVERY_S)
    assert (rig.report["state"], rig.report["holds"], rig.report["grace"]) == ("failed", kept, [])
    rig.journal_works = True
    rig.wait(2)
    rig.recover_journal()
    both = [*kept, f"{REGION}-2026-000002"]
    assert (rig.report["state"], rig.report["holds"]) == ("locked", both)
    rig.journal_works = False
    rig.give(on.OrderReceived(request="", raw=order_envelope("resume", number=3, ends=(both[1],))))
    rig.wait(REPORT_EVERY_S)
    assert rig.report["holds"] == both, "nor an end of one"
    rig.journal_works = True
    rig.restart()
    assert rig.state == "locked"


def test_6_5_a_first_save_that_fails_reports_what_the_record_says() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.lose_power()
    rig.journal_works = False
    rig.start()
    rig.give(on.Connected())
    assert (rig.report["state"], rig.report["holds"]) == ("failed", [f"{REGION}-2026-000001"])
