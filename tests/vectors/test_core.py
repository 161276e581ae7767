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
    """Status and body of what the courier is told, as far as vectors say it; a receipt is the body of an acceptance."""
    (answer,) = [effect for effect in effects if isinstance(effect, do.Reply | do.ReplySigned)]
    body = answer.body if isinstance(answer, do.Reply) else json.loads(answer.payload)
    return answer.status, {name: body[name] for name in ("code", "result", "id", "document") if name in body}


def expected_of(vector: dict[str, Any], number: str) -> tuple[int, dict[str, Any]]:
    expected = vector["expect"]
    if "code" in expected:
        return 422, {"code": expected["code"]}
    return 200, {"code": "", "result": "accepted", "id": expected[number], "document": expected["document"]}


def is_venue_stop(payload: bytes) -> bool:
    return b'"kind":"stop"' in payload and b'"rooms"' not in payload


@pytest.mark.parametrize("vector", vectors("orders"), ids=lambda vector: vector["name"])
def test_6_2_a_box_obeys_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box, raw = outcomes.claimed_box(vector["policy"], VENUE, vector["region"], verify), outcomes.bytes_of(vector)
    effects = box.handle(on.OrderReceived(request="r1", raw=raw), outcomes.NOW)
    assert answer_of(effects) == expected_of(vector, "order")
    is_stop = "order" in vector["expect"] and is_venue_stop(parse_envelope(raw, "order").payload)
    assert (box.state_body(outcomes.NOW)["state"] == "locked") == is_stop


@pytest.mark.parametrize("vector", vectors("notices"), ids=lambda vector: vector["name"])
def test_12_1_a_box_shows_what_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    box, raw = outcomes.claimed_box(vector["policy"], VENUE, vector["region"], verify), vector["text"].encode()
    effects = box.handle(on.NoticeReceived(request="r1", raw=raw), outcomes.NOW)
    assert answer_of(effects) == expected_of(vector, "notice")
