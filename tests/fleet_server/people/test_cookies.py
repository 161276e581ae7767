"""Sessions of browsers: what changes something comes from our own page, with the session's token."""

import httpx
import pytest

from fleet_server.people.sessions import csrf_token
from tests.fleet_server.people.clients import URL, People


def as_browser(people: People, **headers: str) -> httpx.AsyncClient:
    people.client("zhang", ("administrator", "000000"))
    browser = people.stranger()
    browser.cookies.set("frontbox", "token of zhang")
    browser.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return browser


NEW = {"person": "li", "name": "Li", "region": "440106"}
CSRF = csrf_token("token of zhang")


async def test_our_own_page_may_change_things(people: People) -> None:
    browser = as_browser(people, origin=URL, x_csrf_token=CSRF)
    assert (await browser.post("/api/v1/persons", json=NEW)).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"x_csrf_token": CSRF},
        {"origin": URL},
        {"origin": "http://evil.example", "x_csrf_token": CSRF},
        {"origin": "null", "x_csrf_token": CSRF},
        {"origin": URL, "x_csrf_token": "0" * 32},
    ],
)
async def test_another_page_may_not(people: People, headers: dict[str, str]) -> None:
    answer = await as_browser(people, **headers).post("/api/v1/persons", json=NEW)
    assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_FOREIGN")


async def test_reading_needs_no_token(people: People) -> None:
    assert (await as_browser(people).get("/api/v1/persons")).status_code == 200
