"""The gate: every route has it, it ends at the region, and nobody helps himself."""

import re

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, literal, select
from starlette.routing import BaseRoute

from device.protocol.regions import contains
from fleet_server.app import BOX_ROUTERS, CONSOLE_ROUTERS
from fleet_server.http_errors import ProblemError
from fleet_server.people import Gate, Role, below
from fleet_server.people.authority import Actor, Grant, authorise
from fleet_server.people.roles import EXCLUSIVE, MAY, Action
from fleet_server.regions import load
from tests.fleet_server.people.clients import People
from tests.fleet_server.venues.builders import a_venue

# Routes for those who cannot be signed in yet. Pages of the console have their own walk.
PUBLIC = {("POST", "/api/v1/session")}


def routes(routers: tuple[APIRouter, ...]) -> list[APIRoute]:
    found: list[BaseRoute] = [route for router in routers for route in router.routes]
    return [route for route in found if isinstance(route, APIRoute) and route.path.startswith("/api/")]


def method(route: APIRoute) -> str:
    return min(route.methods or {"GET"})


def named(route: APIRoute) -> str:
    return f"{method(route)} {route.path}"


@pytest.mark.parametrize("route", routes(CONSOLE_ROUTERS), ids=named)
def test_every_route_asks_for_permission(route: APIRoute) -> None:
    asked = route.dependant.dependencies  # codespell:ignore dependant
    gates = [dependency.call for dependency in asked if isinstance(dependency.call, Gate)]
    is_public = (method(route), route.path) in PUBLIC
    assert len(gates) == (0 if is_public else 1), "a route takes `call: Annotated[Call, needs(Action.X)]`"


@pytest.mark.parametrize("route", routes(CONSOLE_ROUTERS), ids=named)
async def test_every_route_refuses_a_stranger(route: APIRoute, people: People) -> None:
    if (method(route), route.path) in PUBLIC:
        return
    path = re.sub(r"\{[^}]*\}", "x", route.path)
    answer = await people.stranger().request(method(route), path, json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_IN_NEEDED")


def test_boxes_meet_no_route_of_people() -> None:
    assert not routes(BOX_ROUTERS)


ACTOR = Actor("a", "a", "a", "", (Grant(Role.OFFICER, "440100"), Grant(Role.AUDITOR, "310000")))


@pytest.mark.parametrize(
    ("action", "region", "code"),
    [
        (Action.ORDER_DRAFT, "440106", None),
        (Action.ORDER_DRAFT, "440100", None),
        (Action.ORDER_DRAFT, "440000", "NOT_FOUND"),  # the province above
        (Action.ORDER_DRAFT, "440300", "NOT_FOUND"),  # the city beside
        (Action.ORDER_DRAFT, "310101", "NOT_PERMITTED"),  # seen, but not to be ordered there
        (Action.AUDIT_READ, "310101", None),
        (Action.AUDIT_READ, "440106", "NOT_PERMITTED"),
    ],
)
def test_a_role_counts_in_its_region_and_below(action: Action, region: str, code: str | None) -> None:
    if code is None:
        authorise(ACTOR, action, region)
        return
    with pytest.raises(ProblemError) as caught:
        authorise(ACTOR, action, region)
    assert caught.value.code == code


REGION = st.sampled_from([region.code for region in load()])


@given(outer=REGION, inner=REGION)
def test_the_database_and_the_digits_agree_on_what_contains_what(outer: str, inner: str) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        found = connection.scalar(select(below(outer, literal(inner))))
    engine.dispose()
    assert bool(found) is contains(outer, inner)


def test_every_action_is_somebodys_and_the_auditor_changes_nothing() -> None:
    assert set(Action) == {action for may in MAY.values() for action in may}
    assert all(action.endswith((".read", ".export")) for action in MAY[Role.AUDITOR])


async def test_ids_of_other_regions_cannot_be_told_from_none(people: People) -> None:
    shanghai = people.client("sh", ("operator", "310000"))
    venue = (await shanghai.post("/api/v1/venues", json=a_venue())).json()["venue"]
    guangdong = people.client("gd", ("operator", "440000"))
    foreign = await guangdong.get(f"/api/v1/venues/{venue}")
    absent = await guangdong.get("/api/v1/venues/J0150010300176E")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.json() | {"request_id": ""} == absent.json() | {"request_id": ""}
    assert (await guangdong.get("/api/v1/venues")).json() == {"venues": [], "count": 0}
    assert (await guangdong.post("/api/v1/venues", json=a_venue())).json()["code"] == "NOT_FOUND"


async def test_nobody_grants_to_himself(people: People) -> None:
    admin = people.client("root", ("administrator", "000000"))
    answer = await admin.put("/api/v1/persons/root/grants", json={"role": "operator", "region": "000000"})
    assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_OWN")


@pytest.mark.parametrize("pair", sorted(tuple(sorted(pair)) for pair in EXCLUSIVE))
async def test_exclusive_roles_are_not_held_together(people: People, pair: tuple[Role, Role]) -> None:
    admin = people.client("root", ("administrator", "000000"))
    people.client("zhang", (pair[0].value, "440000"))
    answer = await admin.put("/api/v1/persons/zhang/grants", json={"role": pair[1].value, "region": "310000"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ROLE_CONFLICT")


async def test_a_role_that_was_taken_away_counts_no_more(people: People) -> None:
    admin = people.client("root", ("administrator", "000000"))
    operator = people.client("op", ("operator", "310000"))
    assert (await operator.get("/api/v1/venues")).status_code == 200
    assert (await admin.delete("/api/v1/persons/op/grants/operator/310000")).status_code == 200
    assert (await operator.get("/api/v1/venues")).json()["code"] == "NOT_PERMITTED"
