"""Rollouts: offered by this server, moved by what boxes sign, failed by silence (SPEC 10.5, 13)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from device.crypto.p256 import SigningKey, verify
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.updates import RolloutLeg
from device.protocol.uplink import UpdateState
from fleet_server.fleet import Fleet
from fleet_server.mailroom import Outgoing
from fleet_server.repository.worker import bring_up_to_date
from fleet_server.rollouts.worker import time_out
from provisioning import bundle, ceremony, cli, key_files, trust_root
from provisioning.people import read_people
from tests.fleet_server.country import Country, StandingBox, mail
from tests.fleet_server.repository.published import an_image
from tests.provisioning.fleet_folder import a_people_file

HOUR_MS = 3600 * 1000


@pytest.fixture
def keys(fleet: Fleet, tmp_path: Path) -> Path:
    folder = tmp_path / "ceremony"
    ceremony.hold(folder, fleet.data, read_people(a_people_file(tmp_path)), fleet.clock.now_ms())
    bring_up_to_date(fleet)
    return folder


@pytest.fixture
def country(fleet: Fleet, keys: Path) -> Country:  # after the ceremony, whose policy it replaces
    return Country(fleet)


@pytest.fixture
def box(country: Country) -> StandingBox:
    return country.box("KTV-AAAA0001", country.venue("440106"))


@pytest.fixture
def operator(country: Country) -> httpx.AsyncClient:
    return country.people.client("op", ("operator", "000000"))


def a_bundle(keys: Path, fleet: Fleet, version: str = "1.1.0", *more: str) -> Path:
    """A bundle, signed by two custodians."""
    image, path = keys.parent / f"{version}.img", keys.parent / f"{version}.tar"
    image.write_bytes(an_image(version))
    assert cli.main(["bundle", "build", "--version", version, "--image", str(image), "--out", str(path)]) == 0
    signers = ["--key", str(keys / "firmware-1.pem"), "--key", str(keys / "firmware-2.pem")]
    assert cli.main(["bundle", "sign", str(path), "--fleet", str(fleet.data), *signers, *more]) == 0
    return path


async def created(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/rollouts", json={"version": "1.1.0", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def leg(client: httpx.AsyncClient, rollout: str) -> tuple[str, str]:
    found = (await client.get(f"/api/v1/rollouts/{rollout}")).json()["legs"][0]
    return found["state"], found["code"]


def says(country: Country, box: StandingBox, rollout: str, state: str, code: str = "", **changes: Any) -> None:
    """The box reports this state of its update."""
    update = UpdateState(rollout=rollout, version="1.1.0", state=state, code=code)
    mail(country, box, "report", box.report(update=update, **changes))


def legs_of(outgoing: list[Outgoing]) -> list[Outgoing]:
    return [message for message in outgoing if message.topic.endswith("/rollout")]


@contextmanager
def later(fleet: Fleet, by_ms: int) -> Iterator[None]:
    """The server's clock, moved on within the block."""
    offset_ms = fleet.clock._offset_ms
    fleet.clock._offset_ms = offset_ms + by_ms
    try:
        yield
    finally:
        fleet.clock._offset_ms = offset_ms


async def test_a_leg_is_signed_sent_and_moved_by_reports(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    rollout = (await created(operator, boxes=[box.box]))["rollout"]
    topic, raw = country.carried.sent[-1]
    assert topic == f"v1/dn/{box.box}/rollout"
    envelope = parse_envelope(raw, "rollout")
    require_signature(envelope, [SigningKey.load(fleet.keys / "rollout.pem").key], verify)
    sent = RolloutLeg.decode(envelope.payload)
    assert (sent.box, sent.rollout, sent.version) == (box.box, rollout, "1.1.0")
    assert await leg(operator, rollout) == ("offered", "")
    for state in ("downloading", "written", "armed"):
        says(country, box, rollout, state)
        assert await leg(operator, rollout) == (state, "")
    says(country, box, rollout, "trial", boot=2, version="1.1.0", slot="b")
    says(country, box, rollout, "confirmed", boot=2, version="1.1.0", slot="b")
    assert await leg(operator, rollout) == ("confirmed", "")
    shown = (await operator.get(f"/api/v1/rollouts/{rollout}")).json()
    assert (shown["state"], shown["counts"]) == ("completed", {"confirmed": 1})


@pytest.mark.parametrize("changes", [{"version": "1.0.0", "boot": 2}, {"version": "1.1.0", "boot": 1}])
async def test_confirmed_takes_a_new_boot_of_the_new_version(
    country: Country,
    fleet: Fleet,
    keys: Path,
    box: StandingBox,
    operator: httpx.AsyncClient,
    changes: dict[str, Any],
) -> None:
    a_bundle(keys, fleet)
    mail(country, box, "report", box.report())
    rollout = (await created(operator, boxes=[box.box]))["rollout"]
    says(country, box, rollout, "confirmed", **changes)
    assert (await leg(operator, rollout))[0] == "offered"


@pytest.mark.parametrize(("state", "code"), [("rolled-back", "UPDATE_UNHEALTHY"), ("rejected", "UPDATE_UNTRUSTED")])
async def test_failures_keep_their_code(
    country: Country,
    fleet: Fleet,
    keys: Path,
    box: StandingBox,
    operator: httpx.AsyncClient,
    state: str,
    code: str,
) -> None:
    a_bundle(keys, fleet)
    rollout = (await created(operator, boxes=[box.box]))["rollout"]
    says(country, box, rollout, state, code)
    assert await leg(operator, rollout) == (state, code)
    says(country, box, rollout, "downloading")
    assert await leg(operator, rollout) == (state, code), "an end stays an end"


async def test_a_leg_that_was_lost_is_sent_again_at_a_report(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    await created(operator, boxes=[box.box])
    legs = [topic for topic, _ in country.carried.sent if topic.endswith("/rollout")]
    assert len(legs) == 1
    assert len(legs_of(mail(country, box, "report", box.report()))) == 1
    update = UpdateState(rollout="R-000001", version="1.1.0", state="downloading", code="")
    assert not legs_of(mail(country, box, "report", box.report(update=update))), "it names the leg, so it has it"
    assert len(legs_of(mail(country, box, "report", box.report()))) == 1, "a box that lost its records"


async def test_silence_by_the_deadline_is_a_failure_and_a_late_word_still_counts(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    rollout = (await created(operator, boxes=[box.box], deadline_s=3600))["rollout"]
    time_out(fleet)
    assert (await leg(operator, rollout))[0] == "offered"
    with later(fleet, HOUR_MS + 1):
        time_out(fleet)
    assert (await leg(operator, rollout))[0] == "timed-out"
    says(country, box, rollout, "confirmed", boot=2, version="1.1.0")
    assert (await leg(operator, rollout))[0] == "confirmed"


async def test_a_paused_rollout_offers_nothing(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    rollout = (await created(operator, boxes=[box.box]))["rollout"]
    assert (await operator.post(f"/api/v1/rollouts/{rollout}/pause", json={})).json()["state"] == "paused"
    with later(fleet, 11_000):
        assert not legs_of(mail(country, box, "report", box.report()))
    assert (await operator.post(f"/api/v1/rollouts/{rollout}/resume", json={})).json()["state"] == "running"


async def test_a_region_means_its_active_boxes(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    other = country.box("KTV-AAAA0002", country.venue("310101"))
    a_bundle(keys, fleet)
    shown = await created(operator, region="440000")
    assert [leg["box"] for leg in shown["legs"]] == [box.box]
    assert [leg["box"] for leg in (await created(operator, region="000000"))["legs"]] == [box.box, other.box]


async def test_what_cannot_be_rolled_out(
    fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    for body, code in (
        ({"version": "9.9.9", "boxes": [box.box]}, "VERSION_UNKNOWN"),
        ({"boxes": ["KTV-NOBODY01"]}, "NOT_FOUND"),
        ({}, "ROLLOUT_BOXES"),
        ({"boxes": [box.box], "region": "440000"}, "ROLLOUT_BOXES"),
        ({"region": "110000"}, "ROLLOUT_BOXES"),
        ({"version": "1.1", "boxes": [box.box]}, "FIELDS_INVALID"),
        ({"boxes": [box.box], "deadline_s": 1}, "FIELDS_INVALID"),
    ):
        answer = await operator.post("/api/v1/rollouts", json={"version": "1.1.0", **body})
        assert answer.json()["code"] == code
    assert (await operator.get("/api/v1/rollouts/R-000001")).status_code == 404
    assert (await operator.get("/api/v1/rollouts/R-x")).status_code == 404


async def test_a_county_sees_and_moves_only_its_own(
    country: Country, fleet: Fleet, keys: Path, box: StandingBox, operator: httpx.AsyncClient
) -> None:
    a_bundle(keys, fleet)
    rollout = (await created(operator, boxes=[box.box]))["rollout"]
    foreign = country.people.client("foreign", ("operator", "310101"))
    assert (await foreign.get("/api/v1/rollouts")).json() == []
    assert (await foreign.get(f"/api/v1/rollouts/{rollout}")).status_code == 404
    answer = await foreign.post("/api/v1/rollouts", json={"version": "1.1.0", "boxes": [box.box]})
    assert answer.status_code == 404


async def upload(client: httpx.AsyncClient, raw: bytes) -> httpx.Response:
    return await client.post("/api/v1/bundles", content=raw, headers={"content-type": "application/octet-stream"})


async def test_a_signed_bundle_is_uploaded_and_published(
    country: Country, fleet: Fleet, keys: Path, operator: httpx.AsyncClient
) -> None:
    signed = keys.parent / "signed.tar"
    a_bundle(keys, fleet, "1.1.0", "--out", str(signed))
    answer = await upload(operator, signed.read_bytes())
    assert answer.status_code == 201, answer.text
    assert ("v1/dn/all/look", b'{"v":1}') in country.carried.sent
    assert [bundle["version"] for bundle in (await operator.get("/api/v1/bundles")).json()] == ["1.1.0"]
    again = await upload(operator, signed.read_bytes())
    assert again.json()["code"] == "METADATA_VERSION"


async def test_bundles_that_are_not_published(fleet: Fleet, keys: Path, operator: httpx.AsyncClient) -> None:
    signed = keys.parent / "signed.tar"
    unsigned = a_bundle(keys, fleet, "1.1.0", "--out", str(signed))
    found = bundle.read(unsigned)
    catalog_keys = [key_files.tuf_signer(key_files.load(keys / f"catalog-{number}.pem")) for number in (1, 2)]
    role = trust_root.build_role(2, found.files, catalog_keys, fleet.clock.now_ms())
    wrong = bundle.pack(replace(found, metadata=trust_root.encode(role)))
    raw = signed.read_bytes()
    flipped = raw.replace(b"an image 1.1.0", b"an image 1.1.9")
    for given, code in (
        (b"", "BUNDLE_FILE"),
        (b"no tar file", "BUNDLE_FILE"),
        (raw[:3000], "BUNDLE_FILE"),
        (unsigned.read_bytes(), "BUNDLE_FILE"),
        (wrong, "UPDATE_UNTRUSTED"),
        (flipped, "UPDATE_DIGEST"),
    ):
        assert (await upload(operator, given)).json()["code"] in (code, "FIELDS_INVALID")
    assert (await operator.get("/api/v1/bundles")).json() == []
