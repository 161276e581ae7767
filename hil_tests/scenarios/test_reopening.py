"""A suspension with an end: songs are told and cut, then the venue itself says that it opens again (SPEC 6.4, 6.7)."""

import pytest

from hil_tests.bench.country import officers_over
from hil_tests.bench.papers import DAY_MS, Paper
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for

pytestmark = pytest.mark.hil
SUSPENDED_S = 60
GRACE_S = 10
VERY_SLOW = 0.001  # a song takes minutes


def suspend(stage: Stage, venue: Venue, number: int) -> str:
    """A stop of a few seconds by the two officers over the venue, handed to the fleet as it is; no verb makes one."""
    first, second = officers_over(venue.place.region)
    now_ms = stage.world.now_ms()
    order = f"{first.region}-2026-{number:06d}"
    rest = {"ends_at_ms": now_ms + SUSPENDED_S * 1000, "grace_s": GRACE_S}
    scope = {"venues": [stage.code(venue)]}
    paper = Paper(order, "stop", first.region, first.person, scope, now_ms, now_ms + DAY_MS, rest)
    with stage.offices.fleet.http(first.person) as http:
        envelope = paper.signed([stage.offices.key(officer) for officer in (first, second)])
        http.post("/api/v1/orders", content=envelope, headers={"Content-Type": "application/json"}).raise_for_status()
    return order


@pytest.mark.parametrize("by_serial", [False, True], ids=["lan", "serial"])
def test_a_suspension_that_runs_out_waits_for_the_venue(stage: Stage, in_service: Venue, by_serial: bool) -> None:
    venue, before = in_service, in_service.tally()
    venue.open_doors(rooms=1, pace=VERY_SLOW, by_serial=by_serial)
    (running,) = wait_for("a song", lambda: set(venue.tally().plays) - set(before.plays))
    suspend(stage, venue, 980_001 + by_serial)
    venue.wait_state("locked")
    wait_for("the end of the grace", lambda: running in venue.tally().ended)
    venue.close_doors()
    told = venue.tally()
    assert told.countdowns["lock"] > before.countdowns["lock"], "the room was told"
    assert told.cuts["lock"] == before.cuts["lock"] + 1

    venue.wait_state("ready")
    venue.open_doors(rooms=1, by_serial=by_serial)
    wait_for("a guest who has to wait", lambda: venue.tally().refused["VENUE_READY"] > before.refused["VENUE_READY"])
    assert venue.state()["code"] == "VENUE_READY"
    assert venue.tally().reopened == before.reopened, "only the owner confirms"
    venue.close_doors()

    venue.open_doors(rooms=1, by_serial=by_serial, confirms=True)
    venue.wait_state("in-service")
    wait_for("the answer", lambda: venue.tally().reopened["in-service"] == before.reopened["in-service"] + 1)
    wait_for("the next song", lambda: set(venue.tally().plays) - set(told.plays))
