"""Start, stop, and what a damaged or put-back record means (SPEC 6.6, 9.3, 9.9)."""

import json

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.damage import CONTACT_FOR_MS, Damage, is_put_back
from device.protocol.limits import INTEGER_MAX
from tests import builders
from tests.box_rig import PowerLostError, Rig
from tests.builders import NOON_MS, order_envelope


def test_a_new_box_is_unclaimed_and_says_so() -> None:
    rig = Rig(in_service=False)
    assert rig.state == "unclaimed"
    assert rig.bodies("BOOT") == [
        {"version": "1.0.0", "slot": "a", "clean": False, "torn_bytes": 0, "torn_sha256": "", "counter": 0}
    ]
    assert rig.play().body["code"] == "BOX_UNCLAIMED"


def test_before_the_start_nothing_is_decided() -> None:
    rig = Rig()
    box = type(rig.box)(rig.disk.box, builders.fake_verify, rig.songs.get, rig.disk.head_at, rig.find_by_file)
    effects = box.handle(on.PlayRequested(request="r", room="K1", song="000482", kind="guest", file=""), rig.now)
    assert [(type(effect), effect.status) for effect in effects] == [(do.Reply, 503)]
    assert box.handle(on.Tick(), rig.now) == []
    assert box.state_body(rig.now)["state"] == "failed"


def test_9_9_plays_that_ran_end_with_power_before_the_boot_entry() -> None:
    rig = Rig()
    first = rig.play("K1").body["play"]
    rig.wait(100)
    rig.play("K2")
    rig.restart()
    kinds = [entry["kind"] for entry in rig.entries()]
    assert kinds[-3:] == ["PLAY_END", "PLAY_END", "BOOT"]
    assert [(body["room"], body["reason"], body["elapsed_s"]) for body in rig.bodies("PLAY_END")] == [
        ("K1", "power", 100),
        ("K2", "power", 0),
    ]
    assert rig.end(first).body == {"counted": True}, "the answer outlives the power"


def test_9_9_a_lease_that_sets_the_time_makes_no_song_that_the_power_ended_longer() -> None:
    rig = Rig()
    rig.lose_power()
    rig.rtc_ms += 8 * 3_600_000  # the night
    rig.start()
    rig.load_content()
    rig.give(on.Connected())
    rig.play("K1")
    rig.wait(5)
    rig.grant_lease()
    assert [body["to_ms"] - body["from_ms"] for body in rig.bodies("TIME")[1:]] == [8 * 3_600_000]
    rig.wait(2)
    rig.play("K2")
    rig.restart()
    assert [(body["room"], body["elapsed_s"], body["counted"]) for body in rig.bodies("PLAY_END")] == [
        ("K1", 7, False),
        ("K2", 0, False),
    ]


def test_9_9_a_cut_while_the_ends_are_written_makes_the_other_songs_no_longer() -> None:
    rig = Rig()
    rig.wait(500)
    rig.play("K1")
    rig.play("K2")
    rig.wait(100)
    rig.play("K3")
    rig.lose_power()
    rig.mono_ms = 9_000_000  # a monotonic clock that began elsewhere
    rig.power_left = 1
    with pytest.raises(PowerLostError):
        rig.start()
    rig.restart()
    assert [(body["room"], body["elapsed_s"]) for body in rig.bodies("PLAY_END")] == [
        ("K1", 100),
        ("K2", 100),
        ("K3", 0),
    ]


def test_9_13_a_boot_that_was_forged_leaves_numbers_for_those_behind_it() -> None:
    rig = Rig()
    for boot in (INTEGER_MAX // 2 + 1, INTEGER_MAX // 2 + 2):
        rig.lose_power()
        rig.start(last_boot=INTEGER_MAX)
        assert rig.entries()[-1]["boot"] == boot


def test_boots_are_numbered_also_when_the_record_is_lost() -> None:
    rig = Rig()
    rig.restart()
    rig.disk.state = None
    rig.restart()
    assert [entry["boot"] for entry in rig.entries("BOOT")] == [1, 2, 3]
    assert rig.box.boot == 3


def test_a_stop_by_command_ends_plays_with_their_exact_length() -> None:
    rig = Rig()
    rig.play("K1")
    rig.wait(75)
    effects = rig.give(on.Stopping())
    assert [type(effect) for effect in effects[:2]] == [do.Append, do.SaveState]
    assert effects[-1] == do.CloseDown(), "nothing is left to do when the process ends"
    assert [(body["reason"], body["elapsed_s"]) for body in rig.bodies("PLAY_END")] == [("power", 75)]
    rig.restart()
    assert rig.bodies("BOOT")[-1]["clean"] is True


def test_what_comes_after_the_end_begins_nothing() -> None:
    rig = Rig()
    rig.give(on.Stopping())
    assert rig.play("K1").status == 503
    assert rig.bodies("PLAY_START") == []
    assert rig.give(on.Tick()) == []


def test_an_end_that_failed_with_the_disk_leaves_a_box_that_works() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=builders.leg_envelope()))
    rig.give(on.UpdateAdvanced(state="written", code=""))
    rig.journal_works = False
    effects = rig.give(on.UpdateAdvanced(state="armed", code=""))
    assert do.Reboot() in effects
    assert do.Reboot() not in rig.done
    rig.journal_works = True
    rig.wait(10)
    rig.recover_journal()
    assert rig.state == "in-service"
    assert rig.give(on.Tick())[-1] == do.Reboot(), "asked again"


def test_a_lock_outlives_the_power() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.restart()
    assert rig.state == "locked"
    assert rig.play().body["code"] == "VENUE_LOCKED"


def test_a_ban_outlives_the_power() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("ban"))
    rig.restart()
    assert rig.play().body["code"] == "SONG_BANNED"


@pytest.mark.parametrize(
    ("then", "now", "put_back"), [(5, 5, False), (5, 4, False), (5, 6, True), (5, 3, True), (5, 0, True)]
)
def test_6_6_the_counter_tells_a_record_that_was_put_back(then: int, now: int, put_back: bool) -> None:
    assert is_put_back(then, now) is put_back


def test_6_6_an_old_disk_image_opens_nothing() -> None:
    rig = Rig()
    before_the_stop = rig.disk.state
    rig.restart()
    rig.receipt_of(order_envelope("stop"))
    rig.lose_power()
    rig.disk.state = before_the_stop
    rig.start()
    rig.load_content()
    assert rig.state == "failed"
    assert rig.play().body["code"] == "BOX_RESTRICTED"


@pytest.mark.parametrize("state", [None, b"", b"noise", b"x" * 65])
def test_6_6_a_damaged_record_opens_nothing_until_contact(state: bytes | None) -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.disk.state = state
    rig.restart()
    assert rig.state == "failed"
    assert rig.play().body["code"] == "BOX_RESTRICTED"
    rig.restart()
    assert rig.state == "failed", "over every restart"
    rig.give(on.Connected())
    assert rig.report["venue"] == ""
    rig.grant_lease()
    rig.wait(CONTACT_FOR_MS // 1000)
    assert rig.play().body["code"] == "BOX_RESTRICTED", "a lease that brings the claim proves nothing of orders"
    assert rig.receipt_of(order_envelope("stop"))["result"] == "accepted"
    assert rig.report["nonce"], "it asks for another"
    rig.grant_lease()
    assert rig.play().body["code"] == "BOX_RESTRICTED", "the fleet may hear late"
    rig.wait(CONTACT_FOR_MS // 1000)
    assert rig.state == "locked"
    rig.restart()
    assert rig.state == "locked"


def test_6_6_a_wiped_card_opens_nothing() -> None:
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.disk.state, rig.disk.entries, rig.disk.chains = None, {}, {}
    rig.restart()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    assert rig.play().body["code"] == "BOX_RESTRICTED"


def test_6_6_a_second_lease_does_not_begin_the_wait_anew() -> None:
    damage = Damage()
    damage.found()
    damage.contacted(1_000)
    damage.contacted(50_000)
    assert not damage.heal(1_000 + CONTACT_FOR_MS - 1)
    assert damage.heal(1_000 + CONTACT_FOR_MS)
    assert not damage.is_restricted


def test_6_6_a_lease_for_a_restricted_box_must_still_be_sound() -> None:
    rig = Rig()
    rig.disk.state = None
    rig.restart()
    rig.give(on.Connected())
    rig.grant_lease(box="KTV-00000002")
    rig.wait(120)
    assert rig.state == "failed"


def test_the_counter_is_raised_once_a_boot_behind_the_record() -> None:
    rig = Rig()
    rig.lose_power()
    before = rig.disk.counter
    kinds = [type(effect) for effect in rig.start()]
    assert kinds.count(do.TickCounter) == 1
    assert kinds.index(do.SaveState) < kinds.index(do.TickCounter)
    assert rig.box.counter == rig.disk.counter == before + 1


def test_6_6_every_save_that_matters_raises_the_counter_and_the_watermark_does_not() -> None:
    rig = Rig()
    before = rig.disk.counter
    rig.receipt_of(order_envelope("stop"))
    assert rig.disk.counter == before + 1
    head = rig.disk.head_at(1, 2)
    assert head is not None
    rig.give(on.AckReceived(raw=builders.ack_envelope(size=2, head=head.hex())))
    rig.wait(61)
    assert json.loads(rig.disk.state or b"")["acked"]["size"] == 2
    assert rig.disk.counter == before + 1
    rig.wait(540)
    assert rig.disk.counter == before + 2, "trusted time, every ten minutes"


def test_6_6_nothing_is_saved_while_the_journal_is_away() -> None:
    rig = Rig()
    head = rig.disk.head_at(1, 2)
    assert head is not None
    rig.give(on.AckReceived(raw=builders.ack_envelope(size=2, head=head.hex())))
    rig.journal_works = False
    rig.play("K1")
    saved = rig.disk.state
    rig.journal_works = True
    rig.wait(61)
    assert rig.disk.state == saved
    rig.recover_journal()
    assert json.loads(rig.disk.state or b"")["acked"]["size"] == 2


def test_6_6_a_save_that_failed_leaves_record_and_counter_in_step() -> None:
    rig = Rig()
    for kind in (do.SaveState, do.TickCounter):
        before = rig.disk.counter
        rig.fail_before = kind
        rig.give(on.OrderReceived(request="", raw=order_envelope("stop", number=before)))
        rig.fail_before = None
        rig.wait(10)
        rig.recover_journal()
        assert rig.disk.counter == before + 1
        assert json.loads(rig.disk.state or b"")["counter"] == rig.disk.counter
        rig.restart()
        assert rig.state == "locked"


def test_6_6_an_image_of_this_boot_that_forgot_a_hold_opens_nothing() -> None:
    """The record of an hour ago, of this very boot, put back before the next one."""
    rig = Rig()
    before_the_stop = rig.disk.state
    rig.receipt_of(order_envelope("stop"))
    rig.lose_power()
    rig.disk.state = before_the_stop
    rig.start()
    rig.load_content()
    assert rig.play().body["code"] == "BOX_RESTRICTED"


@pytest.mark.parametrize("cut", range(6))
def test_6_6_a_power_cut_in_its_first_start_leaves_a_new_box(cut: int) -> None:
    """Behind the first entry, the record, the counter; and once more in the next start."""
    rig = Rig(in_service=False)
    rig.disk = type(rig.disk)(rig.disk.box)
    for _ in range(2):
        rig.lose_power()
        rig.power_left = cut
        with pytest.raises(PowerLostError):
            rig.start()
    rig.lose_power()
    rig.start()
    assert rig.state == "unclaimed"
    assert rig.bodies("SEAL") == [], "nobody has opened it"
    rig.bring_into_service()
    assert rig.play().status == 201


def test_6_6_a_journal_that_has_seen_a_lease_is_of_no_new_box() -> None:
    """Whoever can set the counter to zero as well has still to explain the entries."""
    rig = Rig()
    rig.disk.state, rig.disk.counter = None, 0
    rig.restart()
    assert rig.state == "failed"
    rig.disk.state, rig.disk.counter = None, 0
    rig.restart()
    assert rig.state == "failed", "the entry of the start before carries the time on"


def test_a_cut_between_record_and_counter_is_no_put_back_disk() -> None:
    rig = Rig()
    rig.lose_power()
    rig.power_left = 2  # BOOT, record
    with pytest.raises(Exception, match=r"^$"):
        rig.start()
    rig.restart()
    assert rig.state == "in-service"


def test_time_is_saved_every_ten_minutes_so_that_it_falls_back_little() -> None:
    rig = Rig()
    rig.wait(1199, tick_s=60)
    rig.restart()
    assert rig.box.trusted_ms(rig.now) == NOON_MS + 600_000


def test_the_first_entry_on_disk_says_nothing_about_a_new_epoch() -> None:
    rig = Rig()
    rig.seal(True)
    rig.disk.entries[1] = rig.disk.entries[1][:3]
    rig.disk.chains[1] = rig.disk.chains[1][:3]
    rig.lose_power()
    assert do.MoveWatermark(epoch=2, size=0) in rig.start(journal_first=2)


def test_the_watermark_of_the_disk_counts_where_the_record_is_older() -> None:
    rig = Rig()
    rig.lose_power()
    effects = rig.start(journal_first=3)
    assert do.MoveWatermark(epoch=1, size=3) in effects
