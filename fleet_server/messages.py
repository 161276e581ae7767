"""The worker that talks with boxes: the broker, the mailroom behind it, and the way down.

What other domains want to hear or say is listed here, and nowhere else.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection

from device.crypto.p256 import SigningKey
from device.protocol import topics
from device.protocol.uplink import Report
from fleet_server import boxes, catalog, leases, notices, orders, ports, rollouts
from fleet_server.broker import Broker, BrokerPlan, UplinkMessage, find_binary
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.live import Event
from fleet_server.mailroom import Mailroom, Outcome, Outgoing, Sender
from fleet_server.plays import Ingest, Observer
from fleet_server.reports import Answer, Reports, read_receipt
from fleet_server.repository.worker import DOORBELL

# Who looks at new journal entries, and who answers reports after leases, orders and notices.
ENTRY_OBSERVERS: tuple[Observer, ...] = (notices.record_shown,)
REPORT_ANSWERS: tuple[Answer, ...] = (orders.missing, notices.missing)


@asynccontextmanager
async def worker(fleet: Fleet) -> AsyncIterator[None]:
    """Entered once the server's keys exist. Raises BrokerError, PortError."""
    room = mailroom(fleet)

    async def deliver(messages: list[UplinkMessage]) -> frozenset[int]:
        outcomes, again = await asyncio.to_thread(room.take, messages)
        for outcome in outcomes:
            if isinstance(outcome, Event):
                fleet.live.tell(outcome)
            else:
                fleet.downlink.send(outcome.topic, outcome.payload)
        return again

    async def may_connect(box: str) -> bool:
        return await asyncio.to_thread(_is_active, fleet, box)

    async with (
        Broker(_plan(fleet), find_binary(os.environ), may_connect, deliver) as broker,
        asyncio.TaskGroup() as tasks,
    ):
        watch = tasks.create_task(broker.ended())
        fleet.downlink.connect(broker)
        try:
            yield
        finally:
            fleet.downlink.connect(None)
            watch.cancel()


def _plan(fleet: Fleet) -> BrokerPlan:
    host = fleet.settings.mqtt_host
    return BrokerPlan(
        directory=fleet.data / "nats",
        mqtt_host=host,
        mqtt_port=ports.choose(fleet.data, "mqtt", host, fleet.settings.mqtt_port),
        certificate=fleet.keys / "server.pem",
        private_key=fleet.keys / "server.key",
        client_ca=fleet.keys / "fleet-ca.pem",
    )


def mailroom(fleet: Fleet) -> Mailroom:
    """All readers of this server. Raises KeyFileError."""
    lease_key = SigningKey.load(fleet.keys / "lease.pem")

    def lease(connection: Connection, sender: Sender, report: Report, now_ms: int) -> list[Outcome]:
        return [*leases.answer(connection, sender, report, lease_key, _terms(fleet, connection), now_ms)]

    def look(connection: Connection, sender: Sender, report: Report, _now_ms: int) -> list[Outcome]:
        terms = _terms(fleet, connection)
        if report.policy_epoch >= terms.policy_epoch and report.catalog_epoch >= terms.catalog_epoch:
            return []
        return [Outgoing(topics.down(sender.box, "look"), DOORBELL)]

    legs = rollouts.Legs(SigningKey.load(fleet.keys / "rollout.pem"))
    ingest = Ingest(SigningKey.load(fleet.keys / "ack.pem"), ENTRY_OBSERVERS)
    reports = Reports((lease, *REPORT_ANSWERS, legs.answer, look))
    readers = {"journal": ingest.read, "report": reports.read, "receipt": read_receipt}
    return Mailroom(fleet.database, fleet.clock, find_sender, readers)


def find_sender(connection: Connection, box: str) -> Sender | None:
    """The active box of this name, with the key of its newest certificate."""
    found = boxes.find(connection, box)
    if found is None or found.status is not boxes.Status.ACTIVE:
        return None
    key = boxes.key_of(connection, box)
    return Sender(box, key, found.venue or "", found.region if found.venue else "") if key else None


def _is_active(fleet: Fleet, box: str) -> bool:
    with fleet.database.reading() as connection:
        found = boxes.find(connection, box)
    return found is not None and found.status is boxes.Status.ACTIVE


def _terms(fleet: Fleet, connection: Connection) -> leases.Terms:
    try:
        policy_epoch = fleet.policy.current().epoch
    except ProblemError:
        policy_epoch = 0
    release = catalog.current(connection)
    return leases.Terms(
        full_for_ms=1000 * fleet.settings.lease_full_s,
        core_for_ms=1000 * fleet.settings.lease_core_s,
        stop_for_ms=1000 * fleet.settings.lease_stop_s,
        policy_epoch=policy_epoch,
        catalog_epoch=release.epoch if release else 0,
    )
