"""7. The network is cut for 200 plays, then back: the ledger is complete, the original times are kept."""

from hil_tests.bench.stage import Stage
from hil_tests.tour.desk import journal_of, require_same_count

TITLE = "offline"
PLAYS = 200
PACE = 6.0


def prove(stage: Stage) -> str:
    venue = stage.venues[1]
    stage.wait_settled([venue])
    before, counted_before = len(journal_of(venue)), venue.tally().counted().total()
    venue.board.cut_network()
    venue.open_doors(plays=PLAYS, pace=PACE)
    venue.wait_sung()
    journal = venue.state()["journal"]
    assert isinstance(journal, dict)
    waiting = journal["size"] - journal["watermark"]
    # Not PLAYS: a song list may hold songs that were never approved.
    counted = venue.tally().counted().total() - counted_before
    assert waiting >= 2 * counted > 0, f"only {waiting} entries wait on the box for {counted} plays"
    healed_at_ms = stage.world.now_ms()
    venue.board.heal_network()
    require_same_count(stage)
    sung = [entry.fields["at_ms"] for entry in journal_of(venue)[before:] if entry.kind == "PLAY_END"]
    known = stage.offices.times(stage.code(venue))
    missing = [at_ms for at_ms in sung if at_ms not in known]
    late = [at_ms for at_ms in sung if at_ms >= healed_at_ms]
    assert not missing, f"{len(missing)} of {len(sung)} times are not in the ledger"
    assert not late, f"{len(late)} plays bear a time after the network was back"
    return f"{len(sung)} plays without network, {waiting} entries caught up, every original time kept"
