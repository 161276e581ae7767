"""Signing in: one answer for every failure, throttled, expiring, ended when the account closes."""

import httpx
import pytest

from fleet_server.people import sessions
from tests.fleet_server.conftest import PASSWORD
from tests.fleet_server.people.clients import People


async def sign_in(client: httpx.AsyncClient, account: str, password: str) -> httpx.AsyncClient:
    answer = await client.post("/api/v1/session", json={"account": account, "password": password})
    if answer.status_code == 201:
        client.headers["authorization"] = f"Bearer {answer.json()['token']}"
    return client


async def test_the_right_password_starts_a_session(people: People) -> None:
    client = await sign_in(people.stranger(), "admin", PASSWORD)
    assert (await client.get("/api/v1/session")).json()["grants"] == [{"role": "administrator", "region": "000000"}]


@pytest.mark.parametrize("account", ["admin", "nobody"])
async def test_wrong_password_and_unknown_account_look_the_same(people: People, account: str) -> None:
    answer = await people.stranger().post("/api/v1/session", json={"account": account, "password": "x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_IN_FAILED")


async def test_too_many_failures_throttle_even_the_right_password(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FAILURES_PER_ACCOUNT_MAX", 2)
    client = people.stranger()
    for _ in range(2):
        await client.post("/api/v1/session", json={"account": "admin", "password": "x"})
    answer = await client.post("/api/v1/session", json={"account": "admin", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "SIGN_IN_THROTTLED")


async def test_signing_out_ends_the_session(people: People) -> None:
    client = people.client("zhang", ("officer", "440106"))
    assert (await client.delete("/api/v1/session")).status_code == 204
    assert (await client.get("/api/v1/session")).json()["code"] == "SIGN_IN_NEEDED"


async def test_closing_an_account_ends_its_sessions(people: People) -> None:
    client = people.client("zhang", ("officer", "440106"))
    admin = people.client("root", ("administrator", "000000"))
    closed = await admin.put("/api/v1/accounts/zhang", json={"is_active": False})
    assert closed.status_code == 200
    assert (await client.get("/api/v1/session")).status_code == 401
