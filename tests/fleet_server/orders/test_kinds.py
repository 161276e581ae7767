"""Orders of rooms, of the seal, long lists, and the grace: drafted here, obeyed there (SPEC 6.1, 6.5, 6.8)."""

from typing import Any

import pytest

from device.crypto.p256 import verify
from device.protocol.limits import ORDER_BYTES_MAX, TARGETS_MAX
from device.protocol.orders import accept_order
from fleet_server.orders.model import order_venues
from tests.device.protocol.builders import CHEN, WANG, policy
from tests.fleet_server.country import Country, StandingBox, mail, signature, signed
from tests.fleet_server.orders.conftest import Pair
from tests.fleet_server.orders.test_orders import code_of, drafted, issued, wish


async def by_the_province(country: Country, province: Pair, **changes: Any) -> tuple[str, bytes]:
    """An order by wang and chen, who may sign everything."""
    wang, chen = province
    draft = await drafted(country, wang, authority="310000", **changes)
    payload = str(draft["payload"])
    answer = await wang.post("/api/v1/orders", content=signed("order", payload, WANG))
    assert answer.status_code == 200, answer.text
    await chen.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, CHEN))
    return str(draft["order"]), (await chen.get(f"/api/v1/orders/{draft['order']}/envelope")).content


async def test_rooms_of_one_venue_are_stopped_and_their_resume_is_of_the_venue(
    country: Country, box: StandingBox
) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue], rooms=["K2", "K1", "K2"])
    assert accept_order(raw, policy(), verify, box.region).order.scope.rooms == ("K1", "K2")
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    assert shown["fields"]["scope"] == {"venues": [box.venue], "rooms": ["K1", "K2"]}
    _, raw = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None)
    scope = accept_order(raw, policy(), verify, box.region).order.scope
    assert (scope.venues, scope.rooms) == ((box.venue,), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"rooms": ["K1"], "kind": "ban", "targets": [{"by": "version", "id": "S1"}]},
        {"rooms": ["K1"], "region": "310101", "venues": []},
        {"rooms": ["K 1"]},
    ],
)
async def test_rooms_are_of_a_stop_of_one_venue(country: Country, box: StandingBox, changes: dict[str, Any]) -> None:
    body = wish(country, **{"venues": [box.venue], **changes})
    answer = await country.officer("zhang").post("/api/v1/orders/drafts", json=body)
    assert await code_of(answer, 422) == "ORDER_MALFORMED"


async def test_the_grace_is_ten_minutes_unless_it_is_said(country: Country, box: StandingBox) -> None:
    body = wish(country, venues=[box.venue])
    del body["grace_s"]
    answer = await country.officer("zhang").post("/api/v1/orders/drafts", json=body)
    assert '"grace_s":600' in answer.json()["payload"]


async def test_6_5_in_force_is_a_stop_whose_last_song_has_ended(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue], grace_s=600)
    box.grace = [number]
    mail(country, box, "receipt", box.obey(raw))
    (row,) = country.rows(order_venues)
    assert row["delivered_at_ms"] is not None
    assert row["in_force_at_ms"] is None, "a song still sounds"
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    assert (shown["delivered"], shown["in_force"], shown["receipts"][0]["grace"]) == (1, 0, [number])
    assert mail(country, box, "report", box.report()) == [], "it stands, and is not sent again"
    box.grace = []
    box.journal.add("REOPEN", {"orders": []})  # any entry: the journal goes on
    mail(country, box, "report", box.report())
    (row,) = country.rows(order_venues)
    assert row["in_force_at_ms"] is not None


async def test_6_5_a_stop_that_was_resumed_within_its_grace_was_lifted(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue], grace_s=600)
    box.grace = [number]
    mail(country, box, "receipt", box.obey(raw))
    _, lifting = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None)
    box.grace = []
    mail(country, box, "receipt", box.obey(lifting))
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    assert (shown["delivered"], shown["in_force"], shown["lifted"]) == (1, 0, 1)


async def test_6_8_a_service_names_the_opening_that_the_box_has_reported(
    country: Country, box: StandingBox, province: Pair
) -> None:
    mail(country, box, "report", box.report(seal="was-opened", opening=57))
    _, raw = await by_the_province(country, province, kind="service", venues=[box.venue], ends_at_ms=None)
    order = accept_order(raw, policy(), verify, box.region).order
    assert (order.action, order.opening) == ("clear-seal", 57)
    _, raw = await by_the_province(country, province, kind="service", venues=[box.venue], ends_at_ms=None, opening=58)
    assert accept_order(raw, policy(), verify, box.region).order.opening == 58


async def test_6_8_where_no_opening_was_reported_there_is_none_to_clear(country: Country, box: StandingBox) -> None:
    mail(country, box, "report", box.report())
    body = wish(country, authority="310000", kind="service", venues=[box.venue], ends_at_ms=None)
    answer = await country.officer("wang").post("/api/v1/orders/drafts", json=body)
    assert await code_of(answer, 422) == "ORDER_MALFORMED"


@pytest.mark.parametrize(("by", "digits"), [("version", 10), ("file", 64), ("picture", 64)])
async def test_a_list_of_7000_bans_goes_out_in_one_order(
    country: Country, box: StandingBox, province: Pair, by: str, digits: int
) -> None:
    targets = [{"by": by, "id": f"{number:0{digits}d}"} for number in range(TARGETS_MAX)]
    number, raw = await by_the_province(
        country, province, kind="ban", venues=[box.venue], targets=targets, ends_at_ms=None
    )
    assert len(raw) < ORDER_BYTES_MAX
    ((topic, sent),) = country.carried.sent
    assert (topic, sent) == ("v1/dn/KTV-AAAA0001/order", raw)
    mail(country, box, "receipt", box.obey(raw))
    (row,) = country.rows(order_venues)
    assert (row["order"], row["in_force_at_ms"] is not None) == (number, True)
    body = wish(country, authority="310000", kind="ban", targets=[*targets, *targets[:1]], ends_at_ms=None)
    answer = await province[0].post("/api/v1/orders/drafts", json=body | {"venues": [box.venue]})
    assert answer.status_code == 422
