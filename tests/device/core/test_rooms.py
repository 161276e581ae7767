"""Stops of rooms: these rooms and no other (SPEC 6.3 (6), 6.4)."""

from typing import Any

from device.protocol.orders import Scope
from tests.box_rig import Rig
from tests.builders import NOON_MS, REGION, VENUE, order_envelope


def stop_rooms(*rooms: str, **changes: Any) -> bytes:
    return order_envelope("stop", scope=Scope(venues=(VENUE,), region="", rooms=rooms), **changes)


def test_6_3_6_the_rooms_that_it_names_are_locked_and_no_other() -> None:
    rig = Rig()
    receipt = rig.receipt_of(stop_rooms("K1", "K2"))
    assert receipt["holds"] == [f"{REGION}-2026-000001"]
    assert rig.state == "in-service"
    assert [rig.play(room).body.get("code", "") for room in ("K1", "K2", "K3")] == ["ROOM_LOCKED", "ROOM_LOCKED", ""]
    assert rig.box.state_body(rig.now)["rooms_locked"] == ["K1", "K2"]
    assert rig.pushed("state")[-1]["rooms_locked"] == ["K1", "K2"]
    rig.restart()
    assert rig.play("K1").body["code"] == "ROOM_LOCKED"


def test_6_4_songs_of_these_rooms_only_are_cut() -> None:
    rig = Rig()
    for room in ("K1", "K2", "K3"):
        rig.play(room)
    rig.receipt_of(stop_rooms("K1", grace_s=0))
    assert [event["room"] for event in rig.pushed("cut")] == ["K1"]
    rig.receipt_of(stop_rooms("K2", number=2, grace_s=10))
    assert [(event["room"], event["ends_in_s"]) for event in rig.pushed("countdown")] == [("K2", 10)]
    rig.wait(10)
    assert [event["room"] for event in rig.pushed("cut")] == ["K1", "K2"]
    assert [body["room"] for body in rig.bodies("PLAY_END")] == ["K1", "K2"]
    assert [room["room"] for room in rig.box.state_body(rig.now)["rooms"]] == ["K3"]


def test_6_5_a_grace_lasts_as_long_as_a_song_of_its_rooms_runs() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.play("K3")
    number = f"{REGION}-2026-000001"
    assert rig.receipt_of(stop_rooms("K1", grace_s=600))["grace"] == [number]
    assert (rig.report["holds"], rig.report["grace"]) == ([number], [number])
    rig.end(play)
    assert (rig.report["holds"], rig.report["grace"]) == ([number], []), "said at once: it is in force"
    assert rig.receipt_of(stop_rooms("K9", number=2, grace_s=600))["grace"] == []


def test_6_5_the_grace_of_a_venue_lasts_as_long_as_any_song_runs() -> None:
    rig = Rig()
    rig.play("K1")
    number = f"{REGION}-2026-000001"
    assert rig.receipt_of(order_envelope("stop", grace_s=30))["grace"] == [number]
    rig.wait(29)
    assert rig.report["grace"] == [number]
    rig.wait(1)
    assert rig.report["grace"] == []
    assert rig.receipt_of(order_envelope("stop", number=2, grace_s=30))["grace"] == []


def test_6_3_6_two_stops_of_a_room_are_ended_one_by_one() -> None:
    rig = Rig()
    rig.receipt_of(stop_rooms("K1", number=1))
    rig.receipt_of(stop_rooms("K1", "K2", number=2))
    rig.receipt_of(order_envelope("resume", number=3, ends=(f"{REGION}-2026-000001",)))
    assert rig.box.state_body(rig.now)["rooms_locked"] == ["K1", "K2"]
    rig.receipt_of(order_envelope("resume", number=4, ends=(f"{REGION}-2026-000002",)))
    assert rig.box.state_body(rig.now)["rooms_locked"] == []
    assert rig.play("K1").status == 201
    assert rig.receipt_of(stop_rooms("K1", number=1))["result"] == "known"
    assert rig.play("K1").status == 201


def test_6_7_rooms_open_by_themselves_when_their_stop_ends() -> None:
    rig = Rig()
    rig.receipt_of(stop_rooms("K1", ends_at_ms=NOON_MS + 60_000))
    rig.wait(61)
    assert rig.state == "in-service"
    assert rig.play("K1").status == 201
