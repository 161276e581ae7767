"""Leases: a refused one is an incident (SPEC 7.3), a silent region is given an extension (SPEC 7.5)."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from device.crypto.p256 import SigningKey, verify
from device.protocol.envelope import parse_envelope
from device.protocol.keys import Key
from device.protocol.lease import Lease, accept_extension
from device.protocol.limits import DAY_MS, INSTANT_MAX
from device.protocol.policy import AuthorityPolicy, FleetKey
from fleet_server.boxes.model import box_reports
from fleet_server.extensions import worker
from fleet_server.extensions.model import extensions
from fleet_server.plays.model import incidents
from tests.device.protocol.builders import policy
from tests.fleet_server.country import Country, StandingBox, mail

HOUR_MS = 3_600_000


def refused(country: Country, box: StandingBox, count: int, **changes: Any) -> None:
    counts = {"LEASE_TIME": count} if count else {"SONG_UNKNOWN": 4}
    mail(country, box, "report", box.report(refused=counts, **changes))


async def test_a_box_that_refused_our_time_is_an_incident(country: Country, box: StandingBox) -> None:
    refused(country, box, 0)
    assert country.rows(incidents) == []
    for count in (1, 1, 2):
        refused(country, box, count)
    (incident,) = country.rows(incidents)
    assert (incident["code"], incident["box"], incident["count"]) == ("LEASE_TIME", box.box, 2)
    assert "ms from ours" in incident["detail"]
    refused(country, box, 1, boot=2, at_ms=None, tq="none")
    assert [found["count"] for found in country.rows(incidents)] == [2, 1]


def test_7_1_a_number_that_no_database_ever_gave_uses_up_none(country: Country, box: StandingBox) -> None:
    """A thief of a key has made the box say the last number of all; an older copy of the database lacks a few."""
    other = country.box("KTV-AAAA0002", country.venue())
    given = []
    for who, has in ((box, 0), (box, INSTANT_MAX), (box, 700), (box, INSTANT_MAX), (box, 5), (other, INSTANT_MAX)):
        answers = mail(country, who, "report", who.report(nonce="ab" * 16, lease=has))
        (raw,) = [answer.payload for answer in answers if answer.topic.endswith("/lease")]
        given.append(Lease.decode(parse_envelope(raw, "lease").payload).lease)
    assert given == [1, 2, 701, 702, 703, 1]


def silent(country: Country, *boxes: StandingBox, since_ms: int = 2 * HOUR_MS) -> None:
    """These have not reported for so long; all others have just now."""
    with country.fleet.database.writing() as connection:
        at_ms = country.fleet.clock.now_ms()
        connection.execute(update(box_reports).values(received_at_ms=at_ms))
        names = [box.box for box in boxes]
        connection.execute(
            update(box_reports).where(box_reports.c.box.in_(names)).values(received_at_ms=at_ms - since_ms)
        )


def town(country: Country, region: str, count: int) -> list[StandingBox]:
    boxes = [country.box(f"KTV-{region}{number:02d}", country.venue(region)) for number in range(count)]
    for box in boxes:
        mail(country, box, "report", box.report())
    return boxes


@pytest.fixture
def small(country: Country) -> Country:
    """The same country with a bound that a test reaches."""
    return Country(replace(country.fleet, settings=replace(country.fleet.settings, outage_boxes_min=4)))


async def test_7_5_a_silent_region_is_given_an_extension_a_day(small: Country) -> None:
    here, there = town(small, "310101", 4), town(small, "440106", 4)
    assert worker.look(small.fleet) == []
    silent(small, *here[:1], *there[:2])
    (extended,) = worker.look(small.fleet)
    assert (extended.region, extended.issued_by) == ("440000", "leases")
    ((topic, raw),) = small.sent("extension")
    assert topic == "v1/dn/all/extension"
    key = SigningKey.load(small.fleet.keys / "lease.pem").key
    found, _ = accept_extension(raw, policy_with(key), verify, "440106", (key.keyid, extended.id - 1))
    assert found.full_until_ms - found.issued_at_ms == 3 * DAY_MS
    assert worker.look(small.fleet) == [], "once a day"
    with small.fleet.database.writing() as connection:
        connection.execute(update(extensions).values(issued_at_ms=extensions.c.issued_at_ms - DAY_MS - 1))
    (again,) = worker.look(small.fleet)
    assert again.id == extended.id + 1


async def test_7_5_few_boxes_or_gone_ones_make_no_outage(small: Country) -> None:
    boxes = town(small, "310101", 4)
    silent(small, *boxes, since_ms=HOUR_MS - 60_000)
    assert worker.look(small.fleet) == []
    silent(small, *boxes[:3], since_ms=42 * DAY_MS)
    assert worker.look(small.fleet) == [], "three are gone for good, and one is no region"
    silent(small, *boxes)
    (extended,) = worker.look(small.fleet)
    assert extended.region == "000000", "it is all the boxes that there are"


async def test_7_5_an_operator_extends_by_hand_and_a_courier_takes_it(country: Country) -> None:
    operator = country.people.client("op", ("operator", "310000"))
    body = {"region": "310101", "for_s": 86_400, "reason": "backbone fault"}
    made = (await operator.post("/api/v1/extensions", json=body)).json()
    assert (await operator.get("/api/v1/extensions")).json() == [made]
    raw = (await operator.get(f"/api/v1/extensions/{made['extension']}/envelope")).content
    assert country.sent("extension") == [("v1/dn/all/extension", raw)]
    stranger = country.people.client("else", ("operator", "440000"))
    assert (await stranger.get("/api/v1/extensions")).json() == []
    assert (await stranger.get(f"/api/v1/extensions/{made['extension']}/envelope")).status_code == 404
    assert (await stranger.post("/api/v1/extensions", json=body)).status_code == 404
    unknown = (await operator.post("/api/v1/extensions", json=body | {"region": "310999"})).json()
    assert unknown["code"] == "REGION_UNKNOWN"
    officer = country.officer("zhang")
    assert (await officer.post("/api/v1/extensions", json=body)).json()["code"] == "NOT_PERMITTED"


def policy_with(key: Key) -> AuthorityPolicy:
    return policy().replace(services=(FleetKey(use="lease", key=key),))
