"""The venue certificate is renewed in time, by whatever still proves the box, and survives a cut at every step."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device.crypto import certificates
from device.drivers.folder import Folder
from device.protocol.limits import DAY_MS, RENEW_FROM_DAYS, RENEW_UNTIL_DAYS
from device.services import renewal
from device.services.broker_address import BrokerAddress
from device.services.identity import LDEVID
from device.services.identity_facts import FLEET, IDEVID
from device.services.registrar import base64_of
from device.services.renewal import REFUSALS_MANY, Renewal, due_at_ms
from tests import builders
from tests.device.services.enrolment_fleet import BROKER_PORT, NEXT_BROKER_PORT, EnrolmentFleet, enrolment_fleet
from tests.device.services.test_enrolment import Applicant
from tests.fleet_server.fake_box import eventually
from tests.fleet_server.pki import FleetPki


class Tenant:
    """A claimed box; time and the fleet's refusals are what a test says."""

    def __init__(self, box: Applicant) -> None:
        self.box = box
        self.now_ms: int | None = None
        self.refusals = 0
        self.faults: set[str] = set()
        self.lease: int | None = None
        self.start()

    def start(self) -> None:
        self.box.start()
        self.broker = BrokerAddress(lambda: self.box.identity.facts(FLEET), lambda: self.lease)

    @property
    def renewal(self) -> Renewal:
        return Renewal(self.box.identity, lambda: self.now_ms, self, self.faults, self.broker, lambda: 0.0)

    @property
    def certificate(self) -> bytes:
        return self.box.identity.certificate(LDEVID)

    def expired(self, name: str) -> None:
        self.box.fleet.expired.add(base64_of(self.box.identity.certificate(name)))


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[EnrolmentFleet]:
    async with enrolment_fleet(tmp_path) as fleet:
        yield fleet


@pytest.fixture
async def tenant(tmp_path: Path, fleet: EnrolmentFleet) -> Tenant:
    box = Applicant(tmp_path, fleet)
    await box.factory()
    await box.claim()
    return Tenant(box)


def test_14_4_boxes_of_one_week_are_due_over_ten_weeks(fleet: EnrolmentFleet) -> None:
    certificate = fleet.pki.ca.certificate.read_bytes()
    der = certificates.der_of(certificate)
    ends_ms = certificates.ends_at_ms(der)
    before_days = [(ends_ms - due_at_ms(f"KTV-{number:04}", der)) / DAY_MS for number in range(1_000)]
    assert min(before_days) >= RENEW_UNTIL_DAYS
    assert max(before_days) <= RENEW_FROM_DAYS
    weeks = [sum(first <= days < first + 7 for days in before_days) for first in range(60, 130, 7)]
    assert max(weeks) < 200


async def test_14_4_due_by_trusted_time_or_when_the_fleet_has_long_refused(tenant: Tenant) -> None:
    due_ms = due_at_ms(builders.BOX, tenant.certificate)
    assert not tenant.renewal.is_due()
    tenant.now_ms = due_ms - 1
    assert not tenant.renewal.is_due()
    tenant.now_ms = due_ms
    assert tenant.renewal.is_due()
    tenant.now_ms, tenant.refusals = None, REFUSALS_MANY
    assert tenant.renewal.is_due()


async def test_the_end_of_a_certificate_is_said_while_it_is_near(tenant: Tenant) -> None:
    ends_ms = certificates.ends_at_ms(tenant.certificate)
    for _ in range(3):
        tenant.now_ms = ends_ms - (renewal.WARN_DAYS - 1) * DAY_MS
        assert tenant.renewal.is_due()
        assert tenant.faults == {"CERTIFICATE_ENDS"}
        assert await tenant.renewal.renewed()
        assert tenant.faults == set()


async def test_14_4_a_renewal_is_signed_by_the_box_and_kept(tenant: Tenant) -> None:
    before = tenant.certificate
    assert await tenant.renewal.renewed()
    asked = tenant.box.fleet.renewals[0]
    assert (asked.box, asked.certificate) == (builders.BOX, base64_of(before))
    assert tenant.certificate != before
    tenant.box.start()
    facts = tenant.box.identity.facts(FLEET)
    assert facts["broker"] == {"host": "127.0.0.1", "port": NEXT_BROKER_PORT}
    assert facts["before"] == {"host": "127.0.0.1", "port": BROKER_PORT}
    tenant.box.identity.fleet_tls()


async def test_14_4_an_expired_certificate_gives_way_to_the_factory_s(tenant: Tenant) -> None:
    before = tenant.certificate
    tenant.expired(LDEVID)
    assert await tenant.renewal.renewed()
    shown = [asked.certificate for asked in tenant.box.fleet.renewals]
    assert shown == [base64_of(before), base64_of(tenant.box.identity.certificate(IDEVID))]


async def test_14_4_a_renewal_moves_no_box_and_brings_no_other_authority(
    tenant: Tenant, fleet: EnrolmentFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fleet server in foreign hands would answer: it has neither the authority nor an officer."""
    (tmp_path / "foreign").mkdir()
    sound, foreign = fleet.pki, FleetPki(tmp_path / "foreign", "another CA")
    before, facts = tenant.certificate, tenant.box.identity.facts(FLEET)
    fleet.pki = foreign
    assert not await tenant.renewal.renewed()
    fleet.pki = sound
    with monkeypatch.context() as moved:
        moved.setattr(builders, "VENUE", builders.OTHER_VENUE)
        assert not await tenant.renewal.renewed()
    assert (tenant.certificate, tenant.box.identity.facts(FLEET)) == (before, facts)
    with monkeypatch.context() as moved:
        moved.setattr(builders, "REGION", "540102")
        assert await tenant.renewal.renewed()
    assert tenant.box.identity.facts(FLEET)["region"] == facts["region"]


@pytest.mark.parametrize("code", ["BOX_REVOKED", "CLAIM_NONCE", "FLEET_UNREACHABLE"])
async def test_a_refusal_leaves_the_certificate_as_it_is(tenant: Tenant, code: str) -> None:
    before = tenant.certificate
    tenant.box.fleet.refuses = code
    assert not await tenant.renewal.renewed()
    assert tenant.certificate == before
    tenant.box.fleet.refuses = ""
    assert await tenant.renewal.renewed()


class CutFolder(Folder):
    """The power goes at the replacing of that number."""

    def __init__(self, path: Path, cut_at: int) -> None:
        super().__init__(path)
        self.left = cut_at
        self.cuts = 0

    def replace(self, name: str, data: bytes) -> None:
        if self.left == 0:
            self.cuts += 1
            raise OSError("no power")
        self.left -= 1
        super().replace(name, data)


@pytest.mark.parametrize("cut_at", range(3))
async def test_14_4_a_cut_at_any_step_leaves_a_box_that_speaks_tls_and_renews_again(
    tenant: Tenant, cut_at: int
) -> None:
    tenant.box.identity._files = CutFolder(tenant.box.path / "identity", cut_at)
    assert not await tenant.renewal.renewed()
    tenant.box.start()
    assert tenant.box.identity.is_claimed
    tenant.box.identity.fleet_tls()
    assert await tenant.renewal.renewed()


async def test_14_4_what_has_brought_leases_for_a_year_is_kept_beside_a_newer_one_after_any_start(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.001)
    assert await tenant.renewal.renewed()
    facts = tenant.box.identity.facts(FLEET)
    tenant.start()
    disk = tenant.box.identity._files = CutFolder(tenant.box.path / "identity", 0)
    running = asyncio.create_task(tenant.renewal.run())
    assert tenant.broker.next() == facts["broker"]
    tenant.lease = 1
    await eventually(lambda: disk.cuts > 1, "a look behind one that wrote nothing")
    assert tenant.box.identity.facts(FLEET) == facts
    disk.left = 2
    await eventually(lambda: "before" not in tenant.box.identity.facts(FLEET), "the proven one alone")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    tenant.box.identity.forget_before(facts["broker"])
    assert disk.left == 1
    tenant.start()
    assert tenant.broker.before({"host": "false", "port": 1}) == facts.pop("broker")
    assert tenant.box.identity.facts(FLEET).items() >= {"venue": facts["venue"], "region": facts["region"]}.items()


async def test_14_4_no_other_broker_s_lease_takes_the_one_before_from_the_card(tenant: Tenant) -> None:
    assert await tenant.renewal.renewed()
    facts = tenant.box.identity.facts(FLEET)
    tenant.box.identity.forget_before(facts["before"])
    assert tenant.box.identity.facts(FLEET) == facts


async def test_a_fleet_that_is_away_is_asked_again_until_it_answers(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(renewal, "AGAIN_S", 0.001)
    tenant.refusals = REFUSALS_MANY
    tenant.box.fleet.refuses = "FLEET_UNREACHABLE"
    running = asyncio.create_task(tenant.renewal.run())
    await eventually(lambda: len(tenant.box.fleet.renewals) > 3, "several attempts")
    before = tenant.certificate
    tenant.box.fleet.refuses = ""
    await eventually(lambda: tenant.certificate != before, "the new certificate")
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
