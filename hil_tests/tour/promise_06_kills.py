"""6. Box, broker and fleet server each killed with -9 while songs run: nothing acknowledged is lost, nothing
counted twice, no hand needed."""

import os
import signal

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import require_same_count

TITLE = "kills"
PACE = 2.0
SUNG_BETWEEN = 6


def prove(stage: Stage) -> str:
    before = sum(sum(venue.tally().counted().values()) for venue in stage.venues)
    for venue in stage.venues:
        venue.open_doors(pace=PACE)
    _sing_on(stage)

    box = stage.venues[0].board
    pid = box.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _sing_on(stage)

    broker = stage.fleet.kill_broker()
    wait_for("a new broker", lambda: stage.fleet.broker_pid() != broker)
    _sing_on(stage)

    stage.fleet.kill()
    _sing_on(stage)
    stage.fleet.start()  # as init would: the same program, the same data, nothing else
    _sing_on(stage)

    for venue in stage.venues:
        venue.close_doors()
        assert not venue.tally().unended(), f"{venue.place.box}: an end was never acknowledged"
    plays, _ = require_same_count(stage)
    return f"box, broker, fleet server killed with -9; {plays - before} plays counted through it, ledger = count"


def _sing_on(stage: Stage) -> None:
    """Until every venue has ended some more songs and has some running."""
    for venue in stage.venues:
        ended = len(venue.tally().ended)

        def sang(venue: Venue = venue, ended: int = ended) -> bool:
            tally = venue.tally()
            return len(tally.ended) >= ended + SUNG_BETWEEN and bool(tally.unended())

        wait_for(f"more songs in {venue.place.name}", sang)
