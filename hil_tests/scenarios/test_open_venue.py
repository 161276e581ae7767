"""A venue that serves its guests: what is sung is counted, once, whatever happens to the power."""

from typing import Any

import pytest

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import journal_of, some_songs

pytestmark = pytest.mark.hil


def seals_of(venue: Venue) -> list[dict[str, Any]]:
    return [entry.body for entry in journal_of(venue) if entry.kind == "SEAL"]


def require_ledger(stage: Stage, venue: Venue) -> None:
    """The ledger is the VOD server's own count, in the rooms in which it sang."""
    stage.wait_settled([venue])
    counted = venue.tally().counted()
    rooms = {room for room, _ in counted}
    ledger = stage.offices.ledger(stage.code(venue))
    assert {key: plays for key, plays in ledger.items() if key[0] in rooms} == dict(counted)


def test_one_song_goes_from_the_vod_server_into_the_ledger(stage: Stage, in_service: Venue) -> None:
    song = some_songs(stage, 1, skip=7)[0]
    laptop = in_service.laptop()
    allowed = laptop.play("bench-7", song)
    assert allowed.status == 201
    assert laptop.end(str(allowed.body["play"]), 180).body == {"counted": True}
    laptop.close()
    stage.wait_settled([in_service])
    assert stage.offices.ledger(stage.code(in_service))["bench-7", song] == 1


def test_a_power_cut_in_the_middle_of_songs_loses_and_doubles_nothing(stage: Stage, in_service: Venue) -> None:
    in_service.open_doors(pace=3)
    wait_for("songs", lambda: len(in_service.tally().ended) > 20 and in_service.tally().unended())
    in_service.board.cut()
    in_service.board.power_on()
    ended = len(in_service.tally().ended)
    wait_for("more songs", lambda: len(in_service.tally().ended) > ended + 20)
    in_service.close_doors()
    require_ledger(stage, in_service)
    reasons = [entry.body["reason"] for entry in journal_of(in_service) if entry.kind == "PLAY_END"]
    assert reasons.count("power"), "songs were cut by it"


def test_an_older_vod_server_sings_over_the_serial_line(stage: Stage, in_service: Venue) -> None:
    before = in_service.tally().counted()
    in_service.open_doors(rooms=3, plays=30, pace=4, by_serial=True)
    in_service.wait_sung()
    require_ledger(stage, in_service)
    assert in_service.tally().counted() > before


def test_a_network_that_stalls_holds_up_no_guest_and_no_play_is_lost(stage: Stage, in_service: Venue) -> None:
    sung, before = len(in_service.tally().ended), stage.offices.ledger(stage.code(in_service))
    in_service.board.stall_network()
    in_service.open_doors(plays=40, pace=4)
    in_service.wait_sung()
    assert len(in_service.tally().ended) >= sung + 40
    assert stage.offices.ledger(stage.code(in_service)) == before, "nothing came through"
    in_service.board.heal_network()
    require_ledger(stage, in_service)
    assert sum(stage.offices.ledger(stage.code(in_service)).values()) > sum(before.values())


def test_a_broken_seal_is_written_down_and_told(in_service: Venue) -> None:
    in_service.board.open_seal()
    wait_for("the seal in the journal", lambda: [body["open"] for body in seals_of(in_service)] == [True])
    assert in_service.state()["seal"] == "open"
    in_service.board.open_seal(False)
    wait_for("the closed seal", lambda: in_service.state()["seal"] == "was-opened")
    opening = seals_of(in_service)[-1]["opening"]
    in_service.board.cut()
    in_service.board.open_seal()
    in_service.board.open_seal(False)
    in_service.board.power_on()
    wait_for("what happened without power", lambda: seals_of(in_service)[-1]["at_boot"])
    assert in_service.state()["seal"] == "was-opened"
    assert seals_of(in_service)[-1]["opening"] > opening


def test_no_song_starts_in_the_closed_hours(stage: Stage, in_service: Venue) -> None:
    """The world of the bench is an evening; a box that was off for seven hours wakes at night, and off line."""
    board = in_service.board
    try:
        board.cut_network()
        board.cut()
        board.jump(rtc_ms=7 * 3_600_000)
        board.power_on()
        in_service.wait_state("closed")
        laptop = in_service.laptop()
        answer = laptop.play("bench-1", some_songs(stage, 1)[0])
        laptop.close()
        assert (answer.status, answer.code) == (403, "HOURS_CLOSED")
    finally:  # whatever was seen: no other scenario meets this box at night
        board.cut()
        board.set_world(stage.world.offset_ms)
        board.heal_network()
        board.power_on()
    in_service.wait_state("in-service")
