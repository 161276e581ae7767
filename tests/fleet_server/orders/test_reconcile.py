"""SPEC 10.5: what got lost is sent again with the next report, and nothing else is."""

import pytest
from sqlalchemy import update

from device.crypto.p256 import SigningKey, verify
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.lease import Lease
from device.protocol.limits import DAY_MS, LEASE_FOR_MS_MAX
from fleet_server.mailroom import Outgoing
from fleet_server.mailroom.model import dead_letters
from fleet_server.orders import deliveries
from fleet_server.orders.model import order_venues, orders
from fleet_server.settings import _BOUNDS
from tests.device.protocol.builders import CHEN, WANG, policy
from tests.fleet_server.country import Country, StandingBox, mail, signature, signed
from tests.fleet_server.orders.test_orders import drafted, issued

NONCE = "00112233445566778899aabbccddeeff"


def kinds(outgoing: list[Outgoing]) -> list[str]:
    return [out.topic.rpartition("/")[2] for out in outgoing]


def report(country: Country, box: StandingBox, nonce: str = "") -> list[Outgoing]:
    return mail(country, box, "report", box.report(nonce))


async def test_an_order_that_was_lost_is_sent_with_the_next_report(country: Country, box: StandingBox) -> None:
    _, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    (again,) = report(country, box)
    assert (again.topic, again.payload) == ("v1/dn/KTV-AAAA0001/order", raw)
    mail(country, box, "receipt", box.obey(raw))
    assert report(country, box) == []


async def test_an_order_is_sent_with_the_first_report_and_then_rests(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    assert kinds(report(country, box)) == ["order"]
    assert report(country, box) == []
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    assert kinds(report(country, box)) == ["order"]


async def test_the_report_is_enough_where_the_receipt_was_lost(country: Country, box: StandingBox) -> None:
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    box.obey(raw)  # its receipt never comes
    assert report(country, box) == []
    (row,) = country.rows(order_venues)
    assert (row["order"], row["result"]) == (number, None)
    assert row["delivered_at_ms"] is not None
    assert row["in_force_at_ms"] is not None


async def test_a_hold_that_vanished_without_an_ending_is_no_lifted_one(country: Country, box: StandingBox) -> None:
    _, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    box.holds = []  # an old image of the disk was put back
    (again,) = report(country, box)
    assert again.payload == raw
    (row,) = country.rows(order_venues)
    assert (row["in_force_at_ms"], row["lifted_at_ms"]) == (None, None)


async def test_a_lifted_order_is_not_sent_again(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    _, lifting = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None, grace_s=0)
    (missing,) = report(country, box)
    assert missing.payload == lifting
    mail(country, box, "receipt", box.obey(lifting))
    assert report(country, box) == []
    stop = next(row for row in country.rows(order_venues) if row["order"] == number)
    assert stop["lifted_at_ms"] is not None


async def test_10_5_an_ending_for_another_venue_ends_nothing_here(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop of two venues is lifted for one of them: where the other's box has lost it, it is sent again."""
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    zhang, li = country.officer("zhang"), country.officer("li")
    open_again, stopped = (country.box(f"KTV-AAAA000{number}", country.venue()) for number in (1, 2))
    number, raw = await issued(country, zhang, li, venues=[open_again.venue, stopped.venue])
    for box in (open_again, stopped):
        mail(country, box, "receipt", box.obey(raw))
    _, lifting = await issued(
        country, zhang, li, kind="resume", venues=[open_again.venue], ends=[number], ends_at_ms=None, grace_s=0
    )
    mail(country, open_again, "receipt", open_again.obey(lifting))
    stopped.holds = []  # an old image of the disk was put back
    (again,) = mail(country, stopped, "report", stopped.report(NONCE, state="failed"))
    assert again.payload == raw
    assert report(country, open_again) == []
    rows = {row["venue"]: row["lifted_at_ms"] for row in country.rows(order_venues) if row["order"] == number}
    assert rows[open_again.venue] is not None
    assert rows[stopped.venue] is None


async def test_what_the_box_said_earlier_changes_nothing(country: Country, box: StandingBox) -> None:
    before = box.report()
    _, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    mail(country, box, "report", before)  # the broker delivers late, or plays it again
    (row,) = country.rows(order_venues)
    assert row["in_force_at_ms"] is not None
    assert row["lifted_at_ms"] is None


async def test_a_rejected_order_is_not_sent_with_every_report(country: Country, box: StandingBox) -> None:
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    document = parse_envelope(raw, "order").document
    mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "ORDER_EXPIRED"))
    assert report(country, box) == []
    (row,) = country.rows(order_venues)
    assert (row["result"], row["code"], row["delivered_at_ms"]) == ("rejected", "ORDER_EXPIRED", None)


async def test_an_order_of_officers_whom_the_box_did_not_know_comes_again_with_its_policy(
    country: Country, box: StandingBox
) -> None:
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    document = parse_envelope(raw, "order").document
    mail(country, box, "report", box.report(policy_epoch=2))
    mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "SIGNER_UNKNOWN"))
    assert "order" not in kinds(mail(country, box, "report", box.report(policy_epoch=2)))
    (again,) = mail(country, box, "report", box.report(policy_epoch=3))
    assert again.payload == raw


async def test_an_ended_hold_that_came_back_is_ended_again(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    _, lifting = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None, grace_s=0)
    mail(country, box, "receipt", box.obey(lifting))
    for is_old in (False, True):
        if is_old:
            _expire(country)
        box.holds = [number]  # an old image of the disk was put back
        (again,) = report(country, box)
        assert again.payload == lifting
        mail(country, box, "receipt", box.obey(lifting))
        assert report(country, box) == []


async def test_6_6_an_ending_of_what_stands_is_sent_whatever_its_age(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box was away while stop and resume were given; then somebody brought it the stop before its first lease."""
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    _, lifting = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None, grace_s=0)
    _expire(country)
    assert report(country, box) == []
    mail(country, box, "receipt", box.obey(raw))
    (again,) = report(country, box)
    assert again.payload == lifting
    mail(country, box, "receipt", box.obey(lifting))
    assert report(country, box) == []


async def test_6_6_an_old_ending_that_the_box_rejects_is_not_sent_with_every_report(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it ends is beyond doubt there: it takes a new one."""
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    late, lifting = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None, grace_s=0)
    _expire(country)
    assert [out.payload for out in report(country, box)] == [lifting]
    document = parse_envelope(lifting, "order").document
    mail(country, box, "receipt", box.receipt("order", late, document, "rejected", "ORDER_EXPIRED"))
    assert report(country, box) == []


async def test_6_6_a_box_that_has_lost_its_claim_learns_it_from_the_lease(country: Country, box: StandingBox) -> None:
    (out,) = mail(country, box, "report", box.report(NONCE, venue="", state="failed"))
    assert Lease.decode(parse_envelope(out.payload, "lease").payload).venue == box.venue


async def test_6_6_a_failed_box_gets_no_lease_before_what_it_forgot_stands_again(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    _, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    box.holds = []
    assert kinds(mail(country, box, "report", box.report(NONCE))) == ["lease", "order"]
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["order"]
    _expire(country)
    assert kinds(mail(country, box, "report", box.report(NONCE))) == ["lease"]
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["order"]
    mail(country, box, "receipt", box.obey(raw))
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["lease"]


async def test_6_6_a_failed_box_gets_what_a_courier_alone_may_have_brought(
    country: Country, box: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took a stop off line, and an older image was put back before anybody but the courier had its receipt."""
    monkeypatch.setattr(deliveries, "RESEND_AFTER_MS", 0)
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    _expire(country)
    assert kinds(mail(country, box, "report", box.report(NONCE))) == ["lease"]
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["order"]
    document = parse_envelope(raw, "order").document
    mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "ORDER_EXPIRED"))
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["lease"], "it failed otherwise"


async def test_6_6_a_hold_that_a_failed_box_cannot_take_again_is_shown_and_keeps_no_lease_back(
    country: Country, box: StandingBox
) -> None:
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    document = parse_envelope(raw, "order").document
    early = box.receipt("order", number, document, "rejected", "SIGNER_UNKNOWN")
    mail(country, box, "receipt", early)
    mail(country, box, "receipt", box.obey(raw))
    mail(country, box, "receipt", early)  # the broker plays it again
    box.holds = []
    assert "lease" not in kinds(mail(country, box, "report", box.report(NONCE, state="failed")))
    mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "SIGNER_UNKNOWN"))
    (row,) = country.rows(order_venues)
    assert (row["result"], row["code"], row["delivered_at_ms"]) == ("rejected", "SIGNER_UNKNOWN", None)
    assert kinds(mail(country, box, "report", box.report(NONCE, state="failed"))) == ["lease"]


def _expire(country: Country) -> None:
    with country.fleet.database.writing() as connection:
        connection.execute(update(orders).values(expires_at_ms=1))


async def test_a_rejected_copy_takes_nothing_back(country: Country, box: StandingBox) -> None:
    number, raw = await issued(country, country.officer("zhang"), country.officer("li"), venues=[box.venue])
    mail(country, box, "receipt", box.obey(raw))
    document = parse_envelope(raw, "order").document
    mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "ORDER_REPLAYED"))
    (row,) = country.rows(order_venues)
    assert row["result"] == "accepted"


async def test_a_region_order_reaches_a_box_that_came_later(country: Country) -> None:
    wang, chen = country.officer("wang"), country.officer("chen")
    target = [{"by": "version", "id": "S000001"}]
    draft = await drafted(
        country, wang, authority="310000", kind="ban", region="310000", targets=target, grace_s=0, ends_at_ms=None
    )
    payload = str(draft["payload"])
    await wang.post("/api/v1/orders", content=signed("order", payload, WANG))
    await chen.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, CHEN))
    late = country.box("KTV-LATE0001", country.venue("310115"))
    outside = country.box("KTV-FARR0001", country.venue("440106"))
    assert kinds(report(country, late)) == ["order"]
    assert report(country, outside) == []


async def test_7_1_a_report_with_a_nonce_gets_a_lease(country: Country, box: StandingBox) -> None:
    (out,) = report(country, box, NONCE)
    assert out.topic == "v1/dn/KTV-AAAA0001/lease"
    envelope = parse_envelope(out.payload, "lease")
    key = SigningKey.load(country.fleet.keys / "lease.pem").key
    require_signature(envelope, [key], verify)
    lease = Lease.decode(envelope.payload)
    assert (lease.box, lease.venue, lease.region, lease.nonce) == (box.box, box.venue, "310101", NONCE)
    assert lease.full_until_ms - lease.issued_at_ms == 3 * DAY_MS
    assert lease.core_from_ms - lease.issued_at_ms == 7 * DAY_MS
    assert lease.stop_at_ms - lease.issued_at_ms == 30 * DAY_MS
    assert (lease.powered_s_max, lease.plays_max) == (33 * DAY_MS // 1000, 50_000)
    assert (lease.lease, lease.policy_epoch) == (1, policy().epoch)
    assert report(country, box) == []
    box.lease = 9  # our database is an older copy
    (out,) = report(country, box, NONCE)
    assert Lease.decode(parse_envelope(out.payload, "lease").payload).lease == 10


async def test_a_box_that_says_another_venue_gets_no_lease(country: Country, box: StandingBox) -> None:
    assert mail(country, box, "report", box.report(NONCE, venue=country.venue())) == []


@pytest.mark.parametrize("kind", ["report", "receipt"])
async def test_another_boxs_words_are_set_aside(country: Country, box: StandingBox, kind: str) -> None:
    other = country.box("KTV-BBBB0002", country.venue())
    words = other.report(NONCE) if kind == "report" else other.receipt("order", "", "0" * 64)
    assert mail(country, box, kind, words) == []
    other.key = box.key
    words = other.report(NONCE) if kind == "report" else other.receipt("order", "", "0" * 64)
    assert mail(country, box, kind, words, b"rubbish") == []
    codes = {row["code"] for row in country.rows(dead_letters)}
    assert codes == {"SIGNER_UNKNOWN", "BATCH_IDENTITY", "DOCUMENT_MALFORMED"}


def test_no_setting_makes_a_lease_that_boxes_reject() -> None:
    """SPEC 7.1 at the widest bounds of the settings."""
    rungs = [_BOUNDS[name] for name in ("lease_full_s", "lease_core_s", "lease_stop_s")]
    assert 1000 * max(most for _, most in rungs) <= LEASE_FOR_MS_MAX
    assert min(least for least, _ in rungs) >= 72 * 3600
