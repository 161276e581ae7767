"""3. The ledger is the VOD servers' own count, per room and song, exactly."""

from hil_tests.bench.stage import Stage
from hil_tests.tour.desk import require_same_count

TITLE = "ledger"
PLAYS = 60
PACE = 4.0


def prove(stage: Stage) -> str:
    for venue in stage.venues:
        venue.open_doors(plays=PLAYS, pace=PACE)
    for venue in stage.venues:
        venue.wait_sung()
    plays, venues = require_same_count(stage)
    assert plays > 0, "nothing was counted"
    kinds = {fact["kind"] for venue in stage.venues for fact in venue.tally().plays.values()}
    return f"{plays} counted plays of {venues} venues, per room and song; kinds sung: {', '.join(sorted(kinds))}"
