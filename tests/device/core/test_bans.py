"""Bans at the box: long lists, and what the VOD server hears of them (SPEC 6.3 (6), 15.4, 17)."""

import json
import time

from device.protocol.limits import TARGETS_MAX
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import Rig
from tests.builders import REGION, order_envelope

NUMBER = f"{REGION}-2026-000001"


def test_15_4_a_ban_is_pushed_in_frames_that_a_serial_line_holds() -> None:
    rig = Rig()
    targets = tuple([Target(by="file", id=builders.file_sha256(str(number))) for number in range(20)])
    rig.receipt_of(order_envelope("ban", targets=targets))
    pushed = rig.pushed("ban")
    assert [len(event["targets"]) for event in pushed] == [8, 8, 4]
    assert {event["targets_count"] for event in pushed} == {20}
    assert all(len(json.dumps({"id": 0, "event": event})) <= 1024 for event in pushed)


def test_15_4_of_a_long_list_the_vod_server_hears_the_length() -> None:
    rig = Rig()
    targets = tuple([Target(by="version", id=f"S{number}") for number in range(65)])
    rig.receipt_of(order_envelope("ban", targets=targets))
    assert rig.pushed("ban") == [
        {"type": "ban", "order": NUMBER, "targets_count": 65, "targets": []},
    ]


def test_17_a_list_of_7000_songs_is_in_force_within_two_seconds_of_its_arrival() -> None:
    """The time is that of the decision and of the bytes to be saved; the disk comes on top (about 10 ms)."""
    rig = Rig()
    targets = tuple([Target(by="version", id=f"S{number:09d}") for number in range(TARGETS_MAX - 1)])
    raw = order_envelope("ban", targets=(*targets, Target(by="version", id="000482")))
    begun_s = time.process_time()
    assert rig.receipt_of(raw)["result"] == "accepted"
    assert rig.play(song="000482").body["code"] == "SONG_BANNED"
    assert time.process_time() - begun_s < 2
    assert len(rig.sent("report")[-1]) < 1_000, "reports carry numbers of orders and no names"
    assert len(rig.disk.state or b"") < 200_000
    assert rig.box.state_body(rig.now)["holds"][0]["targets_count"] == TARGETS_MAX
    rig.restart()
    assert rig.play(song="000482").body["code"] == "SONG_BANNED"
    assert rig.play(song="000483").status == 201
