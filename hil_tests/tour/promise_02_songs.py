"""2. An approved song is allowed; an unknown and a banned one are refused, and both refusals are journalled."""

from hil_tests.bench.stage import Stage
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import ban, journal_of, lift, some_songs

TITLE = "songs"
ROOM = "bench-1"
NO_SONG = "NOSUCHSONG0"


def prove(stage: Stage) -> str:
    venue = stage.venues[0]
    approved, unwanted = some_songs(stage, 2)
    ordered = ban(stage, venue, unwanted)
    laptop = venue.laptop()
    wait_for("the ban in force", lambda: laptop.play(ROOM, unwanted).code == "SONG_BANNED")
    seen = len(journal_of(venue))
    allowed = laptop.play(ROOM, approved)
    assert allowed.status == 201, allowed
    ended = laptop.end(str(allowed.body["play"]), 200)
    assert ended.body == {"counted": True}, ended
    refused = {song: laptop.play(ROOM, song).code for song in (NO_SONG, unwanted)}
    assert refused == {NO_SONG: "SONG_UNKNOWN", unwanted: "SONG_BANNED"}, refused

    def journalled() -> bool:
        entries = [entry.body for entry in journal_of(venue)[seen:] if entry.kind == "REFUSED"]
        return {(body["song"], body["code"]) for body in entries} >= set(refused.items())

    wait_for("both refusals in the journal", journalled)
    lift(stage, venue, ordered)
    wait_for("the ban lifted", lambda: laptop.play(ROOM, unwanted).status == 201)
    laptop.close()
    return "allowed 201; SONG_UNKNOWN and SONG_BANNED refused and journalled"
