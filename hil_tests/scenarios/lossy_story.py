"""An evening on a bad line, told to the end: ``unshare --net python -m hil_tests.scenarios.lossy_story FOLDER``.

The venue sings all the while. The line between box and broker loses 30 of 100 packets both ways, the broker is killed
three times, then the line is cut without a word to either side, and heals. What the VOD server counted must be what the
ledger holds. Prints its figures as JSON.
"""

import json
import sys
import time
from pathlib import Path

from hil_tests.bench.country import ACTING
from hil_tests.bench.lossy_line import LossyLine
from hil_tests.bench.network import free_console_port
from hil_tests.bench.stage import Stage
from hil_tests.bench.strategy import Strategy
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import pause, wait_for
from hil_tests.command import parser
from hil_tests.demo.songs import SongList, write_catalog
from hil_tests.tour.desk import resume, stop

LOSS_PERCENT = 30
KILLS = 3
SUNG_BETWEEN = 12
LOSSY_S = 15.0  # between two kills: a line this bad moves a packet or two a second
PACE = 4.0
CUT_S = 25.0
BACK_WITHIN_S = (
    60.0  # 10 is the promise (test_reconnect.py proves it of the waits); the rest is for a machine that is busy
)
CONVERGED_WITHIN_S = 300.0


def main() -> int:
    given = parser("hil_tests.scenarios.lossy_story", "An evening on a bad line.", examples="FOLDER")
    given.add_argument("folder", type=Path)
    stage = _open(given.parse_args().folder)
    try:
        figures = tell(stage)
    finally:
        stage.close()
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _open(folder: Path) -> Stage:
    catalog = folder / "catalog.csv"
    write_catalog(catalog)
    stage = Stage(folder, console_port=free_console_port(), say=lambda _: None, staff=ACTING)
    SongList(catalog).write_for_vod(stage.songs)
    stage.open_fleet()
    stage.release_catalog(catalog)
    return stage


def tell(stage: Stage) -> dict[str, object]:
    """The evening; raises AssertionError where it goes wrong."""
    venue = Strategy(stage, stage.venues[0], stop, resume).reach("in-service")
    line = LossyLine([venue.board.port("broker"), int(stage.fleet.broker_target().rpartition(":")[2])])
    venue.open_doors(pace=PACE)
    line.lose(LOSS_PERCENT)
    for _ in range(KILLS):
        pause(LOSSY_S)
        _sing_on(venue)
        _kill_broker(stage)
    _sing_on(venue)
    lost = line.heal()
    wait_for("the box on line", lambda: venue.state()["online"])
    back_s = _cut_and_heal(venue, line)
    _sing_on(venue)
    venue.close_doors()
    assert not venue.tally().unended(), "an end was never acknowledged by the box"
    healed_s = time.monotonic()
    stage.wait_settled([venue], CONVERGED_WITHIN_S)
    counted = venue.tally().counted()
    ledger = stage.offices.ledger(stage.code(venue))
    assert ledger == dict(counted), "the ledger is not what the VOD server counted"
    return {
        "packets_lost": lost,
        "broker_kills": KILLS,
        "plays_counted": sum(counted.values()),
        "back_s": round(back_s, 1),
        "converged_s": round(time.monotonic() - healed_s, 1),
    }


def _kill_broker(stage: Stage) -> None:
    killed = stage.fleet.kill_broker()
    wait_for("a new broker", lambda: stage.fleet.broker_pid() != killed)


def _cut_and_heal(venue: Venue, line: LossyLine) -> float:
    """Seconds from the end of a silent cut until the box is in session again."""
    line.lose(100)
    wait_for("the box has noticed", lambda: not venue.state()["online"])
    pause(CUT_S)
    line.heal()
    healed_s = time.monotonic()
    wait_for("the box on line again", lambda: venue.state()["online"])
    back_s = time.monotonic() - healed_s
    assert back_s <= BACK_WITHIN_S, f"back after {back_s:.1f} s"
    return back_s


def _sing_on(venue: Venue) -> None:
    ended = len(venue.tally().ended)
    wait_for("more songs", lambda: len(venue.tally().ended) >= ended + SUNG_BETWEEN)


if __name__ == "__main__":
    sys.exit(main())
