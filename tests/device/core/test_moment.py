"""Plays that wait together share an instant and what the box was asked at it; nothing may outlive its cause."""

from typing import Any

import pytest

from device.core import events as on
from device.core import plays
from tests.box_rig import Rig
from tests.builders import order_envelope


def asked(request: str, room: str) -> on.PlayRequested:
    return on.PlayRequested(request=request, room=room, song="000482", kind="guest", file="")


def told(events: list[Any], plays_left: int | None, is_shared: bool) -> list[Any]:
    """What comes of events at one instant, which is one object or a new one for each."""
    rig = Rig()
    lease = rig.box._memory.lease
    assert lease.held is not None
    if plays_left is not None:
        lease.usage.plays = lease.held.plays_max - plays_left
    now = rig.now
    effects = [rig.box.handle(event, now if is_shared else rig.now) for event in events]
    return [(type(effect).__name__, repr(effect)) for found in effects for effect in found]


def test_the_last_play_that_a_lease_allows_is_the_last_also_of_those_that_wait_together() -> None:
    events = [asked("r1", "K1"), asked("r2", "K2"), asked("r3", "K3")]
    shared = told(events, 2, is_shared=True)
    assert shared == told(events, 2, is_shared=False)
    assert [("LEASE_EXPIRED" in text) for name, text in shared if name == "Reply"] == [False, False, True]


def test_a_venue_that_is_full_is_full_also_for_those_that_wait_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays, "PLAYS_OPEN_MAX", 2)
    events = [asked("r1", "K1"), asked("r2", "K2"), asked("r3", "K3"), asked("r4", "K1")]
    shared = told(events, None, is_shared=True)
    assert shared == told(events, None, is_shared=False)
    assert [("PLAYS_TOO_MANY" in text) for name, text in shared if name == "Reply"] == [False, False, True, False]


def test_a_stop_that_comes_between_two_plays_of_one_instant_stops_the_second() -> None:
    stop = on.OrderReceived(request="r2", raw=order_envelope("stop"))
    events = [
        asked("r1", "K1"),
        stop,
        asked("r3", "K3"),
        on.PlayEnded(request="r4", play="1-0", played_s=1, reason="end"),
    ]
    shared = told(events, None, is_shared=True)
    assert shared == told(events, None, is_shared=False)
    assert ["VENUE_LOCKED" in text for _, text in shared if "'r3'" in text] == [True]


def test_a_journal_that_fails_between_two_plays_of_one_instant_refuses_the_second() -> None:
    events = [asked("r1", "K1"), on.JournalFailed(reason="", requests=["r1"]), asked("r2", "K2")]
    shared = told(events, None, is_shared=True)
    assert shared == told(events, None, is_shared=False)
    assert "JOURNAL_UNAVAILABLE" in shared[-1][1]
