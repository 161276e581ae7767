"""A mailroom with a real database and one known box."""

import json

import pytest
from sqlalchemy import Connection, RowMapping, Table, select

from device.crypto.p256 import SigningKey, verify
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.uplink import Ack
from fleet_server.broker import UplinkMessage
from fleet_server.fleet import Fleet
from fleet_server.live import Event
from fleet_server.mailroom import Mailroom, Sender
from fleet_server.plays import Ingest
from tests.fleet_server.fake_journal import FakeJournal

BOX, VENUE, REGION = "KTV-AAAA0001", "J0144010600001T", "440106"


class Desk:
    """The mailroom of a test: hand in a payload, get the ack."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.ack_key = SigningKey.generate()
        self.senders: dict[str, Sender] = {}
        self.ingest = Ingest(self.ack_key)
        self.mailroom = Mailroom(fleet.database, fleet.clock, self._find, {"journal": self.ingest.read})

    def _find(self, _connection: Connection, box: str) -> Sender | None:
        return self.senders.get(box)

    def knows(self, journal: FakeJournal, venue: str = VENUE, region: str = REGION) -> None:
        self.senders[journal.box] = Sender(journal.box, journal.key.key, venue, region)

    def take(self, *payloads: bytes, box: str = BOX, attempts: int = 1) -> list[Ack]:
        messages = [UplinkMessage(box, "journal", payload, attempts) for payload in payloads]
        outgoing, again = self.mailroom.take(messages)
        assert not again
        acks = []
        for out in outgoing:
            if isinstance(out, Event):
                continue
            assert out.topic == f"v1/dn/{box}/ack"
            envelope = parse_envelope(out.payload, "ack")
            require_signature(envelope, [self.ack_key.key], verify)
            acks.append(Ack.decode(envelope.payload))
        return acks

    def rows(self, table: Table) -> list[RowMapping]:
        with self.fleet.database.reading() as connection:
            return [row._mapping for row in connection.execute(select(table))]


@pytest.fixture
def desk(fleet: Fleet) -> Desk:
    return Desk(fleet)


@pytest.fixture
def journal(desk: Desk) -> FakeJournal:
    made = FakeJournal(BOX)
    desk.knows(made)
    return made


def changed(raw: bytes, **changes: object) -> bytes:
    """A document with other values in some names."""
    return json.dumps(json.loads(raw) | changes).encode()
