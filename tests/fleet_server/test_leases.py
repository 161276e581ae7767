"""What the server makes of a refused lease (SPEC 7.3): an incident, one for a boot, counted."""

from typing import Any

import pytest

from fleet_server.fleet import Fleet
from fleet_server.plays.model import incidents
from tests.fleet_server.country import Country, StandingBox, mail


@pytest.fixture
def country(fleet: Fleet) -> Country:
    return Country(fleet)


@pytest.fixture
def box(country: Country) -> StandingBox:
    return country.box("KTV-AAAA0001", country.venue())


def refused(country: Country, box: StandingBox, count: int, **changes: Any) -> None:
    counts = {"LEASE_TIME": count} if count else {"SONG_UNKNOWN": 4}
    mail(country, box, "report", box.report(refused=counts, **changes))


async def test_a_box_that_refused_our_time_is_an_incident(country: Country, box: StandingBox) -> None:
    refused(country, box, 0)
    assert country.rows(incidents) == []
    for count in (1, 1, 2):
        refused(country, box, count)
    (incident,) = country.rows(incidents)
    assert (incident["code"], incident["box"], incident["count"]) == ("LEASE_TIME", box.box, 2)
    assert "ms from ours" in incident["detail"]
    refused(country, box, 1, boot=2, at_ms=None, tq="none")
    assert [found["count"] for found in country.rows(incidents)] == [2, 1]
