"""Factory step and claim against a fleet over real TLS; the disk is real, and cut where it hurts."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509

from device.core.events import Claimed
from device.drivers.folder import Folder
from device.ports import DriverError
from device.protocol.enrolment import Voucher
from device.protocol.errors import MalformedError, ProtocolError
from device.services import registrar
from device.services.enrolment import Enrolment
from device.services.identity import Identity
from device.services.registrar import EnrolmentError
from tests import builders
from tests.device.services.enrolment_fleet import SECRET, EnrolmentFleet, base64_of, enrolment_fleet
from tests.fleet_server.pki import FleetPki


class BoardSecret:
    def read(self) -> bytes:
        return b"s" * 32


class Applicant:
    """The box's side, on a disk that stays when it is started again."""

    def __init__(self, path: Path, fleet: EnrolmentFleet) -> None:
        self.path = path
        self.fleet = fleet
        self.roots: list[bytes] = []
        self.labels: list[str] = []
        self.events: list[Claimed] = []
        self.counter = 0
        self.start()

    def start(self) -> None:
        self.identity = Identity(Folder(self.path / "identity"), BoardSecret(), lambda: self.counter)
        self.enrolment = Enrolment(self.identity, self.roots.append, self.labels.append, lambda: None, self._claimed)

    async def _claimed(self, event: Claimed) -> None:
        self.events.append(event)

    async def factory(self) -> dict[str, Any]:
        answer = await self.enrolment.factory_csr({"box": builders.BOX})
        csr = x509.load_der_x509_csr(base64.b64decode(answer["csr"]))
        body = {
            "certificate": self.fleet.certificate_of(csr),
            "factory_ca": base64_of(self.fleet.pki.ca.certificate),
            "root": base64.b64encode(b"root").decode(),
            "fleet_url": self.fleet.url,
            "fleet_ca": base64_of(self.fleet.pki.ca.certificate),
            "label_code": "LABEL-01",
        }
        await self.enrolment.factory_identity(body)
        return body

    async def claim(self, venue: str = builders.VENUE) -> dict[str, Any]:
        voucher = Voucher(voucher="V-0001", box=builders.BOX, venue=venue, secret=SECRET, not_after_ms=builders.NOON_MS)
        return await self.enrolment.claim(json.loads(voucher.encode()))


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[EnrolmentFleet]:
    async with enrolment_fleet(tmp_path) as fleet:
        yield fleet


@pytest.fixture
def box(tmp_path: Path, fleet: EnrolmentFleet) -> Applicant:
    return Applicant(tmp_path, fleet)


async def test_14_1_the_key_is_born_once_and_never_lies_open_on_disk(box: Applicant) -> None:
    first = await box.enrolment.factory_csr({"box": builders.BOX})
    box.start()
    again = await box.enrolment.factory_csr({"box": builders.BOX})
    keys = [x509.load_der_x509_csr(base64.b64decode(answer["csr"])).public_key() for answer in (first, again)]
    assert keys[0] == keys[1]
    files = b"".join(path.read_bytes() for path in (box.path / "identity").iterdir())
    assert b"PRIVATE KEY" not in files


@pytest.mark.parametrize(
    "url", ["http://fleet:8443", "https://", "https://fleet:99999", "https://[fleet:1", "https://:8443"]
)
async def test_14_1_what_is_no_address_of_a_fleet_is_not_kept(box: Applicant, url: str) -> None:
    sound = await Applicant(box.path / "another", box.fleet).factory()
    await box.enrolment.factory_csr({"box": builders.BOX})
    with pytest.raises(MalformedError, match=r"body\.fleet_url"):
        await box.enrolment.factory_identity(sound | {"fleet_url": url})
    assert (box.roots, box.identity.is_enrolled) == ([], False)


@pytest.mark.parametrize("name", ["certificate", "factory_ca", "fleet_ca"])
async def test_14_1_what_is_no_certificate_is_named_and_nothing_is_kept(box: Applicant, name: str) -> None:
    sound = await Applicant(box.path / "another", box.fleet).factory()
    await box.enrolment.factory_csr({"box": builders.BOX})
    with pytest.raises(MalformedError, match=f"body.{name}"):
        await box.enrolment.factory_identity(sound | {name: "AAAA"})
    assert (box.roots, box.labels, box.identity.is_enrolled) == ([], [], False)


async def test_14_1_a_second_identity_is_refused_and_the_same_one_is_not(box: Applicant) -> None:
    body = await box.factory()
    assert (box.roots, box.labels) == ([b"root"], ["LABEL-01"])
    assert await box.enrolment.factory_identity(body) == {"box": builders.BOX}
    other = dict(body, certificate=base64_of(box.fleet.pki.server.certificate))
    for refused in (box.enrolment.factory_identity(other), box.enrolment.factory_csr({"box": builders.BOX})):
        with pytest.raises(EnrolmentError, match="ALREADY_ENROLLED"):
            await refused


async def test_a_certificate_for_another_key_is_refused(box: Applicant) -> None:
    await box.enrolment.factory_csr({"box": builders.BOX})
    certificate = base64_of(box.fleet.pki.box(builders.BOX).certificate)
    ca = base64_of(box.fleet.pki.ca.certificate)
    body = {
        "certificate": certificate,
        "factory_ca": ca,
        "root": "cm9vdA==",
        "fleet_url": box.fleet.url,
        "fleet_ca": ca,
        "label_code": "LABEL-01",
    }
    with pytest.raises(EnrolmentError, match="BOX_UNKNOWN"):
        await box.enrolment.factory_identity(body)
    with pytest.raises(ProtocolError, match="fleet_url"):
        await box.enrolment.factory_identity(dict(body, fleet_url="http://127.0.0.1"))
    assert not box.identity.is_enrolled


async def test_14_3_a_claim_is_signed_proven_and_kept(box: Applicant) -> None:
    await box.factory()
    answer = await box.claim()
    box.start()
    assert answer == {"box": builders.BOX, "venue": builders.VENUE, "region": builders.REGION}
    assert box.events == [Claimed(venue=builders.VENUE, region=builders.REGION)]
    assert box.identity.is_claimed
    assert box.identity.fleet_tls().minimum_version == ssl.TLSVersion.TLSv1_3
    assert box.fleet.claims[0].voucher == "V-0001"


async def test_a_claimed_box_answers_the_same_venue_and_refuses_another(box: Applicant) -> None:
    await box.factory()
    first = await box.claim()
    assert await box.claim() == first
    assert len(box.fleet.claims) == 1
    with pytest.raises(EnrolmentError, match="ALREADY_CLAIMED"):
        await box.claim(builders.OTHER_VENUE)


async def test_14_3_an_answer_for_another_venue_is_not_kept(box: Applicant, monkeypatch: pytest.MonkeyPatch) -> None:
    await box.factory()
    answered = box.enrolment._registrar.answer

    async def elsewhere(path: str, make: Callable[[str], bytes]) -> Mapping[str, Any]:
        return {**await answered(path, make), "venue": builders.OTHER_VENUE}

    with monkeypatch.context() as moved:
        moved.setattr(box.enrolment._registrar, "answer", elsewhere)
        with pytest.raises(EnrolmentError, match="VENUE_UNKNOWN"):
            await box.claim()
    assert (box.events, box.identity.is_claimed) == ([], False)
    assert (await box.claim())["venue"] == builders.VENUE


async def test_a_refusal_of_the_fleet_comes_through_and_leaves_no_trace(box: Applicant) -> None:
    await box.factory()
    box.fleet.refuses = "VOUCHER_USED"
    with pytest.raises(EnrolmentError, match="VOUCHER_USED"):
        await box.claim()
    box.start()
    assert not box.identity.is_claimed
    box.fleet.refuses = ""
    assert (await box.claim())["venue"] == builders.VENUE


async def test_before_the_factory_there_is_nothing_to_claim(box: Applicant) -> None:
    with pytest.raises(EnrolmentError, match="NOT_ENROLLED"):
        await box.claim()


async def test_a_fleet_of_another_ca_is_not_spoken_to(box: Applicant, tmp_path: Path) -> None:
    await box.factory()
    (tmp_path / "other").mkdir()
    other = FleetPki(tmp_path / "other", "another CA")
    (box.path / "identity" / "enrol-ca.pem").write_bytes(other.ca.certificate.read_bytes())
    with pytest.raises(EnrolmentError, match="FLEET_UNREACHABLE"):
        await box.claim()
    assert box.fleet.claims == []


async def test_a_key_sealed_to_another_board_is_said(box: Applicant) -> None:
    await box.factory()
    (box.path / "identity" / "box.key.sealed").write_bytes(b"FBSEAL1\n" + bytes(100))
    box.start()
    with pytest.raises(DriverError, match="IDENTITY_DAMAGED"):
        box.identity.load()
    with pytest.raises(EnrolmentError, match="ALREADY_ENROLLED"):
        await box.enrolment.factory_csr({"box": builders.BOX})


async def test_an_answer_that_comes_in_parts_is_one_answer() -> None:
    """As on the poor lines where a claim matters most."""
    body = b'{"nonce":"' + b"a" * 3_000 + b'"}'

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for at in range(0, len(body), 100):
            await response.write(body[at : at + 100])
            for _ in range(20):
                await asyncio.sleep(0)
        return response

    application = web.Application()
    application.router.add_post("/", answer)
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        assert await registrar._post(session, str(server.make_url("/")), b"{}") == {"nonce": "a" * 3_000}
