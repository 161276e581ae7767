"""The stream of news: within the reader's regions and roles, whole after a pause, no longer than the session."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from fleet_server.console import news
from fleet_server.console.news import hears, message
from fleet_server.live import Event
from fleet_server.people import Actor, Role
from fleet_server.people.authority import Grant
from tests.fleet_server.console.conftest import post, sign_in
from tests.fleet_server.console.running import Running

COUNTY_OFFICER = Actor("chen", "chen", "chen", "", (Grant(Role.OFFICER, "440106"),))
RIGHTS_HOLDER = Actor("r", "r", "r", "", (Grant(Role.RIGHTS_HOLDER, "000000"),))


@pytest.mark.parametrize(
    ("actor", "topic", "region", "is_heard"),
    [
        (COUNTY_OFFICER, "order", "440106", True),
        (COUNTY_OFFICER, "order", "440000", True),  # an order of the province may be for this county too
        (COUNTY_OFFICER, "order", "440104", False),
        (COUNTY_OFFICER, "box", "310101", False),
        (COUNTY_OFFICER, "unheard-of", "440106", False),
        (RIGHTS_HOLDER, "play", "310101", True),
        (RIGHTS_HOLDER, "order", "310101", False),
    ],
)
def test_news_are_for_those_who_may_read_the_thing(actor: Actor, topic: str, region: str, is_heard: bool) -> None:
    assert hears(actor, Event(topic, region, "x")) is is_heard


def test_many_events_are_one_message() -> None:
    events = [Event("play", "440106", "J1"), Event("play", "440106", "J1"), Event("order", "440106", "O1")]
    assert message(events) == {"topics": {"play": ["J1"], "order": ["O1"]}}
    many = [Event("play", "440106", f"J{number}") for number in range(news.SUBJECTS_MAX + 1)]
    assert message(many) == {"topics": {"play": []}}


@contextmanager
def stream(client: httpx.Client, **headers: str) -> Iterator[Iterator[tuple[str, dict[str, object]]]]:
    """Event names and data as they come."""
    with client.stream("GET", "/events", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_what_happens_is_told(officer: httpx.Client, server: Running) -> None:
    with stream(officer) as events:
        assert next(events) == ("tick", {})
        server.fleet.live.publish("order", "310101", "310101-2026-000001")
        server.fleet.live.publish("order", "440106", "440106-2026-000001")
        found = next(event for event in events if event[0] == "news")
    assert found == ("news", {"topics": {"order": ["440106-2026-000001"]}})


def test_who_comes_back_is_told_to_read_everything_again(officer: httpx.Client) -> None:
    with stream(officer, **{"last-event-id": "17"}) as events:
        assert next(events) == ("news", {"lost": True, "topics": {}})


def test_the_stream_ends_with_the_session(stranger: httpx.Client, server: Running) -> None:
    client = sign_in(stranger, "li")
    with stream(client) as events:
        next(events)
        with httpx.Client(base_url=server.url, cookies=dict(client.cookies)) as elsewhere:
            post(elsewhere, "/sign-out")
        assert [name for name, _ in events][-1] == "ended"


def test_the_stream_ends_with_the_server(officer: httpx.Client, server: Running) -> None:
    with stream(officer) as events:
        next(events)
        threading.Timer(0.1, server.fleet.live.close).start()
        for _ in events:
            pass


def test_watching_keeps_no_session_alive(stranger: httpx.Client, server: Running) -> None:
    client = sign_in(stranger, "li")
    idle_ms = server.fleet.session_expiry.idle_ms
    clock = server.fleet.clock
    try:
        clock._offset_ms += idle_ms - 1000
        assert client.get("/", headers={"x-frontbox-refresh": "1"}).status_code == 200
        clock._offset_ms += 2000
        assert client.get("/").status_code == 303
    finally:
        clock._offset_ms -= idle_ms + 1000
