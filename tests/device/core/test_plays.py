"""Plays: asked, allowed, refused, ended, cut (SPEC 9.1, 9.4, 9.7, 15)."""

import pytest

from device.core import effects as do
from device.core import events as on
from device.core import plays as plays_module
from device.core.plays import NO_RULE, Plays, Rule, rule_at
from device.protocol.limits import PLAYED_S_MAX
from tests import builders
from tests.box_rig import Rig
from tests.builders import NOON_MS


def test_9_7_a_play_is_allowed_only_behind_its_durable_entry() -> None:
    rig = Rig()
    effects = rig.give(on.PlayRequested(request="r", room="K1", song="000482", kind="guest", file=""))
    assert [type(effect) for effect in effects[:2]] == [do.Append, do.Reply]
    assert rig.bodies("PLAY_START")[-1] == {"room": "K1", "song": "000482", "kind": "guest", "catalog_epoch": 1}


def test_15_1_the_answer_names_the_play_by_its_place_in_the_journal() -> None:
    rig = Rig()
    seq = rig.disk.size
    reply = rig.play("K1")
    assert reply.status == 201
    assert reply.body == {"play": f"1-{seq}", "room": "K1", "song": "000482", "kind": "guest", "at_ms": NOON_MS}


def test_9_7_a_refusal_is_answered_before_its_entry() -> None:
    rig = Rig()
    effects = rig.give(on.PlayRequested(request="r", room="K1", song="unknown", kind="guest", file=""))
    assert [type(effect) for effect in effects[:2]] == [do.Reply, do.Append]
    expected = {"room": "K1", "song": "unknown", "kind": "guest", "code": "SONG_UNKNOWN"}
    assert rig.bodies("REFUSED") == [expected]


def test_15_3_a_new_play_in_a_room_ends_the_running_one_with_skip() -> None:
    rig = Rig()
    first = rig.play("K1").body["play"]
    rig.wait(90)
    assert rig.play("K1", "000483").status == 201
    end = rig.bodies("PLAY_END")[-1]
    assert (end["play"], end["reason"], end["played_s"], end["counted"]) == (first, "skip", 90, True)
    assert rig.entries("PLAY_END")[-1]["seq"] < rig.entries("PLAY_START")[-1]["seq"]
    assert rig.pushed("cut") == []


def test_15_3_a_refused_song_does_not_end_the_one_that_runs() -> None:
    rig = Rig()
    rig.play("K1")
    assert rig.play("K1", "unknown").status == 403
    assert rig.bodies("PLAY_END") == []


@pytest.mark.parametrize(
    ("kind", "played_s", "counted"),
    [
        ("guest", 60, True),
        ("guest", 59, False),
        ("filler", 300, False),
        ("advert", 300, False),
        ("test", 300, False),
    ],
)
def test_9_1_what_is_counted(kind: str, played_s: int, counted: bool) -> None:
    rig = Rig()
    play = rig.play("K1", kind=kind).body["play"]
    assert rig.end(play, played_s).body == {"counted": counted}
    end = rig.bodies("PLAY_END")[-1]
    assert (end["counted"], end["cut_song_s"], end["policy_epoch"]) == (counted, 60, 1)


def test_9_1_a_play_counts_by_the_rule_at_its_start() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=2, cut_song_s=120).encode()))
    assert rig.end(play, 100).body == {"counted": True}
    later = rig.play("K1").body["play"]
    assert rig.end(later, 100).body == {"counted": False}
    assert rig.bodies("PLAY_END")[-1]["policy_epoch"] == 2


def test_9_1_after_a_power_cut_too() -> None:
    rig = Rig()
    rig.play("K1")
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=2, cut_song_s=120).encode()))
    rig.wait(100)
    rig.play("K2")
    rig.restart()
    first, second = rig.bodies("PLAY_END")
    assert (first["room"], first["policy_epoch"], first["elapsed_s"], first["counted"]) == ("K1", 1, 100, True)
    assert (second["room"], second["policy_epoch"], second["elapsed_s"], second["counted"]) == ("K2", 2, 0, False)


def test_15_1_an_end_told_again_gets_the_same_answer() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    assert rig.end(play, 200).body == {"counted": True}
    size = rig.disk.size
    assert rig.end(play, 1).body == {"counted": True}
    assert rig.disk.size == size


def test_15_1_the_end_of_a_play_that_the_box_cut_gets_the_boxs_answer() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.wait(70)
    rig.order(builders.order_envelope("stop"))
    assert rig.end(play, 200).body == {"counted": True}
    assert [body["reason"] for body in rig.bodies("PLAY_END")] == ["lock"]


def test_15_1_an_unknown_play_is_told_so() -> None:
    rig = Rig()
    reply = rig.end("1-999")
    assert (reply.status, reply.body["code"]) == (404, "PLAY_UNKNOWN")


@pytest.mark.parametrize(
    ("room", "song", "kind"),
    [
        ("", "000482", "guest"),
        ("K 1", "000482", "guest"),
        ("K1", "", "guest"),
        ("K1", "x" * 21, "guest"),
        ("K1", "000482", "x"),
    ],
)
def test_4_4_a_malformed_request_is_answered_and_not_journalled(room: str, song: str, kind: str) -> None:
    rig = Rig()
    size = rig.disk.size
    reply = rig.play(room, song, kind)
    assert (reply.status, reply.body["code"]) == (422, "REQUEST_MALFORMED")
    assert rig.disk.size == size


@pytest.mark.parametrize(
    ("played_s", "reason"), [(-1, "end"), (PLAYED_S_MAX + 1, "end"), (True, "end"), (10, "lock"), (10, "power")]
)
def test_9_1_the_vod_ends_with_end_or_skip_and_a_sound_length(played_s: int, reason: str) -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    reply = rig.end(play, played_s, reason)
    assert (reply.status, reply.body["code"]) == (422, "REQUEST_MALFORMED")
    assert rig.bodies("PLAY_END") == []


def test_9_1_a_play_of_more_than_a_day_is_cut_to_what_an_entry_holds() -> None:
    rig = Rig()
    rig.play("K1")
    rig.mono_ms += (PLAYED_S_MAX + 100) * 1000
    rig.play("K1")
    end = rig.bodies("PLAY_END")[-1]
    assert (end["played_s"], end["elapsed_s"]) == (PLAYED_S_MAX, PLAYED_S_MAX + 100)


def test_17_one_play_too_many_is_refused_but_a_room_may_change_its_song(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays_module, "PLAYS_OPEN_MAX", 2)
    rig = Rig()
    rig.play("K1")
    rig.play("K2")
    assert rig.play("K3").body["code"] == "PLAYS_TOO_MANY"
    assert rig.play("K2", "000483").status == 201


def test_ended_plays_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays_module, "ENDED_MAX", 2)
    monkeypatch.setattr(plays_module, "ENDED_MORE", 2)
    plays = Plays()
    for name in ("1-1", "1-2", "1-2", "1-3", "1-4", "1-5"):
        plays.remember(name, True)
    assert [plays.counted(f"1-{number}") for number in range(1, 6)] == [None, None, True, True, True]


def test_a_ban_cuts_its_song_at_once_and_no_other() -> None:
    rig = Rig()
    rig.play("K1", "000482")
    rig.play("K2", "000483")
    rig.done.clear()
    rig.receipt_of(builders.order_envelope("ban"))
    kinds = [type(effect) for effect in rig.done]
    assert kinds.index(do.Push) < kinds.index(do.Append)
    assert [(event["room"], event["reason"]) for event in rig.pushed("cut")] == [("K1", "ban")]
    assert [body["reason"] for body in rig.bodies("PLAY_END")] == ["ban"]
    assert rig.play("K1", "000482").body["code"] == "SONG_BANNED"
    assert rig.play("K1", "000484").status == 201


def test_a_rule_holds_from_its_place_in_the_journal_on() -> None:
    first = Rule(epoch=1, seq=5, policy_epoch=1, cut_song_s=60)
    second = Rule(epoch=2, seq=0, policy_epoch=2, cut_song_s=90)
    places = [(1, 4), (1, 5), (1, 900), (2, 0)]
    assert [rule_at([first, second], *place) for place in places] == [NO_RULE, first, first, second]
