"""SPEC 6.3 (1), (2), asked before anybody signs: what a box would take and end nothing by is no ending here either."""

from typing import Any

import httpx
import pytest

from fleet_server.orders.model import order_venues
from tests.device.protocol.builders import CHEN, LI, WANG, ZHANG, resume
from tests.fleet_server.country import Country, StandingBox, signature, signed
from tests.fleet_server.orders.conftest import Pair
from tests.fleet_server.orders.test_kinds import by_the_province
from tests.fleet_server.orders.test_orders import code_of, drafted, issued, wish

ENDING: dict[str, Any] = {"kind": "resume", "ends_at_ms": None, "grace_s": 0}


@pytest.fixture
def county(country: Country) -> Pair:
    return country.officer("zhang"), country.officer("li")


async def refused(country: Country, officer: httpx.AsyncClient, **changes: Any) -> str:
    body = wish(country, **ENDING | changes)
    return await code_of(await officer.post("/api/v1/orders/drafts", json=body), 422)


async def test_6_3_2_a_county_drafts_no_end_of_what_the_province_has_ordered(
    country: Country, box: StandingBox, county: Pair, province: Pair
) -> None:
    number, _ = await by_the_province(country, province, venues=[box.venue])
    assert await refused(country, county[0], ends=[number]) == "ORDER_ENDS_ABOVE"
    own, _ = await issued(country, *county, venues=[box.venue])
    assert await refused(country, county[0], ends=[own, number]) == "ORDER_ENDS_ABOVE"
    assert await refused(country, county[0], ends=["310000-2026-000999"], venues=[box.venue]) == "ORDER_ENDS_ABOVE"


async def test_6_3_2_its_own_level_and_the_one_above_end_it(
    country: Country, box: StandingBox, county: Pair, province: Pair
) -> None:
    number, _ = await issued(country, *county, venues=[box.venue])
    assert (await drafted(country, county[0], **ENDING, ends=[number]))["order"]
    assert (await drafted(country, province[0], **ENDING, authority="310000", ends=[number]))["order"]


async def test_6_3_1_a_lift_ends_no_stop_and_a_resume_no_ban(
    country: Country, box: StandingBox, province: Pair
) -> None:
    stop, _ = await by_the_province(country, province, venues=[box.venue])
    target = [{"by": "version", "id": "S000001"}]
    ban, _ = await by_the_province(
        country, province, kind="ban", venues=[box.venue], targets=target, grace_s=0, ends_at_ms=None
    )
    for kind, ends in (("lift", [stop]), ("resume", [ban]), ("resume", [stop, ban])):
        found = await refused(country, province[0], authority="310000", kind=kind, ends=ends)
        assert found == "ORDER_ENDS_KIND"


async def test_an_ending_from_elsewhere_is_asked_the_same_before_it_goes_out(
    country: Country, box: StandingBox, county: Pair, province: Pair
) -> None:
    """Two officers may sign on paper what they like; as an ending of the province's stop it would count here alone."""
    number, _ = await by_the_province(country, province, venues=[box.venue])
    now_ms = country.fleet.clock.now_ms()
    paper = resume(order="310101-2026-000777", ends=(number,), issued_at_ms=now_ms, expires_at_ms=now_ms + 86_400_000)
    paper = paper.replace(scope=paper.scope.replace(venues=(box.venue,)))
    envelope = signed("order", paper.encode().decode(), ZHANG, LI)
    assert await code_of(await county[0].post("/api/v1/orders", content=envelope), 422) == "ORDER_ENDS_ABOVE"
    assert [row["order"] for row in country.rows(order_venues)] == [number]


async def test_a_number_that_has_become_a_ban_since_is_no_stop(
    country: Country, box: StandingBox, province: Pair
) -> None:
    wang, chen = province
    coming = "310000-2026-000002"  # the draft of the resume has the first number
    draft = await drafted(country, wang, **ENDING, authority="310000", ends=[coming], venues=[box.venue])
    target = [{"by": "version", "id": "S000001"}]
    number, _ = await by_the_province(
        country, province, kind="ban", venues=[box.venue], targets=target, grace_s=0, ends_at_ms=None
    )
    assert number == coming
    payload = str(draft["payload"])
    await wang.post("/api/v1/orders", content=signed("order", payload, WANG))
    path = f"/api/v1/orders/{draft['order']}/approvals"
    assert await code_of(await chen.post(path, json=signature(payload, CHEN)), 422) == "ORDER_ENDS_KIND"
