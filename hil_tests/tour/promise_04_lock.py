"""4. A stop by two officers is in force within 2 s of the second signature; every room refuses; the box stays
locked after kill -9 and a restart without network; then resume."""

import os
import signal

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import resume, some_songs, stop

TITLE = "lock"
IN_FORCE_WITHIN_S = 2.0
ROOMS = [f"{room:02d}" for room in range(1, 13)]


def prove(stage: Stage) -> str:
    venue = stage.venues[0]
    song = some_songs(stage, 1)[0]
    ordered = stop(stage, venue)
    venue.board.wait_lamp("locked")
    locked_at_ms = venue.board.changes("lamp")[-1]["at_ms"]
    took_s = locked_at_ms / 1000 - ordered.signed_at_s
    assert took_s <= IN_FORCE_WITHIN_S, f"in force only {took_s:.2f} s after the second signature"
    _require_refusals(venue, song)

    venue.board.cut_network()
    pid = venue.board.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for("a new process of the box", lambda: venue.board.pid not in {None, pid})
    said = venue.wait_state("locked", "in-service", "closed", "expired")
    assert said["state"] == "locked", f"after kill -9 and without network: {said['state']}"
    _require_refusals(venue, song)
    venue.board.heal_network()

    resumed = resume(stage, venue, ordered)
    venue.wait_state("in-service")
    venue.board.wait_lamp("in-service")
    opened_s = venue.board.changes("lamp")[-1]["at_ms"] / 1000 - resumed.signed_at_s
    laptop = venue.laptop()
    allowed = laptop.play("bench-1", song)
    assert allowed.status == 201, allowed
    laptop.end(str(allowed.body["play"]), 1, "skip")
    laptop.close()
    return (
        f"in force {took_s:.2f} s after second signature, 12 rooms refuse, held over kill -9; resumed {opened_s:.2f} s"
    )


def _require_refusals(venue: Venue, song: str) -> None:
    laptop = venue.laptop()
    codes = {room: laptop.play(room, song).code for room in ROOMS}
    laptop.close()
    assert set(codes.values()) == {"VENUE_LOCKED"}, codes
