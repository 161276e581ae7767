"""A receipt that a courier brings back: as good as from the broker, by its signature alone, and as harmless twice."""

from typing import Any

import httpx
import pytest

from device.crypto.p256 import SigningKey
from device.protocol.envelope import parse_envelope, seal
from device.protocol.limits import ENVELOPE_BYTES_MAX
from device.protocol.receipts import Receipt
from fleet_server.audit.model import audit_rows
from fleet_server.boxes.model import boxes
from fleet_server.mailroom.model import dead_letters
from fleet_server.orders import deliveries
from fleet_server.orders.model import order_venues
from tests.fleet_server.country import Country, StandingBox, mail
from tests.fleet_server.orders.test_orders import code_of, issued

Officers = tuple[httpx.AsyncClient, httpx.AsyncClient]


class Brought:
    """An order that was carried to a box which is off line, and what it has signed."""

    def __init__(self, country: Country, box: StandingBox, officers: Officers, number: str, raw: bytes) -> None:
        self._country = country
        self.box, self.officers, self.number = box, officers, number
        self.document = parse_envelope(raw, "order").document
        self.raw = box.obey(raw)

    async def hand_in(self, raw: bytes, number: str = "") -> httpx.Response:
        return await self.officers[0].post(f"/api/v1/orders/{number or self.number}/receipts", content=raw)

    def row(self) -> dict[str, Any]:
        rows = self._country.rows(order_venues)
        return dict(next(row for row in rows if (row["order"], row["venue"]) == (self.number, self.box.venue)))

    def letters(self) -> list[tuple[str, str, str, int]]:
        rows = self._country.rows(dead_letters)
        return [(row["box"], row["kind"], row["code"], row["count"]) for row in rows]

    def changed(self, **changes: object) -> bytes:
        """The same receipt with other words, signed again by the box."""
        receipt = Receipt.decode(parse_envelope(self.raw, "receipt").payload)
        return seal("receipt", receipt.replace(**changes).encode(), [self.box.key]).encode()


@pytest.fixture
async def brought(country: Country, box: StandingBox) -> Brought:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    return Brought(country, box, (zhang, li), number, raw)


async def test_6_5_what_a_courier_brings_back_is_as_good_as_from_the_broker(country: Country, brought: Brought) -> None:
    answer = await brought.hand_in(brought.raw)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["venue"], shown["box"], shown["result"]) == (brought.box.venue, brought.box.box, "accepted")
    row = brought.row()
    assert (row["receipt"], row["result"]) == (brought.raw, "accepted")
    assert None not in (row["delivered_at_ms"], row["in_force_at_ms"])
    assert mail(country, brought.box, "report", brought.box.report()) == []
    actions = [(row["action"], row["subject"]) for row in country.rows(audit_rows)]
    assert actions[-1] == ("order.receipt", f"order:{brought.number}")


async def test_a_receipt_twice_and_by_both_ways_changes_nothing(country: Country, brought: Brought) -> None:
    await brought.hand_in(brought.raw)
    before = brought.row()
    assert (await brought.hand_in(brought.raw)).status_code == 200
    mail(country, brought.box, "receipt", brought.raw)
    assert brought.row() == before
    assert brought.letters() == []


async def test_what_is_forged_changes_nothing_and_is_counted(brought: Brought) -> None:
    payload = parse_envelope(brought.raw, "receipt").payload
    forged = seal("receipt", payload, [SigningKey.generate()]).encode()
    for _ in range(2):
        assert await code_of(await brought.hand_in(forged), 422) == "SIGNER_UNKNOWN"
    box = brought.box.box
    assert brought.row()["result"] is None
    assert brought.letters() == [(box, "receipt by courier", "SIGNER_UNKNOWN", 2)]


async def test_a_receipt_in_the_name_of_another_box_is_its_forgery(country: Country, brought: Brought) -> None:
    other = country.box("KTV-AAAA0002", country.venue())
    raw = brought.changed(box=other.box)
    assert await code_of(await brought.hand_in(raw), 422) == "SIGNER_UNKNOWN"
    assert brought.row()["result"] is None


async def test_a_receipt_of_a_box_that_the_order_is_not_for_is_refused(country: Country, brought: Brought) -> None:
    other = country.box("KTV-AAAA0002", country.venue())
    raw = other.receipt("order", brought.number, brought.document)
    assert await code_of(await brought.hand_in(raw), 422) == "RECEIPT_OTHER"
    assert brought.row()["result"] is None
    assert brought.letters() == [(other.box, "receipt by courier", "RECEIPT_OTHER", 1)]


@pytest.mark.parametrize(
    "changes", [{"document": "0" * 64}, {"subject": "notice"}, {"id": "310101-2026-000999"}], ids=str
)
async def test_a_receipt_of_another_document_is_refused(brought: Brought, changes: dict[str, object]) -> None:
    assert await code_of(await brought.hand_in(brought.changed(**changes)), 422) == "RECEIPT_OTHER"
    assert brought.row()["result"] is None


async def test_a_receipt_of_another_order_is_refused_at_this_one(country: Country, brought: Brought) -> None:
    zhang, li = brought.officers
    number, _ = await issued(country, zhang, li, venues=[brought.box.venue])
    assert await code_of(await brought.hand_in(brought.raw, number), 422) == "RECEIPT_OTHER"
    assert [row["result"] for row in country.rows(order_venues)] == [None, None]


async def test_what_is_too_long_or_no_receipt_is_refused_and_counted(brought: Brought) -> None:
    too_long = brought.raw + b" " * (ENVELOPE_BYTES_MAX + 1 - len(brought.raw))
    assert await code_of(await brought.hand_in(too_long), 413) == "DOCUMENT_TOO_LARGE"
    assert await code_of(await brought.hand_in(brought.box.report()), 422) == "ENVELOPE_TYPE"
    assert await code_of(await brought.hand_in(b"\xff"), 400) == "DOCUMENT_MALFORMED"
    assert [(letter[0], letter[2]) for letter in brought.letters()] == [
        ("", "DOCUMENT_TOO_LARGE"),
        ("", "ENVELOPE_TYPE"),
        ("", "DOCUMENT_MALFORMED"),
    ]


async def test_a_box_that_was_taken_out_of_use_says_nothing_more(country: Country, brought: Brought) -> None:
    with country.fleet.database.writing() as connection:
        connection.execute(boxes.update().values(status="revoked"))
    assert await code_of(await brought.hand_in(brought.raw), 403) == "BOX_REVOKED"
    assert brought.row()["result"] is None


@pytest.mark.parametrize(
    ("role", "region", "status", "code"),
    [
        ("operator", "310101", 403, "NOT_PERMITTED"),
        ("auditor", "000000", 403, "NOT_PERMITTED"),
        ("officer", "440106", 404, "NOT_FOUND"),
    ],
)
async def test_only_officers_of_the_region_hand_in(
    country: Country, brought: Brought, role: str, region: str, status: int, code: str
) -> None:
    stranger = country.people.client("stranger", (role, region))
    answer = await stranger.post(f"/api/v1/orders/{brought.number}/receipts", content=brought.raw)
    assert await code_of(answer, status) == code
    assert brought.row()["result"] is None
    assert brought.letters() == []


async def test_nobody_learns_of_a_box_elsewhere(country: Country, brought: Brought) -> None:
    other = country.box("KTV-AAAA0002", country.venue("440106"))
    known = other.receipt("order", brought.number, brought.document)
    unknown = brought.changed(box="KTV-AAAA0003")
    answers = [await brought.hand_in(raw) for raw in (known, unknown)]
    assert [await code_of(answer, 404) for answer in answers] == ["NOT_FOUND", "NOT_FOUND"]
    assert brought.letters() == []


async def test_an_old_rejection_makes_no_order_rest_again(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who keeps a rejection and hands it in again and again would else keep the order from the box for ever."""
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    rejection = box.receipt("order", number, parse_envelope(raw, "order").document, "rejected", "SIGNER_UNKNOWN")
    mail(country, box, "receipt", rejection)
    assert mail(country, box, "report", box.report()) == []
    with country.fleet.database.writing() as connection:
        connection.execute(order_venues.update().values(sent_at_ms=order_venues.c.sent_at_ms - 3_600_000))
    await zhang.post(f"/api/v1/orders/{number}/receipts", content=rejection)
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    (again,) = mail(country, box, "report", box.report())
    assert again.payload == raw


async def test_an_old_receipt_takes_no_newer_ones_place(country: Country, brought: Brought) -> None:
    newer = brought.box.receipt("order", brought.number, brought.document, "known", "ORDER_REPLAYED")
    for raw in (newer, brought.raw):
        assert (await brought.hand_in(raw)).status_code == 200
    assert brought.row()["receipt"] == newer


async def test_a_word_that_was_taken_back_stays_so_in_whatever_order_it_comes(
    country: Country, brought: Brought
) -> None:
    brought.box.holds = []  # an old image of the disk was put back, and an officer has left the policy since
    back = brought.box.receipt("order", brought.number, brought.document, "rejected", "SIGNER_UNKNOWN")
    for raw in (brought.raw, back, brought.raw):
        await brought.hand_in(raw)
    row = brought.row()
    assert (row["result"], row["delivered_at_ms"], row["in_force_at_ms"]) == ("rejected", None, None)


async def test_a_late_rejection_of_a_copy_does_not_hide_that_it_stands(country: Country, brought: Brought) -> None:
    copy = brought.box.receipt("order", brought.number, brought.document, "rejected", "ORDER_EXPIRED")
    for raw in (copy, brought.raw):
        await brought.hand_in(raw)
    row = brought.row()
    assert (row["result"], row["delivered_at_ms"] is None) == ("accepted", False)


async def test_a_new_box_at_the_venue_counts_its_entries_from_the_beginning(country: Country, brought: Brought) -> None:
    await brought.hand_in(brought.changed(seq=40))
    with country.fleet.database.writing() as connection:
        connection.execute(boxes.update().values(status="revoked"))
    new = country.box("KTV-AAAA0002", brought.box.venue)
    raw = new.receipt("order", brought.number, brought.document)
    assert (await brought.hand_in(raw)).status_code == 200
    assert (brought.row()["box"], brought.row()["receipt"]) == (new.box, raw)


async def test_the_page_of_an_order_says_how_to_hand_in_while_one_is_awaited(
    country: Country, brought: Brought
) -> None:
    auditor, command = country.people.client("auditor", ("auditor", "000000")), "frontbox-fleet order receipt"
    page = f"/orders/{brought.number}"
    zhang, _ = brought.officers
    assert command in (await zhang.get(page)).text
    assert command not in (await auditor.get(page)).text
    await brought.hand_in(brought.raw)
    assert command not in (await zhang.get(page)).text


async def test_a_receipt_of_the_venue_before_says_nothing_of_the_one_now(country: Country, brought: Brought) -> None:
    """Its box was claimed anew; the order may be for both venues."""
    raw = brought.changed(venue=country.venue())
    assert await code_of(await brought.hand_in(raw), 422) == "BATCH_IDENTITY"
    mail(country, brought.box, "receipt", raw)
    assert brought.row()["result"] is None
    assert [(letter[1], letter[2]) for letter in brought.letters()] == [
        ("receipt by courier", "BATCH_IDENTITY"),
        ("receipt", "BATCH_IDENTITY"),
    ]
