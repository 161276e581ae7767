"""The golden vectors of orders and notices through the box's own entry point: Box.handle."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.core import effects as do
from device.core import events as on
from device.crypto.p256 import verify
from device.protocol.envelope import parse_envelope
from tests.device.protocol.builders import VENUE
from tests.vectors import outcomes

HERE = Path(__file__).parent


def vectors(name: str) -> list[dict[str, Any]]:
    """Those that a box asks; the server is in no region."""
    found: list[dict[str, Any]] = json.loads((HERE / f"{name}.json").read_text())
    return [vector for vector in found if vector["region"]]


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


def is_venue_stop(payload: bytes) -> bool:
    return b'"kind":"stop"' in payload and b'"rooms"' not in payload


@pytest.mark.parametrize("vector", vectors("orders"), ids=lambda vector: vector["name"])
def test_6_2_a_box_obeys_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box, raw = outcomes.claimed_box(vector["policy"], VENUE, vector["region"], verify), outcomes.bytes_of(vector)
    require_answer(vector, box.handle(on.OrderReceived(request="r1", raw=raw), outcomes.NOW), "order")
    is_stop = "order" in vector["expect"] and is_venue_stop(parse_envelope(raw, "order").payload)
    assert (box.state_body(outcomes.NOW)["state"] == "locked") == is_stop


@pytest.mark.parametrize("vector", vectors("notices"), ids=lambda vector: vector["name"])
def test_12_1_a_box_shows_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box, raw = outcomes.claimed_box(vector["policy"], VENUE, vector["region"], verify), vector["text"].encode()
    require_answer(vector, box.handle(on.NoticeReceived(request="r1", raw=raw), outcomes.NOW), "notice")
