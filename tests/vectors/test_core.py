"""The golden vectors of orders and notices through the box's own entry point: Box.handle."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.box import Box
from device.crypto.p256 import verify
from device.protocol.envelope import parse_envelope
from device.protocol.journal import first_chain
from tests.device.protocol.builders import BOX, NOW_MS, VENUE

HERE = Path(__file__).parent
NOW = on.Now(mono_ms=60_000, rtc_ms=NOW_MS)


def vectors(name: str) -> list[dict[str, Any]]:
    """Those that a box asks; the server is in no region."""
    found: list[dict[str, Any]] = json.loads((HERE / f"{name}.json").read_text())
    return [vector for vector in found if vector["region"]]


def claimed_box(policy: str, region: str) -> Box:
    """A new box in the venue, with no lease yet: it has no trusted time, so no order is too old."""
    box = Box(BOX, verify, lambda song: None, lambda size: None)
    started = on.Started(
        version="1.4.0",
        slot="a",
        clean=True,
        torn_bytes=0,
        torn_sha256="",
        counter=0,
        seed=bytes(32),
        journal_epoch=1,
        journal_first=0,
        journal_size=0,
        journal_head=first_chain(BOX, 1),
        last_at_ms=None,
        last_boot=0,
        open_plays=[],
        ended_plays=[],
        state=None,
    )
    for event in (started, on.PolicyLoaded(raw=policy.encode()), on.Claimed(venue=VENUE, region=region)):
        box.handle(event, NOW)
    return box


def answer_of(effects: list[Any]) -> tuple[int, dict[str, Any]]:
    """Status and body of what the courier is told; a receipt is the body of an acceptance."""
    (answer,) = [effect for effect in effects if isinstance(effect, do.Reply | do.ReplySigned)]
    return answer.status, answer.body if isinstance(answer, do.Reply) else json.loads(answer.payload)


def require_answer(vector: dict[str, Any], effects: list[Any], number: str) -> None:
    status, body = answer_of(effects)
    expected = vector["expect"]
    if "code" in expected:
        assert (status, body["code"]) == (422, expected["code"])
    else:
        assert (status, body["result"]) == (200, "accepted")
        assert (body["id"], body["document"]) == (expected[number], expected["document"])


@pytest.mark.parametrize("vector", vectors("orders"), ids=lambda vector: vector["name"])
def test_6_2_a_box_obeys_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box = claimed_box(vector["policy"], vector["region"])
    require_answer(vector, box.handle(on.OrderReceived(request="r1", raw=vector["text"].encode()), NOW), "order")
    is_locked = "order" in vector["expect"] and '"stop"' in str(
        parse_envelope(vector["text"].encode(), "order").payload
    )
    assert (box.state_body(NOW)["state"] == "locked") == is_locked


@pytest.mark.parametrize("vector", vectors("notices"), ids=lambda vector: vector["name"])
def test_12_1_a_box_shows_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box = claimed_box(vector["policy"], vector["region"])
    require_answer(vector, box.handle(on.NoticeReceived(request="r1", raw=vector["text"].encode()), NOW), "notice")
