"""Notices: one signature, three facts from the box."""

import pytest

from tests.device.protocol.builders import LI, WANG, ZHANG
from tests.fleet_server.country import Country, StandingBox, mail, signed


def body(country: Country, **changes: object) -> dict[str, object]:
    show_until_ms = country.fleet.clock.now_ms() + 3_600_000
    return {
        "kind": "warning",
        "authority": "310101",
        "text_zh": "请核对灭火器。",
        "show_until_ms": show_until_ms,
    } | changes


async def test_a_notice_is_delivered_shown_and_acknowledged(country: Country, box: StandingBox) -> None:
    zhang = country.officer("zhang")
    draft = (await zhang.post("/api/v1/notices/drafts", json=body(country, venues=[box.venue]))).json()
    assert draft["impact"]["boxes"] == 1
    raw = signed("notice", draft["payload"], ZHANG)
    for _ in range(2):  # the same again changes nothing
        answer = await zhang.post("/api/v1/notices", content=raw)
        assert (answer.status_code, answer.json()) == (200, {"notice": draft["notice"]})
    assert country.carried.sent == [(f"v1/dn/{box.box}/notice", raw)]

    async def row() -> dict[str, object]:
        shown = (await zhang.get(f"/api/v1/notices/{draft['notice']}")).json()
        (receipt,) = shown["receipts"]
        return dict(receipt)

    assert (await row())["delivered_at_ms"] is None
    mail(country, box, "receipt", box.obey(raw))
    assert (await row())["delivered_at_ms"] is not None
    assert (await row())["shown_at_ms"] is None
    box.journal.add("SHOWN", {"notice": draft["notice"], "what": "shown"})
    shown_at_ms = box.journal.now_ms
    box.journal.add("SHOWN", {"notice": draft["notice"], "what": "acknowledged"})
    mail(country, box, "journal", box.journal.batch())
    found = await row()
    assert (found["shown_at_ms"], found["acknowledged_at_ms"]) == (shown_at_ms, shown_at_ms + 1000)
    assert (await zhang.get("/api/v1/notices")).json()["count"] == 1
    assert (await country.people.client("s", ("officer", "440106")).get("/api/v1/notices")).json()["count"] == 0


async def test_a_lost_notice_comes_with_the_next_report(country: Country, box: StandingBox) -> None:
    zhang = country.officer("zhang")
    draft = (await zhang.post("/api/v1/notices/drafts", json=body(country, venues=[box.venue]))).json()
    raw = signed("notice", draft["payload"], ZHANG)
    await zhang.post("/api/v1/notices", content=raw)
    (again,) = mail(country, box, "report", box.report())
    assert again.payload == raw
    mail(country, box, "receipt", box.obey(raw))
    assert mail(country, box, "report", box.report()) == []


async def test_a_notice_to_a_region_rings_everybody_and_finds_late_comers(country: Country, box: StandingBox) -> None:
    wang = country.officer("wang")
    text = body(country, authority="310000", region="310000")
    draft = (await wang.post("/api/v1/notices/drafts", json=text)).json()
    await wang.post("/api/v1/notices", content=signed("notice", draft["payload"], WANG))
    assert [topic for topic, _ in country.carried.sent] == ["v1/dn/all/notice"]
    late = country.box("KTV-LATE0001", country.venue("310115"))
    assert len(mail(country, late, "report", late.report())) == 1


async def test_who_may_not_gives_no_notice(country: Country, box: StandingBox) -> None:
    zhang, li = country.officer("zhang"), country.officer("li")
    answer = await li.post("/api/v1/notices/drafts", json=body(country, venues=[box.venue]))
    assert (answer.status_code, answer.json()["code"]) == (422, "NOTICE_NOT_ENTITLED")
    draft = (await zhang.post("/api/v1/notices/drafts", json=body(country, venues=[box.venue]))).json()
    answer = await zhang.post("/api/v1/notices", content=signed("notice", draft["payload"], LI))
    assert answer.json()["code"] == "NOTICE_ISSUER"
    answer = await li.post("/api/v1/notices", content=signed("notice", draft["payload"], ZHANG))
    assert answer.json()["code"] == "SIGNER_NOT_YOU"
    assert country.carried.sent == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"venues": []}, "NOTICE_MALFORMED"),
        ({"show_until_ms": 5}, "NOTICE_MALFORMED"),
        ({"authority": "440106"}, "NOT_FOUND"),
        ({"text_zh": ""}, "FIELDS_INVALID"),
        ({"kind": "joke"}, "FIELDS_INVALID"),
    ],
)
async def test_a_text_that_no_box_would_take(
    country: Country, box: StandingBox, changes: dict[str, object], code: str
) -> None:
    zhang = country.officer("zhang")
    answer = await zhang.post("/api/v1/notices/drafts", json=body(country, venues=[box.venue]) | changes)
    assert answer.json()["code"] == code, answer.text
