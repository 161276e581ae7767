"""Orders through HTTP: two persons, and nothing shown that a box has not said."""

import httpx
import pytest

from device.crypto.p256 import verify
from device.protocol.envelope import parse_envelope
from device.protocol.orders import accept_order
from fleet_server.orders.model import order_venues, orders
from tests.device.protocol.builders import CHEN, LI, STRANGER, WANG, ZHANG, ZHANG_AT_HOME, FixedKey, policy
from tests.fleet_server.country import Country, StandingBox, mail, signature, signed

DAY_MS = 24 * 3600 * 1000


def wish(country: Country, **changes: object) -> dict[str, object]:
    return {
        "kind": "stop",
        "authority": "310101",
        "document": "沪文执罚〔2026〕第0123号",
        "basis": "《娱乐场所管理条例》第四十八条",
        "text_zh": "责令停业整顿。",
        "ends_at_ms": country.fleet.clock.now_ms() + 30 * DAY_MS,
        "grace_s": 30,
    } | changes


async def drafted(country: Country, officer: httpx.AsyncClient, **changes: object) -> dict[str, object]:
    answer = await officer.post("/api/v1/orders/drafts", json=wish(country, **changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def issued(
    country: Country, first: httpx.AsyncClient, second: httpx.AsyncClient, **changes: object
) -> tuple[str, bytes]:
    """An order by zhang and li; its number and envelope."""
    draft = await drafted(country, first, **changes)
    payload = str(draft["payload"])
    answer = await first.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    assert answer.json()["state"] == "signed", answer.text
    answer = await second.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, LI))
    assert answer.json() == {"order": draft["order"], "state": "issued"}, answer.text
    envelope = await second.get(f"/api/v1/orders/{draft['order']}/envelope")
    return str(draft["order"]), envelope.content


async def code_of(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["code"])


async def test_two_officers_stop_a_venue_and_its_box_is_told_at_once(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    assert draft["impact"] == {"venues": 1, "boxes": 1, "boxes_online": 0, "rooms_busy": 0, "names": ["Venue 1"]}
    payload = str(draft["payload"])
    answer = await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    assert (answer.status_code, answer.json()["state"]) == (200, "signed")
    assert country.carried.sent == []
    answer = await li.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, LI))
    assert (answer.status_code, answer.json()["state"]) == (200, "issued")
    ((topic, raw),) = country.carried.sent
    assert topic == "v1/dn/KTV-AAAA0001/order"
    accepted = accept_order(raw, policy(), verify, box.region)
    assert [person.person for person in accepted.persons] == ["zhang", "li"]
    assert accepted.order.scope.venues == (box.venue,)


async def test_the_timeline_is_what_the_box_has_signed(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    assert [signer["person"] for signer in shown["signers"]] == ["zhang", "li"]
    assert (shown["delivered"], shown["in_force"], shown["lifted"]) == (0, 0, 0)

    assert mail(country, box, "receipt", box.obey(raw)) == []
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    (receipt,) = shown["receipts"]
    assert (receipt["result"], receipt["code"], receipt["holds"]) == ("accepted", "", [number])
    assert receipt["delivered_at_ms"] is not None
    assert receipt["in_force_at_ms"] is not None
    assert (shown["delivered"], shown["in_force"], shown["lifted"]) == (1, 1, 0)

    lifting, raw = await issued(country, zhang, li, kind="resume", ends=[number], ends_at_ms=None, grace_s=0)
    assert accept_order(raw, policy(), verify).order.scope.venues == (box.venue,)
    mail(country, box, "receipt", box.obey(raw))
    shown = (await li.get(f"/api/v1/orders/{number}")).json()
    assert (shown["delivered"], shown["in_force"], shown["lifted"]) == (1, 0, 1)
    shown = (await li.get(f"/api/v1/orders/{lifting}")).json()
    assert (shown["delivered"], shown["in_force"]) == (1, 1)


async def test_6_2_nobody_approves_the_own_draft(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    payload, path = str(draft["payload"]), f"/api/v1/orders/{draft['order']}/approvals"
    assert await code_of(await li.post(path, json=signature(payload, LI)), 422) == "ORDER_THRESHOLD"
    await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    for key in (ZHANG, ZHANG_AT_HOME):  # a second key gives no second voice
        assert await code_of(await zhang.post(path, json=signature(payload, key)), 403) == "ORDER_SAME_PERSON"
        assert await code_of(await li.post(path, json=signature(payload, key)), 403) == "ORDER_SAME_PERSON"
    # zhang's session with li's stolen key
    assert await code_of(await zhang.post(path, json=signature(payload, LI)), 403) == "ORDER_SAME_PERSON"
    assert country.carried.sent == []


async def test_who_signs_is_who_is_signed_in(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    payload = str(draft["payload"])
    answer = await li.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    assert await code_of(answer, 403) == "SIGNER_NOT_YOU"
    answer = await li.post("/api/v1/orders", content=signed("order", payload, LI))
    assert await code_of(answer, 422) == "ORDER_DRAFTER"
    await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    answer = await li.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, WANG))
    assert await code_of(answer, 403) == "SIGNER_NOT_YOU"


async def test_approvals_that_are_no_signature_of_this_order(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    payload, path = str(draft["payload"]), f"/api/v1/orders/{draft['order']}/approvals"
    await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    answer = await li.post(path, json=signature(payload + " ", LI))
    assert await code_of(answer, 422) == "SIGNATURE_INVALID"
    answer = await li.post(path, json=signature(payload, STRANGER))
    assert await code_of(answer, 422) == "SIGNER_UNKNOWN"
    answer = await li.post(path, json={"keyid": "00", "sig": ""})
    assert await code_of(answer, 422) == "FIELDS_INVALID"
    assert country.rows(orders)[0]["state"] == "signed"


async def test_an_order_is_approved_once(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, raw = await issued(country, zhang, li, venues=[box.venue])
    payload = parse_envelope(raw, "order").payload.decode()
    answer = await li.post(f"/api/v1/orders/{number}/approvals", json=signature(payload, LI))
    assert await code_of(answer, 409) == "ORDER_ALREADY_APPROVED"
    assert await code_of(await li.post("/api/v1/orders", content=raw), 409) == "ORDER_REPLAYED"
    assert len(country.carried.sent) == 1


async def test_a_draft_waits_three_days(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    payload = str(draft["payload"])
    await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    with country.fleet.database.writing() as connection:
        connection.exec_driver_sql("UPDATE orders SET draft_until_ms = 0")
    answer = await li.post(f"/api/v1/orders/{draft['order']}/approvals", json=signature(payload, LI))
    assert await code_of(answer, 409) == "DRAFT_EXPIRED"
    answer = await li.post("/api/v1/orders", content=signed("order", payload, ZHANG, LI))
    assert await code_of(answer, 409) == "DRAFT_EXPIRED"


async def test_a_withdrawn_draft_is_dead(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    draft = await drafted(country, zhang, venues=[box.venue])
    payload, path = str(draft["payload"]), f"/api/v1/orders/{draft['order']}"
    await zhang.post("/api/v1/orders", content=signed("order", payload, ZHANG))
    assert await code_of(await li.delete(path), 422) == "ORDER_DRAFTER"
    assert (await zhang.delete(path)).json()["state"] == "withdrawn"
    answer = await li.post(f"{path}/approvals", json=signature(payload, LI))
    assert await code_of(answer, 409) == "ORDER_WITHDRAWN"
    answer = await li.post("/api/v1/orders", content=signed("order", payload, ZHANG, LI))
    assert await code_of(answer, 409) == "ORDER_WITHDRAWN"
    assert country.carried.sent == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ends_at_ms": None}, "ORDER_MALFORMED"),
        ({"ends_at_ms": 5}, "ORDER_MALFORMED"),
        ({"expires_at_ms": 5}, "ORDER_MALFORMED"),
        ({"authority": "310115"}, "NOT_FOUND"),
        ({"authority": "440000"}, "NOT_FOUND"),
        ({"venues": ["J0131010100099"]}, "VENUE_CODE_FORM"),
        ({"venues": ["J01310101000019"]}, "VENUE_CODE_CHECK"),
        ({"venues": []}, "ORDER_UNKNOWN"),
        ({"region": "310101"}, "ORDER_MALFORMED"),
        ({"venues": [], "region": "310101"}, "ORDER_SCOPE_LIMIT"),
        ({"kind": "resume"}, "ORDER_MALFORMED"),
        ({"kind": "execute"}, "FIELDS_INVALID"),
        ({"text_zh": "\u202e"}, "FIELDS_INVALID"),
        ({"grace_s": 601}, "FIELDS_INVALID"),
        ({"document": ""}, "FIELDS_INVALID"),
        ({"more": 1}, "FIELDS_INVALID"),
    ],
)
async def test_a_draft_that_no_box_would_take_is_refused(
    country: Country, box: StandingBox, changes: dict[str, object], code: str
) -> None:
    zhang = country.officer("zhang")
    body = wish(country, venues=[box.venue]) | changes
    answer = await zhang.post("/api/v1/orders/drafts", json=body)
    assert answer.status_code in (400, 403, 404, 422), answer.text
    assert answer.json()["code"] == code, answer.text
    assert country.rows(orders) == []


async def test_a_venue_that_has_moved_out_of_the_region_is_out_of_reach(country: Country) -> None:
    elsewhere = country.venue("310115")
    zhang = country.officer("zhang")
    answer = await zhang.post("/api/v1/orders/drafts", json=wish(country, venues=[elsewhere]))
    assert await code_of(answer, 422) == "ORDER_REGION"


async def test_6_1_a_resume_may_be_taken_as_long_as_the_stop(country: Country, box: StandingBox) -> None:
    """A box that was away could else take the stop, from whoever has it, and no resume any more."""
    zhang, li = country.officer("zhang"), country.officer("li")
    until_ms = country.fleet.clock.now_ms() + 60 * DAY_MS
    number, _ = await issued(country, zhang, li, venues=[box.venue], expires_at_ms=until_ms)
    ending = {"kind": "resume", "ends": [number], "ends_at_ms": None, "grace_s": 0}
    too_short = wish(country, **ending) | {"expires_at_ms": until_ms - 1}
    assert await code_of(await zhang.post("/api/v1/orders/drafts", json=too_short), 422) == "ORDER_MALFORMED"
    _, raw = await issued(country, zhang, li, **ending)
    assert accept_order(raw, policy(), verify).order.expires_at_ms == until_ms


async def test_a_resume_of_an_unknown_order_needs_a_scope(country: Country, box: StandingBox) -> None:
    zhang = country.officer("zhang")
    ends = ["310101-2026-000999"]
    body = wish(country, kind="resume", ends=ends, ends_at_ms=None, grace_s=0)
    assert await code_of(await zhang.post("/api/v1/orders/drafts", json=body), 422) == "ORDER_UNKNOWN"
    body |= {"venues": [box.venue]}
    assert (await zhang.post("/api/v1/orders/drafts", json=body)).status_code == 201


async def test_who_may_not_sign_may_not_draft(country: Country, box: StandingBox) -> None:
    li = country.officer("li")
    target = [{"by": "version", "id": "S000001"}]
    body = wish(country, kind="ban", venues=[box.venue], targets=target, grace_s=0)
    assert await code_of(await li.post("/api/v1/orders/drafts", json=body), 422) == "ORDER_NOT_ENTITLED"
    auditor = country.people.client("audit", ("auditor", "000000"))
    assert await code_of(await auditor.post("/api/v1/orders/drafts", json=body), 403) == "NOT_PERMITTED"


async def test_a_whole_order_from_elsewhere_is_asked_the_same(country: Country, box: StandingBox) -> None:
    wang = country.officer("wang")
    draft = await drafted(
        country, wang, authority="310000", kind="ban", venues=[], region="310101",
        targets=[{"by": "version", "id": "S000001"}], grace_s=0,
    )  # fmt: skip
    payload = str(draft["payload"])

    async def hand_in(*keys: FixedKey) -> httpx.Response:
        return await wang.post("/api/v1/orders", content=signed("order", payload, *keys))

    assert await code_of(await hand_in(WANG, WANG), 403) == "ORDER_SAME_PERSON"
    assert await code_of(await hand_in(CHEN, STRANGER), 422) == "ORDER_THRESHOLD"
    assert (await hand_in(WANG, CHEN)).json()["state"] == "issued"
    assert [topic for topic, _ in country.carried.sent] == ["v1/dn/all/order"]
    assert len(country.rows(order_venues)) == 1


async def test_bodies_that_are_no_envelope(country: Country) -> None:
    zhang = country.officer("zhang")
    for body, code in [(b"", "DOCUMENT_MALFORMED"), (b"{}", "DOCUMENT_MALFORMED"), (b"\xff", "DOCUMENT_MALFORMED")]:
        answer = await zhang.post("/api/v1/orders", content=body)
        assert await code_of(answer, 400) == code
    answer = await zhang.post("/api/v1/orders", content=signed("notice", "{}", ZHANG))
    assert answer.json()["code"] == "ENVELOPE_TYPE"


async def test_officers_of_other_regions_see_nothing(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    number, _ = await issued(country, zhang, li, venues=[box.venue])
    stranger = country.people.client("sun", ("officer", "440106"))
    assert (await stranger.get(f"/api/v1/orders/{number}")).status_code == 404
    assert (await stranger.get(f"/api/v1/orders/{number}/envelope")).status_code == 404
    assert (await stranger.get("/api/v1/orders")).json() == {"orders": [], "count": 0}
    above = country.officer("zhao")
    assert (await above.get("/api/v1/orders?state=issued")).json()["count"] == 1
    assert (await above.get("/api/v1/orders?state=draft")).json()["count"] == 0


async def test_a_county_sees_what_the_province_orders_in_it(country: Country, box: StandingBox) -> None:
    wang, chen, zhang = country.officer("wang"), country.officer("chen"), country.officer("zhang")
    draft = await drafted(country, wang, authority="310000", venues=[box.venue])
    await wang.post("/api/v1/orders", content=signed("order", str(draft["payload"]), WANG))
    path = f"/api/v1/orders/{draft['order']}"
    assert (await zhang.get(path)).status_code == 404
    await chen.post(f"{path}/approvals", json=signature(str(draft["payload"]), CHEN))
    assert (await zhang.get(path)).json()["receipts"][0]["venue"] == box.venue


async def test_pages_of_orders(country: Country, box: StandingBox) -> None:
    zhang = country.officer("zhang")
    numbers = [(await drafted(country, zhang, venues=[box.venue]))["order"] for _ in range(5)]
    seen: list[str] = []
    while page := (await zhang.get("/api/v1/orders", params={"limit": 2, "after": seen[-1] if seen else ""})).json()[
        "orders"
    ]:
        seen += [order["order"] for order in page]
    assert seen == numbers[::-1]
