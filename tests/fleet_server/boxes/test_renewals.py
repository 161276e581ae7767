"""Renewals (SPEC 14.4): by a certificate that still proves the box, the same answer within a day, on record."""

import base64
import json

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.crypto.p256 import SigningKey
from device.protocol.enrolment import Renewal
from device.protocol.envelope import seal
from fleet_server import boxes
from fleet_server.boxes.renewals import RENEW_AGAIN_MS
from fleet_server.fleet import Fleet
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.boxes.test_claims import a_voucher, claim, nonce
from tests.fleet_server.people.clients import People

DAY_MS = 24 * 3600 * 1000


@pytest.fixture(autouse=True)
def a_broker_port(fleet: Fleet) -> None:
    (fleet.data / "ports.json").write_text('{"mqtt": 8883}')


class Tenant:
    """A claimed box, and the clock of the fleet."""

    def __init__(self, people: People, box: FactoryBox) -> None:
        self.people = people
        self.box = box
        self.issued: list[bytes] = []

    async def claimed(self) -> "Tenant":
        voucher = await a_voucher(self.people, self.box)
        self._took(await claim(self.people, self.box.claim(voucher, await nonce(self.people, self.box))))
        return self

    async def renew(self, certificate: bytes, key: SigningKey, **changes: str) -> httpx.Response:
        fields = {
            "box": self.box.box,
            "nonce": await nonce(self.people, self.box),
            "csr": base64.b64encode(self.box.csr(self.box.venue_key)).decode(),
            "certificate": base64.b64encode(certificate).decode(),
        }
        raw = seal("renewal", Renewal(**(fields | changes)).encode(), [key]).encode()
        headers = {"content-type": "application/json"}
        answer = await self.people.box().post("/enrol/v1/renewals", content=raw, headers=headers)
        if answer.status_code == 200:
            self._took(answer)
        return answer

    def wait(self, days: float) -> None:
        self.people.fleet.clock._offset_ms += int(days * DAY_MS)

    def _took(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.issued.append(base64.b64decode(answer.json()["certificate"]))


@pytest.fixture
async def tenant(people: People) -> Tenant:
    return await Tenant(people, FactoryBox("KTV-0001", a_factory())).claimed()


def refused(answer: httpx.Response) -> str:
    return "" if answer.status_code == 200 else str(answer.json()["code"])


async def test_14_4_a_year_on_the_box_gets_a_certificate_of_another_398_days(tenant: Tenant) -> None:
    box = tenant.box
    for _ in range(3):
        tenant.wait(300)
        assert refused(await tenant.renew(tenant.issued[-1], box.venue_key)) == ""
    last = x509.load_der_x509_certificate(tenant.issued[-1])
    assert (last.not_valid_after_utc - last.not_valid_before_utc).days == 400
    assert len(set(tenant.issued)) == 4
    with tenant.people.fleet.database.reading() as connection:
        newest = boxes.certificate_of(connection, box.box)
        assert newest is not None
        assert newest.public_bytes(Encoding.DER) == tenant.issued[-1]
        assert boxes.key_of(connection, box.box) == box.venue_key.key


async def test_14_4_within_a_day_the_answer_is_the_same(tenant: Tenant) -> None:
    tenant.wait(300)
    for _ in range(3):
        await tenant.renew(tenant.issued[0], tenant.box.venue_key)
    tenant.wait(RENEW_AGAIN_MS / DAY_MS + 0.1)
    await tenant.renew(tenant.issued[0], tenant.box.venue_key)  # the answers were lost: the old one still proves
    assert len(set(tenant.issued)) == 3


async def test_14_4_expired_only_the_factory_s_certificate_proves(tenant: Tenant) -> None:
    box = tenant.box
    assert refused(await tenant.renew(box.idevid, box.factory_key)) == "CERTIFICATE_EXPIRED"
    tenant.wait(399)
    assert refused(await tenant.renew(tenant.issued[0], box.venue_key)) == "CERTIFICATE_EXPIRED"
    assert refused(await tenant.renew(box.idevid, box.factory_key)) == ""


async def test_14_4_each_renewal_is_on_record(tenant: Tenant) -> None:
    tenant.wait(300)
    await tenant.renew(tenant.issued[0], tenant.box.venue_key)
    auditor = tenant.people.client("audit", ("auditor", "000000"))
    rows = [json.loads(row) for row in (await auditor.get("/api/v1/audit")).json()["rows"]]
    assert [row["actor"] for row in rows if row["action"] == "box.renew"] == ["box:KTV-0001"]


async def test_14_4_what_does_not_prove_the_box_is_refused(tenant: Tenant) -> None:
    box, good = tenant.box, tenant.issued[0]
    tenant.wait(300)
    assert refused(await tenant.renew(good, SigningKey.generate())) == "SIGNER_UNKNOWN"
    other = base64.b64encode(box.csr(SigningKey.generate())).decode()
    assert refused(await tenant.renew(good, box.venue_key, csr=other)) == "CSR_MALFORMED"
    assert refused(await tenant.renew(good, box.venue_key, nonce="0" * 32)) == "CLAIM_NONCE"
    assert refused(await tenant.renew(good, box.venue_key, box="KTV-9999")) == "BOX_UNKNOWN"
    operator = tenant.people.client("op2", ("operator", "000000"))
    body = {"status": "suspended", "reason": "lost"}
    assert (await operator.put(f"/api/v1/boxes/{box.box}/status", json=body)).status_code == 200
    assert refused(await tenant.renew(good, box.venue_key)) == "BOX_REVOKED"
