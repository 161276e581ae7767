"""One stream of news per browser: what changed, where the reader may look; the page then reads it again.

Server-sent events on GET /events. `news` carries `{"topics": {topic: [subjects]}}`, at most one each NEWS_EVERY_S; an
empty list of subjects means any. `tick` says that nothing changed. `ended` is the last word of a session that is over.

Rules:

1. A reader hears of a topic only in regions where a role permits to read it; subjects and topics, never content.
2. Nothing is kept: whoever comes back with Last-Event-ID is told `lost` and reads everything again.
3. Watching is not using: an open page does not keep an idle session alive (people/sessions.py rule 2).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from device.protocol import regions
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.live import LOST, Event, Listener, TooManyListenersError
from fleet_server.people import Action, Actor, Call, needs, sessions
from fleet_server.people.gate import session_token

NEWS_EVERY_S = 0.5
TICK_EVERY_S = 5.0
SUBJECTS_MAX = 50  # per topic and message; more of them are sent as "any"

TOPICS: dict[str, Action] = {
    "venue": Action.VENUE_READ,
    "box": Action.BOX_READ,
    "order": Action.ORDER_READ,
    "notice": Action.NOTICE_READ,
    "play": Action.PLAYS_READ,
    "rollout": Action.ROLLOUT_READ,
    "catalog": Action.CATALOG_READ,
}

router = APIRouter(include_in_schema=False)


@router.get("/events")
async def stream_news(request: Request, call: Annotated[Call, needs(Action.SESSION_READ)]) -> Response:
    """The stream; one per browser, shared by its tabs."""
    token, _ = session_token(request)
    came_back = "last-event-id" in request.headers
    return StreamingResponse(
        _news(call.fleet, token, call.actor, came_back),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def hears(actor: Actor, event: Event) -> bool:
    """Rule 1."""
    action = TOPICS.get(event.topic)
    if action is None:
        return False
    return any(
        regions.contains(outer, event.region) or regions.contains(event.region, outer)
        for outer in actor.regions(action)
    )


def message(events: list[Event]) -> dict[str, object]:
    """What a batch of events comes to."""
    topics: dict[str, list[str]] = {}
    for event in events:
        subjects = topics.setdefault(event.topic, [])
        if event.subject not in subjects:
            subjects.append(event.subject)
    return {"topics": {topic: found if len(found) <= SUBJECTS_MAX else [] for topic, found in topics.items()}}


async def _news(fleet: Fleet, token: str, actor: Actor, came_back: bool) -> AsyncIterator[str]:
    number = checked_at_ms = fleet.clock.now_ms()
    yield "retry: 2000\n\n"
    try:
        with fleet.live.listen(lambda _: True) as listener:
            yield _told(number, actor, [LOST] if came_back else [])
            async for events in _batches(listener):
                number += 1
                now_ms = fleet.clock.now_ms()
                if now_ms - checked_at_ms >= TICK_EVERY_S * 1000:
                    checked_at_ms = now_ms
                    if not await asyncio.to_thread(_is_signed_in, fleet, token):
                        yield _event(number, "ended", {})
                        return
                yield _told(number, actor, events)
    except TooManyListenersError:
        # The browser comes again after its pause; until then the page says that it is not live.
        return


def _told(number: int, actor: Actor, events: list[Event]) -> str:
    if LOST in events:
        return _event(number, "news", {"lost": True, "topics": {}})
    heard = [event for event in events if hears(actor, event)]
    return _event(number, "news", message(heard)) if heard else _event(number, "tick", {})


async def _batches(listener: Listener) -> AsyncIterator[list[Event]]:
    """What happened in each NEWS_EVERY_S in which something did; an empty list after TICK_EVERY_S of nothing."""
    while True:
        events: list[Event] = []
        try:
            async with asyncio.timeout(TICK_EVERY_S):
                events.append(await anext(listener))
            async with asyncio.timeout(NEWS_EVERY_S):
                while True:
                    events.append(await anext(listener))
        except TimeoutError:
            yield events
        except StopAsyncIteration:  # the server stops
            return


def _is_signed_in(fleet: Fleet, token: str) -> bool:
    try:
        sessions.watcher_of(fleet.database, token, fleet.session_expiry, fleet.clock.now_ms())
    except ProblemError:
        return False
    return True


def _event(number: int, name: str, data: dict[str, object]) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=True)}\n\n"
