"""Boxes and officers through the real broker: nats-server, TLS client certificates, SQLite, HTTP."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from device.protocol.envelope import parse_envelope
from device.protocol.uplink import Ack
from fleet_server import fleet as fleets
from fleet_server import key_files, messages
from fleet_server.boxes.model import boxes
from fleet_server.broker import Broker, NotDeliveredError, UplinkMessage
from fleet_server.fleet import Fleet
from fleet_server.mailroom import Mailroom
from fleet_server.plays.model import entries, plays
from fleet_server.settings import Settings
from tests.device.protocol.builders import LI, ZHANG
from tests.fleet_server.country import Country, StandingBox, signature, signed
from tests.fleet_server.fake_box import FakeBox, eventually
from tests.fleet_server.orders.test_orders import wish

NONCE = "00112233445566778899aabbccddeeff"


@pytest.fixture
async def fleet(data: Path) -> AsyncIterator[Fleet]:
    """A fleet server with its broker running; people come through HTTP as ever."""
    built = fleets.build(replace(Settings(data=data), mqtt_port=0))
    key_files.make_server_certificate(built.keys, ("localhost", "127.0.0.1"), built.clock.now_ms())
    country = Country(built)  # leaves its own carrier, which the worker replaces
    del country
    async with messages.worker(built):
        yield built
    built.database.close()


@pytest.fixture
def country(fleet: Fleet) -> Country:
    carrier = fleet.downlink._carrier
    made = Country(fleet)
    fleet.downlink.connect(carrier)
    return made


def online(country: Country, box: StandingBox) -> FakeBox:
    fleet = country.fleet
    port = int(json.loads((fleet.data / "ports.json").read_text())["mqtt"])
    return FakeBox(fleet.keys / "fleet-ca.pem", port, box.box, pair=box.pair)


def counted(fleet: Fleet) -> int:
    with fleet.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(plays)).scalar_one())


async def acked(line: FakeBox, size: int) -> Ack:
    """Wait for an ack of this size."""

    def found() -> Ack | None:
        acks = [Ack.decode(parse_envelope(raw, "ack").payload) for topic, raw in line.messages if topic.endswith("ack")]
        return next((ack for ack in acks if ack.result == "ack" and ack.size >= size), None)

    ack = await eventually(found, f"ack of {size}")
    assert isinstance(ack, Ack)
    return ack


async def test_a_play_goes_from_the_box_to_the_ledger_and_is_acknowledged(country: Country, box: StandingBox) -> None:
    box.journal.sing(5)
    async with online(country, box) as line:
        await line.connected()
        began_s = time.monotonic()
        line.publish("journal", box.journal.batch())
        ack = await acked(line, 10)
        took_s = time.monotonic() - began_s
    assert ack.head == box.journal.chains[10].hex()
    assert counted(country.fleet) == 5
    print(f"ack after {took_s * 1000:.0f} ms")  # noqa: T201 - a figure for the record; machines differ


async def test_an_order_reaches_the_box_and_its_word_the_console(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    seen = []
    with country.fleet.live.listen(lambda region: region.startswith("31")) as listener:
        async with online(country, box) as line:
            await line.connected()
            draft = (await zhang.post("/api/v1/orders/drafts", json=wish(country, venues=[box.venue]))).json()
            await zhang.post("/api/v1/orders", content=signed("order", draft["payload"], ZHANG))
            began_s = time.monotonic()
            path = f"/api/v1/orders/{draft['order']}"
            await li.post(f"{path}/approvals", json=signature(draft["payload"], LI))
            raw = await line.received("order")
            took_s = time.monotonic() - began_s
            line.publish("receipt", box.obey(raw))
            while not (await li.get(path)).json()["in_force"] or "order" not in seen:
                seen.append((await asyncio.wait_for(anext(listener), 30)).topic)
    print(f"on the wire {took_s * 1000:.0f} ms after the second signature")  # noqa: T201 - as above


async def test_a_connect_brings_lease_and_what_was_missed(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = (await zhang.post("/api/v1/orders/drafts", json=wish(country, venues=[box.venue]))).json()
    await zhang.post("/api/v1/orders", content=signed("order", draft["payload"], ZHANG))
    await li.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(draft["payload"], LI))
    async with online(country, box) as line:
        await line.connected()
        line.publish("report", box.report(NONCE))
        await line.received("lease")

        async def ask_again() -> None:
            while not [topic for topic, _ in line.messages if topic.endswith("/order")]:
                line.publish("report", box.report())
                await asyncio.sleep(0.5)

        await asyncio.wait_for(ask_again(), 30)


async def test_suspending_a_box_ends_its_session(country: Country, box: StandingBox) -> None:
    operator = country.people.client("op", ("operator", "000000"))
    async with online(country, box) as line:
        await line.connected()
        answer = await operator.put(f"/api/v1/boxes/{box.box}/status", json={"status": "suspended", "reason": "lost"})
        assert answer.status_code == 200, answer.text
        await eventually(lambda: line.disconnects, "cut")
        await eventually(lambda: len(line.connects) > 1, "another try")
        assert line.connects[-1].is_failure
        with country.fleet.database.writing() as connection:
            connection.execute(update(boxes).values(status="active"))
        await eventually(lambda: not line.connects[-1].is_failure, "let in again")


async def test_a_killed_broker_loses_nothing_that_was_sung(country: Country, box: StandingBox) -> None:
    """Boxes keep their entries until the signed ack, so they send again what was not acknowledged."""
    broker = country.fleet.downlink._carrier
    assert isinstance(broker, Broker)
    async with online(country, box) as line:
        await line.connected()
        for evening in range(3):
            box.journal.sing(20)
            line.publish("journal", box.journal.batch(evening * 40, evening * 40 + 40))
            assert broker.child_pid is not None
            os.kill(broker.child_pid, signal.SIGKILL)
            await line.connected(times=evening + 2)

            async def resend(first: int = evening * 40) -> None:
                while True:
                    line.publish("journal", box.journal.batch(first, first + 40))
                    await asyncio.sleep(1)

            task = asyncio.create_task(resend())
            try:
                await acked(line, evening * 40 + 40)
            finally:
                task.cancel()
    assert counted(country.fleet) == 60
    with country.fleet.database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(entries)) == 120


async def test_a_server_that_dies_between_commit_and_answer_answers_later(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery is lost after its commit; the broker delivers again, the ledger does not grow, the ack comes."""
    own = Mailroom.take
    deaths: list[bool] = []

    def die_once(self: Mailroom, delivered: list[UplinkMessage]) -> object:
        outcomes = own(self, delivered)
        if not deaths:
            deaths.append(True)
            raise NotDeliveredError("killed")
        return outcomes

    monkeypatch.setattr(Mailroom, "take", die_once)
    box.journal.sing(3)
    async with online(country, box) as line:
        await line.connected()
        line.publish("journal", box.journal.batch())
        ack = await acked(line, 6)
    assert deaths
    assert ack.head == box.journal.chains[6].hex()
    assert counted(country.fleet) == 3
