"""Signing in: one answer for every failure, throttled, expiring, ended when the account closes."""

import contextlib
import sqlite3
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from fleet_server import database
from fleet_server import fleet as fleets
from fleet_server.clock import Clock
from fleet_server.http_errors import ProblemError
from fleet_server.people import passwords, sessions
from fleet_server.people.passwords import Passwords
from fleet_server.settings import Settings
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
    monkeypatch.setattr(sessions, "FAILURES_FROM_ONE_MAX", 2)
    client = people.stranger()
    for _ in range(2):
        await client.post("/api/v1/session", json={"account": "admin", "password": "x"})
    answer = await client.post("/api/v1/session", json={"account": "admin", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "SIGN_IN_THROTTLED")


class Plain(Passwords):
    """Passwords that cost no time."""

    def verify(self, password: str, stored: str | None) -> bool:
        return stored is not None and password == "right"


class Door:
    """Attempts at one account, at instants that a test chooses."""

    def __init__(self, people: People) -> None:
        self.database = people.fleet.database
        self.now_ms = people.fleet.clock.now_ms()

    def tries(self, ip: str, password: str) -> str:
        try:
            is_in = sessions.confirm(
                self.database, Plain(), account="admin", password=password, ip=ip, now_ms=self.now_ms
            )
        except ProblemError as error:
            return error.code
        return "in" if is_in else "wrong"


def test_who_does_not_know_the_password_keeps_nobody_out_who_does(people: People) -> None:
    """Ten wrong passwords every minute from ever new addresses, for 20 minutes; the officer comes once a minute."""
    door, late_ms = Door(people), []
    for minute in range(20):
        for stranger in range(10):
            door.tries(f"10.{minute}.0.{stranger}", "wrong")
        came_ms = door.now_ms
        while door.tries("192.0.2.1", "right") != "in":
            door.now_ms += 500
        late_ms.append(door.now_ms - came_ms)
        door.now_ms += 60_000
    assert max(late_ms) <= sessions.DELAY_MS_MAX


def test_one_address_gets_ten_tries_at_an_account_in_a_quarter_of_an_hour(people: People) -> None:
    door = Door(people)
    tried = []
    for _ in range(sessions.FAILURES_FROM_ONE_MAX + 5):
        tried.append(door.tries("10.0.0.1", "wrong"))
        door.now_ms += 10_000
    assert tried == ["wrong"] * sessions.FAILURES_FROM_ONE_MAX + ["SIGN_IN_THROTTLED"] * 5
    assert door.tries("10.0.0.1", "right") == "SIGN_IN_THROTTLED"
    assert door.tries("192.0.2.1", "right") == "in"
    door.now_ms += sessions.FAILURES_FOR_MS
    assert door.tries("10.0.0.1", "right") == "in"


def test_guessing_from_everywhere_gets_slower_and_slower(people: People) -> None:
    """Three minutes of ever new addresses, six tries a second: how many passwords are looked at."""
    door, looked_at = Door(people), 0
    for attempt in range(1_200):
        looked_at += door.tries(f"10.{attempt >> 16}.{attempt >> 8 & 255}.{attempt & 255}", "wrong") == "wrong"
        door.now_ms += 166
    assert looked_at <= sessions.FAILURES_FREE + 200_000 // sessions.DELAY_MS_MAX + 10


async def test_signing_out_ends_the_session(people: People) -> None:
    client = people.client("zhang", ("officer", "440106"))
    assert (await client.delete("/api/v1/session")).status_code == 204
    assert (await client.get("/api/v1/session")).json()["code"] == "SIGN_IN_NEEDED"


@pytest.mark.parametrize(("later_s", "status"), [(899, 200), (901, 401)])
async def test_an_idle_session_ends(people: People, later_s: int, status: int) -> None:
    client = people.client("zhang", ("officer", "440106"))
    object.__setattr__(people.fleet, "clock", Clock(later_s * 1000))
    assert (await client.get("/api/v1/session")).status_code == status


async def test_a_session_in_use_ends_after_eight_hours(people: People) -> None:
    client = people.client("zhang", ("officer", "440106"))
    seen = []
    for minute in range(0, 8 * 60 + 11, 10):
        object.__setattr__(people.fleet, "clock", Clock(minute * 60_000))
        seen.append((await client.get("/api/v1/session")).status_code)
    assert seen == [200] * 48 + [401] * 2


async def test_a_weak_password_is_refused(people: People) -> None:
    admin = people.client("root", ("administrator", "000000"))
    for password in ("short", "aaaaaaaaaaaaaaa", "administrator"):
        body = {"account": "li", "person": "root", "password": password}
        answer = await admin.post("/api/v1/accounts", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "PASSWORD_WEAK")


def test_the_dummy_hash_costs_as_much_as_a_real_one() -> None:
    assert not PasswordHasher().check_needs_rehash(passwords._NOBODYS)
    assert not Passwords().verify("", None)


async def test_a_new_password_ends_the_other_sessions(people: People) -> None:
    first = await sign_in(people.stranger(), "admin", PASSWORD)
    second = await sign_in(people.stranger(), "admin", PASSWORD)
    wrong = await first.put("/api/v1/session/password", json={"old": "x", "new": "another long password"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "PASSWORD_WRONG")
    right = await first.put("/api/v1/session/password", json={"old": PASSWORD, "new": "another long password"})
    assert right.status_code == 204
    assert (await first.get("/api/v1/session")).status_code == 200
    assert (await second.get("/api/v1/session")).status_code == 401
    assert "authorization" not in (await sign_in(people.stranger(), "admin", PASSWORD)).headers


async def test_who_administers_a_province_cannot_become_who_administers_the_country(people: People) -> None:
    province = people.client("gd", ("administrator", "440000"))
    people.client("minister", ("operator", "440000"), ("operator", "310000"))
    taken = {"account": "taken", "person": "minister", "password": "a password of mine"}
    assert (await province.post("/api/v1/accounts", json=taken)).status_code == 404
    body = {"password": "a password of mine"}
    assert (await province.put("/api/v1/accounts/minister/password", json=body)).status_code == 404
    assert (await province.put("/api/v1/accounts/minister", json={"is_active": False})).status_code == 404


async def test_a_database_that_is_held_is_said_to_be_unavailable(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_FOR_MS", 50)
    fleet = fleets.build(Settings(data=data))
    with contextlib.closing(sqlite3.connect(data / "fleet.db", isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        body = {"account": "admin", "password": PASSWORD}
        answer = await People(fleet).stranger().post("/api/v1/session", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        tool.execute("ROLLBACK")
        assert (await People(fleet).stranger().post("/api/v1/session", json=body)).status_code == 201
    fleet.database.close()


async def test_closing_an_account_ends_its_sessions(people: People) -> None:
    client = people.client("zhang", ("officer", "440106"))
    admin = people.client("root", ("administrator", "000000"))
    closed = await admin.put("/api/v1/accounts/zhang", json={"is_active": False})
    assert closed.status_code == 200
    assert (await client.get("/api/v1/session")).status_code == 401
