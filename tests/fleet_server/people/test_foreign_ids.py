"""Every route with an id, asked by people of another province: the same 404 as for an id that was never given."""

import re

import pytest
from fastapi.routing import APIRoute

from fleet_server.app import CONSOLE_ROUTERS
from fleet_server.people import Role
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.people.clients import People
from tests.fleet_server.people.test_roles import method, named, routes
from tests.fleet_server.venues.builders import a_venue

BODIES: dict[str, object] = {
    "PUT /api/v1/boxes/{box}/status": {"status": "revoked", "reason": "x"},
    "PUT /api/v1/persons/{person}/grants": {"role": "officer", "region": "440106"},
    "PUT /api/v1/accounts/{account}/password": {"password": "a long enough password"},
    "PUT /api/v1/accounts/{account}": {"is_active": False},
}
MINE = [
    route
    for route in routes(CONSOLE_ROUTERS)
    if re.search(r"/(venues|boxes|persons|accounts)/", route.path) and "{" in route.path
]
ABSENT = {"venue": "J0150010300176E", "box": "KTV-NONE", "person": "nobody", "account": "nobody"}


@pytest.mark.parametrize("route", MINE, ids=named)
async def test_a_foreign_id_is_not_told_from_one_that_was_never_given(route: APIRoute, people: People) -> None:
    shanghai = people.client("shanghai", ("operator", "310000"))
    venue = (await shanghai.post("/api/v1/venues", json=a_venue())).json()["venue"]
    box = FactoryBox("KTV-0001", a_factory())
    registered = await shanghai.post("/api/v1/boxes", json={**box.registration, "region": "310101"})
    assert registered.status_code == 201
    existing = {"venue": venue, "box": "KTV-0001", "person": "shanghai", "account": "shanghai"}
    stranger = people.client("guangdong", *[(role.value, "440000") for role in Role])
    body = BODIES.get(named(route))
    place = {"role": "officer", "region": "440106"}
    foreign = await stranger.request(method(route), route.path.format(**existing, **place), json=body)
    absent = await stranger.request(method(route), route.path.format(**ABSENT, **place), json=body)
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.json() | {"request_id": ""} == absent.json() | {"request_id": ""}
