"""The simulated fleet and its officers are no kinder and no harsher than the real ones (SPEC 6.1, 6.6, 10.5)."""

import random
from typing import Any

import pytest

from device.protocol.envelope import seal
from device.protocol.limits import DAY_MS
from device.protocol.orders import BAN, LIFT, RESUME, STOP, Order
from device.protocol.receipts import Receipt
from device.protocol.regions import level
from fleet_server.orders.deliveries import RETRY_REJECTED_AFTER_MS
from tests import builders
from tests.builders import BOX, NOON_MS, REGION, VENUE
from tests.device.protocol.builders import report
from tests.simulation.fleet import Fleet
from tests.simulation.officers import ENDING_OF, Officers

SIGNER = builders.FakeSigner("box")
STOPPED, RESUMED = [f"{REGION}-2026-{number:06d}" for number in (1, 2)]


class Contact:
    """A box in contact with a fleet that has a stop and its resume, of which the box has confirmed the stop."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS
        self.sent: list[str] = []
        self.fleet = Fleet(builders.fake_verify, lambda: self.now_ms, self._sent, lambda: (1, 1))
        self.fleet.enroll(BOX, SIGNER.key)
        officers = Officers(random.Random(1), ("S1",))
        self.stop = officers.order(STOP, NOON_MS, authority=REGION)
        self.resume = officers.order(RESUME, NOON_MS, authority=REGION, ends=(STOPPED,))
        self.fleet.orders += [self.stop, self.resume]
        self.fleet.records[BOX].taken.add(STOPPED)

    def _sent(self, _box: str, kind: str, payload: bytes) -> None:
        numbers = {self.stop.raw: STOPPED, self.resume.raw: RESUMED}
        self.sent += [numbers[payload]] if kind == "order" else []

    def reports(self, *holds: str, state: str = "locked") -> list[str]:
        """What the fleet sends to this report."""
        self.sent = []
        said = report(box=BOX, venue=VENUE, holds=holds, state=state, nonce="", grace=())
        self.fleet.arrived(BOX, "report", seal("report", said.encode(), [SIGNER]).encode())
        return self.sent

    def rejects(self, number: str) -> None:
        fields: dict[str, Any] = {"box": BOX, "venue": VENUE, "subject": "order", "id": number, "document": "0" * 64}
        said: dict[str, Any] = {"result": "rejected", "code": "ORDER_EXPIRED", "holds": (STOPPED,), "grace": ()}
        receipt = Receipt(**fields, **said, at_ms=None, epoch=1, seq=0)
        self.fleet.arrived(BOX, "receipt", seal("receipt", receipt.encode(), [SIGNER]).encode())


@pytest.fixture
def contact() -> Contact:
    return Contact()


def test_6_6_a_late_ending_that_was_never_confirmed_is_sent_to_who_reports_what_it_ends(contact: Contact) -> None:
    contact.now_ms = contact.resume.expires_at_ms + 1
    assert contact.reports() == []
    assert contact.reports(STOPPED) == [RESUMED]


def test_10_5_a_late_stop_is_sent_to_a_failed_box_alone(contact: Contact) -> None:
    contact.fleet.expected = lambda: frozenset({STOPPED})
    contact.now_ms = contact.resume.expires_at_ms + 1
    assert contact.reports(state="in-service") == []
    assert contact.reports(state="failed") == [STOPPED]


def test_10_5_what_was_rejected_rests(contact: Contact) -> None:
    contact.rejects(RESUMED)
    assert contact.reports(STOPPED) == []
    contact.now_ms += RETRY_REJECTED_AFTER_MS
    assert contact.reports(STOPPED) == [RESUMED]


def test_6_1_officers_sign_only_endings_that_a_server_drafts() -> None:
    officers = Officers(random.Random(7), ("S1", "S2"))
    orders = officers.orders
    for number in range(200):
        officers.order((STOP, BAN, RESUME, LIFT)[number % 4], NOON_MS + number * DAY_MS // 10)
    pairs = [
        (order, orders[name]) for order in orders.values() for name in order.ends if is_before(orders, name, order)
    ]
    assert len(pairs) > 100
    for ending, ended in pairs:
        assert ending.expires_at_ms >= ended.expires_at_ms
        assert level(ending.authority) <= level(ended.authority)
        assert ended.kind == ENDING_OF[ending.kind]


def is_before(orders: dict[str, Order], name: str, order: Order) -> bool:
    """Whether it was signed when the ending was; of one that is still to come nobody knows."""
    return name in orders and orders[name].issued_at_ms < order.issued_at_ms
