"""A small country for tests of messages: officers with keys, venues, boxes that stand in them.

country = Country(fleet)
venue = country.venue("310101")
box = country.box("KTV-AAAA0001", venue)
zhang = country.officer("zhang")            # signed in; signs with KEYS["zhang"]
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from sqlalchemy import RowMapping, Table, insert, select

from device.crypto.p256 import SigningKey, public_key
from device.protocol.envelope import Envelope, parse_envelope, seal
from device.protocol.receipts import Receipt
from device.protocol.uplink import JournalState, Report
from device.protocol.venue_code import format_venue_code
from fleet_server.boxes.certificates import record_certificate
from fleet_server.boxes.model import boxes
from fleet_server.broker import UplinkMessage
from fleet_server.certificates import issue_box_certificate, load_authority, pem
from fleet_server.fleet import Fleet
from fleet_server.live import Event
from fleet_server.mailroom import Outgoing
from fleet_server.messages import mailroom
from fleet_server.venues.model import venues
from tests.device.protocol.builders import CHEN, LI, WANG, ZHANG, ZHAO, FixedKey, policy
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.people.clients import People
from tests.fleet_server.pki import KeyPair


@dataclass
class StandingBox:
    """A claimed box; it says what a box says, signed."""

    box: str
    venue: str
    region: str
    key: SigningKey
    pair: KeyPair
    journal: FakeJournal
    holds: list[str] = field(default_factory=list)
    grace: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    boot: int = 1
    lease: int = 0

    def report(self, nonce: str = "", **changes: Any) -> bytes:
        position = {"epoch": self.journal.epoch, "size": self.journal.size}
        report = Report(
            box=self.box,
            venue=self.venue,
            at_ms=self.journal.now_ms,
            tq="signed",
            boot=self.boot,
            version="1.0.0",
            slot="a",
            state="locked" if self.holds else "in-service",
            holds=tuple(self.holds),
            grace=tuple(self.grace),
            catalog_epoch=1,
            policy_epoch=3,
            lease=self.lease,
            ladder=None,
            nonce=nonce,
            journal=JournalState(**position, head=self.journal.chains[-1].hex(), watermark=0),
            notices=tuple(self.notices),
            update=None,
            seal="intact",
            opening=0,
            rooms_busy=3,
            refused={},
            faults=(),
        )
        return seal("report", report.replace(**changes).encode(), [self.key]).encode()

    def obey(self, raw: bytes) -> bytes:
        """Take an order or notice as sound and answer with the receipt."""
        name = "order" if b"vnd.frontbox.order" in raw else "notice"
        envelope = parse_envelope(raw, name)
        number = _number(envelope)
        if name == "order":
            body = _plain(envelope)
            self.holds += [number] if body["kind"] in ("stop", "ban") and number not in self.holds else []
            self.holds = [hold for hold in self.holds if hold not in body.get("ends", [])]
        else:
            self.notices.append(number)
        return self.receipt(name, number, envelope.document)

    def receipt(self, subject: str, number: str, document: str, result: str = "accepted", code: str = "") -> bytes:
        seq = self.journal.add(
            "SEAL", {"open": False, "opening": 1, "at_boot": False}
        )  # any entry: the journal goes on
        receipt = Receipt(
            box=self.box,
            venue=self.venue,
            subject=subject,
            id=number,
            document=document,
            result=result,
            code=code,
            holds=tuple(sorted(self.holds)),
            grace=tuple(self.grace),
            at_ms=self.journal.now_ms,
            epoch=self.journal.epoch,
            seq=seq,
        )
        return seal("receipt", receipt.encode(), [self.key]).encode()


class Carried:
    """A carrier that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.cut: list[str] = []

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))

    def disconnect(self, box: str) -> None:
        self.cut.append(box)


KEYS: dict[str, FixedKey] = {"zhang": ZHANG, "li": LI, "wang": WANG, "chen": CHEN, "zhao": ZHAO}


class Country:
    """Everybody whom an order meets on its way."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.people = People(fleet)
        self.carried = Carried()
        fleet.downlink.connect(self.carried)
        (fleet.data / "policy.json").write_bytes(policy().encode())
        self._venues = 0

    def officer(self, name: str) -> httpx.AsyncClient:
        person = next(person for person in policy().persons if person.person == name)
        return self.people.client(name, ("officer", person.region))

    def venue(self, region: str = "310101") -> str:
        self._venues += 1
        code = format_venue_code(region, self._venues)
        with self.fleet.database.writing() as connection:
            facts = {"name": f"Venue {self._venues}", "address": "Street 1", "credit_code": "", "rooms": 12}
            licence = f"L{self._venues}"
            row = {"venue": code, "region": region, "licence": licence, "added_at_ms": self.fleet.clock.now_ms()}
            connection.execute(insert(venues).values(**facts, **row))
        return code

    def box(self, name: str, venue: str) -> StandingBox:
        now_ms = self.fleet.clock.now_ms()
        key = SigningKey.generate()
        authority = load_authority(self.fleet.keys / "fleet-ca.pem", self.fleet.keys / "fleet-ca.key")
        certificate = issue_box_certificate(authority, name, public_key(key.key), now_ms)
        with self.fleet.database.writing() as connection:
            region = connection.scalar(select(venues.c.region).where(venues.c.venue == venue))
            assert region is not None
            facts = {"status": "active", "venue": venue, "region": region, "claimed_at_ms": now_ms}
            unused = {"idevid": b"", "idevid_keyid": key.key.keyid, "registered_at_ms": now_ms}
            connection.execute(insert(boxes).values(box=name, **facts, **unused))
            record_certificate(connection, name, certificate, now_ms)
        return StandingBox(name, venue, region, key, self._files(name, key, certificate), FakeJournal(name, key))

    def rows(self, table: Table) -> Sequence[RowMapping]:
        with self.fleet.database.reading() as connection:
            return connection.execute(select(table)).mappings().all()

    def sent(self, kind: str) -> list[tuple[str, bytes]]:
        return [(topic, payload) for topic, payload in self.carried.sent if topic.endswith(f"/{kind}")]

    def _files(self, name: str, key: SigningKey, certificate: x509.Certificate) -> KeyPair:
        folder: Path = self.fleet.data.parent
        pair = KeyPair(folder / f"{name}.key", folder / f"{name}.pem")
        pair.key.write_bytes(key.pem())
        pair.certificate.write_bytes(pem(certificate))
        return pair


def signature(payload: str, key: FixedKey) -> dict[str, Any]:
    """What is posted as an approval: `{keyid, sig}`."""
    return Envelope("order", payload.encode(), ()).signed_by(key).signatures[0].plain()


def signed(name: str, payload: str, *keys: FixedKey) -> bytes:
    return seal(name, payload.encode(), keys).encode()


def mail(country: Country, box: StandingBox, kind: str, *payloads: bytes) -> list[Outgoing]:
    """What the server answers to messages of this box."""
    messages = [UplinkMessage(box.box, kind, payload, 1) for payload in payloads]
    outcomes, again = mailroom(country.fleet).take(messages)
    assert not again
    return [outcome for outcome in outcomes if not isinstance(outcome, Event)]


def _plain(envelope: Envelope) -> dict[str, Any]:
    return dict(json.loads(envelope.payload))


def _number(envelope: Envelope) -> str:
    plain = _plain(envelope)
    return str(plain.get("order") or plain["notice"])
