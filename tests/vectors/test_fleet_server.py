"""The golden vectors of batches and orders through the server's own entry points: its mailroom and its HTTP API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device.crypto.p256 import SigningKey
from fleet_server import fleet as fleets
from fleet_server.fleet import Fleet
from fleet_server.mailroom import Sender
from fleet_server.settings import Settings
from tests.device.protocol.builders import BOX_KEY, NOW_MS, REGION, VENUE, policy
from tests.fleet_server.conftest import data, founded  # noqa: F401 - fixtures
from tests.fleet_server.country import Country
from tests.fleet_server.plays.conftest import Desk
from tests.vectors import outcomes

HERE = Path(__file__).parent


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / f"{name}.json").read_text())
    return found


def orders() -> list[dict[str, Any]]:
    """Those that were signed under the policy that the country has."""
    return [vector for vector in vectors("orders") if vector["policy"] == policy().encode().decode()]


@pytest.fixture
def fleet(data: Path) -> Iterator[Fleet]:  # noqa: F811 - the fixture of that name
    """A server on the day on which the vectors were signed."""
    offset_ms = NOW_MS - fleets.build(Settings(data=data)).clock.now_ms()
    built = fleets.build(Settings(data=data, clock_offset_ms=offset_ms))
    yield built
    built.database.close()


def test_10_2_a_box_that_is_heard_from_the_beginning(fleet: Fleet) -> None:
    desk = Desk(fleet)
    for vector in vectors("batches"):
        box = vector["box"]
        desk.senders[box] = Sender(box, SigningKey(BOX_KEY.private).key, VENUE, REGION)
        (ack,) = desk.take(vector["text"].encode(), box=box)
        answer = {"result": ack.result, "code": ack.code, "size": ack.size, "head": ack.head}
        assert answer == vector["then"], vector["name"]


async def test_6_2_the_server_passes_on_no_order_that_is_rejected(fleet: Fleet) -> None:
    country = Country(fleet)
    country.venue(REGION)
    zhang = country.officer("zhang")
    for vector in orders():
        # In no region, the server cannot ask whether the authority contains the box's; a body has a limit of its own.
        if "code" not in vector["expect"] or vector["name"] in ("a box in another county", "1,048,577 bytes"):
            continue
        answer = await zhang.post("/api/v1/orders", content=outcomes.bytes_of(vector))
        assert 400 <= answer.status_code < 500, vector["name"]
        assert answer.json()["code"] == vector["expect"]["code"], vector["name"]
    assert country.carried.sent == []


ACCEPTED = [vector for vector in orders() if "order" in vector["expect"] and vector["region"]]


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector["name"])
async def test_6_2_the_server_passes_on_what_two_officers_have_signed(fleet: Fleet, vector: dict[str, Any]) -> None:
    country = Country(fleet)
    country.box("KTV-00A1", country.venue(REGION))
    officer = country.officer(vector["expect"]["persons"][0])
    raw = outcomes.bytes_of(vector)
    answer = await officer.post("/api/v1/orders", content=raw)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["order"], answer.json()["state"]) == (vector["expect"]["order"], "issued")
    ((_, carried),) = country.carried.sent
    assert json.loads(carried) == json.loads(raw)
