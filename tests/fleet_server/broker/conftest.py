"""A real broker with real certificates, and a list of everything it delivered."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fleet_server.broker import Broker, BrokerPlan, NotDeliveredError, UplinkMessage, find_binary
from tests.fleet_server.pki import FleetPki


class Ashore:
    """The far side of the broker: who may connect, and what was delivered."""

    def __init__(self) -> None:
        self.active: set[str] = {"KTV-AAAA0001", "KTV-BBBB0002"}
        self.delivered: list[UplinkMessage] = []
        self.is_out_of_order = False
        self.refusals = 0

    async def may_connect(self, box: str) -> bool:
        return box in self.active

    async def deliver(self, messages: list[UplinkMessage]) -> frozenset[int]:
        if self.is_out_of_order:
            self.refusals += 1
            raise NotDeliveredError("the disk is full")
        self.delivered += messages
        return frozenset()

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.delivered]


@pytest.fixture
def pki(tmp_path: Path) -> FleetPki:
    return FleetPki(tmp_path)


@pytest.fixture
def ashore() -> Ashore:
    return Ashore()


@pytest.fixture
def plan(tmp_path: Path, pki: FleetPki) -> BrokerPlan:
    return BrokerPlan(
        directory=tmp_path / "nats",
        mqtt_host="127.0.0.1",
        mqtt_port=0,
        certificate=pki.server.certificate,
        private_key=pki.server.key,
        client_ca=pki.ca.certificate,
    )


@pytest.fixture
async def broker(plan: BrokerPlan, ashore: Ashore) -> AsyncIterator[Broker]:
    async with Broker(plan, find_binary(os.environ), ashore.may_connect, ashore.deliver) as broker:
        yield broker
