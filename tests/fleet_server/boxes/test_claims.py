"""Claims (SPEC 14.3): once, for one box and venue, the same answer to the same key, raced safely."""

import base64
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey
from device.protocol.errors import ProtocolError
from fleet_server import boxes
from fleet_server.boxes import claims
from fleet_server.boxes.nonces import NONCE_FOR_S, is_fresh, new_nonce
from fleet_server.boxes.vouchers import VOUCHER_FOR_MS
from fleet_server.clock import Clock
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.people.clients import People
from tests.fleet_server.venues.builders import a_venue


@pytest.fixture
def box() -> FactoryBox:
    return FactoryBox("KTV-0001", a_factory())


async def a_voucher(people: People, box: FactoryBox, licence: str = "1") -> dict[str, object]:
    operator = people.client(f"op{licence}", ("operator", "000000"))
    venue = (await operator.post("/api/v1/venues", json=a_venue(licence=licence))).json()["venue"]
    assert (await operator.post("/api/v1/boxes", json=box.registration)).status_code == 201
    answer = await operator.post("/api/v1/vouchers", json={"box": box.box, "venue": venue})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def claim(people: People, raw: bytes) -> httpx.Response:
    return await people.box().post("/enrol/v1/claims", content=raw, headers={"content-type": "application/json"})


async def nonce(people: People, box: FactoryBox) -> str:
    return str((await people.box().post("/enrol/v1/nonce", json={"box": box.box})).json()["nonce"])


@pytest.fixture(autouse=True)
def a_broker_port(fleet: Fleet) -> None:
    (fleet.data / "ports.json").write_text('{"mqtt": 8883}')


async def test_14_3_a_claim_gives_a_certificate_of_our_making(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    answer = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert answer.status_code == 200, answer.text
    certificate = x509.load_der_x509_certificate(base64.b64decode(answer.json()["certificate"]))
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == box.box
    # The request asked to be a CA.
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts.days == 400  # 398, and two that are past
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(base64.b64decode(answer.json()["ca"])))
    with people.fleet.database.reading() as connection:
        found = boxes.find(connection, box.box)
        assert found is not None
        assert (found.status, found.venue, found.region) == ("active", voucher["venue"], "310101")
        assert boxes.key_of(connection, box.box) == box.venue_key.key


async def test_14_3_the_same_claim_again_gets_the_same_answer(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    first = await claim(people, box.claim(voucher, await nonce(people, box)))
    again = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert first.json() == again.json()
    box.venue_key = SigningKey.generate()
    other = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert (other.status_code, other.json()["code"]) == (409, "VOUCHER_USED")


async def test_14_3_of_a_hundred_racers_one_wins(people: People, box: FactoryBox, fleet: Fleet) -> None:
    voucher = await a_voucher(people, box)
    challenge = await nonce(people, box)
    racers = []
    for _ in range(100):
        box.venue_key = SigningKey.generate()
        racers.append(box.claim(voucher, challenge))

    def race(raw: bytes) -> str:
        try:
            claims.accept(fleet, raw, "", "")
        except ProblemError as error:
            return error.code
        return "won"

    with ThreadPoolExecutor(32) as threads:
        outcomes = list(threads.map(race, racers))
    assert sorted(outcomes) == ["VOUCHER_USED"] * 99 + ["won"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("voucher", "V-0000000000000000", "VOUCHER_UNKNOWN"),
        ("proof", "0" * 64, "VOUCHER_PROOF"),
        ("nonce", "0" * 32, "CLAIM_NONCE"),
        ("csr", base64.b64encode(b"not DER").decode(), "CSR_MALFORMED"),
        ("csr", base64.b64encode(b"\x00" * 5000).decode(), "CSR_MALFORMED"),
        ("venue", "J0150010300176E", "VOUCHER_PROOF"),
        ("box", "KTV-9999", "BOX_UNKNOWN"),
    ],
)
async def test_14_3_one_changed_field_is_refused_by_its_code(
    people: People, box: FactoryBox, field: str, value: str, code: str
) -> None:
    voucher = await a_voucher(people, box)
    answer = await claim(people, box.claim(voucher, await nonce(people, box), **{field: value}))
    assert answer.json()["code"] == code
    with people.fleet.database.reading() as connection:
        found = boxes.find(connection, box.box)
    assert found is not None
    assert found.status == "registered"


def a_request(key: CertificateIssuerPrivateKeyTypes, name: str = "KTV-0001") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def with_a_bit_changed_in_its_signature(request: bytes) -> bytes:
    return request[:-1] + bytes([request[-1] ^ 1])


P256 = SigningKey.generate().private
REQUESTS = {
    "RSA": a_request(rsa.generate_private_key(65537, 2048)),
    "another curve": a_request(ec.generate_private_key(ec.SECP384R1())),
    "trailing garbage": a_request(P256) + b"\x00",
    "no proof of possession": with_a_bit_changed_in_its_signature(a_request(P256)),
    "cut short": a_request(P256)[:-5],
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_14_3_a_request_that_is_not_sound_is_refused(people: People, box: FactoryBox, name: str) -> None:
    voucher = await a_voucher(people, box)
    answer = await claim(people, box.claim(voucher, await nonce(people, box), REQUESTS[name]))
    assert (answer.status_code, answer.json()["code"]) == (422, "CSR_MALFORMED")


@pytest.mark.parametrize("name", ["KTV-9999", "*.example", "KTV-0001\x00.example", "极"])
async def test_14_3_a_foreign_name_in_the_request_is_ignored(people: People, box: FactoryBox, name: str) -> None:
    voucher = await a_voucher(people, box)
    request = a_request(box.venue_key.private, name)
    answer = await claim(people, box.claim(voucher, await nonce(people, box), request))
    certificate = x509.load_der_x509_certificate(base64.b64decode(answer.json()["certificate"]))
    assert [attribute.value for attribute in certificate.subject] == [box.box]
    assert not [one for one in certificate.extensions if isinstance(one.value, x509.SubjectAlternativeName)]


async def test_14_3_the_key_from_the_factory_is_certified_at_the_venue(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    request = box.csr(box.factory_key)
    answer = await claim(people, box.claim(voucher, await nonce(people, box), request))
    assert answer.status_code == 200


async def test_14_3_a_stranger_who_stole_the_voucher_cannot_claim(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    box.factory_key = SigningKey.generate()
    answer = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert answer.json()["code"] == "SIGNER_UNKNOWN"


async def test_14_2_a_voucher_expires(people: People, box: FactoryBox, fleet: Fleet) -> None:
    voucher = await a_voucher(people, box)
    object.__setattr__(fleet, "clock", Clock(VOUCHER_FOR_MS + 60_000))
    answer = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert (answer.status_code, answer.json()["code"]) == (410, "VOUCHER_EXPIRED")


async def test_14_2_a_new_voucher_withdraws_the_one_before(people: People, box: FactoryBox) -> None:
    old = await a_voucher(people, box, "1")
    await a_voucher(people, box, "2")
    answer = await claim(people, box.claim(old, await nonce(people, box)))
    assert answer.json()["code"] == "VOUCHER_EXPIRED"


async def test_a_nonce_is_for_one_box_and_ten_minutes(fleet: Fleet) -> None:
    made = new_nonce(fleet.keys, "KTV-0001", 1_000_000)
    assert is_fresh(fleet.keys, "KTV-0001", made, 1_000_000 + NONCE_FOR_S * 1000)
    assert not is_fresh(fleet.keys, "KTV-0001", made, 1_001_000 + NONCE_FOR_S * 1000)
    assert not is_fresh(fleet.keys, "KTV-0002", made, 1_000_000)


async def test_a_revoked_box_cannot_claim(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    operator = people.client("op", ("operator", "000000"))
    body = {"status": "revoked", "reason": "stolen"}
    assert (await operator.put(f"/api/v1/boxes/{box.box}/status", json=body)).status_code == 200
    answer = await claim(people, box.claim(voucher, await nonce(people, box)))
    assert (answer.status_code, answer.json()["code"]) == (403, "BOX_REVOKED")


async def test_a_venue_has_one_box_until_that_is_revoked(people: People, box: FactoryBox) -> None:
    voucher = await a_voucher(people, box)
    await claim(people, box.claim(voucher, await nonce(people, box)))
    operator = people.client("op", ("operator", "000000"))
    second = FactoryBox("KTV-0002", a_factory())
    await operator.post("/api/v1/boxes", json=second.registration)
    wanted = {"box": second.box, "venue": voucher["venue"]}
    assert (await operator.post("/api/v1/vouchers", json=wanted)).json()["code"] == "VENUE_TAKEN"
    await operator.put(f"/api/v1/boxes/{box.box}/status", json={"status": "revoked", "reason": "broken"})
    assert (await operator.post("/api/v1/vouchers", json=wanted)).status_code == 201


async def test_registering_is_idempotent_and_refuses_a_second_identity(people: People, box: FactoryBox) -> None:
    operator = people.client("op", ("operator", "000000"))
    for _ in range(2):
        assert (await operator.post("/api/v1/boxes", json=box.registration)).status_code == 201
    twin = FactoryBox(box.box, a_factory())
    answer = await operator.post("/api/v1/boxes", json=twin.registration)
    assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_ENROLLED")


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"payload":"' + b"A" * 70_000 + b'"}'])
async def test_bytes_that_are_no_claim_are_refused(people: People, raw: bytes) -> None:
    answer = await claim(people, raw)
    assert 400 <= answer.status_code < 500
    assert answer.json()["message_zh"]


def test_a_claim_of_another_type_is_refused(fleet: Fleet, box: FactoryBox) -> None:
    with pytest.raises(ProtocolError):
        claims.accept(fleet, b'{"payload":"e30=","payloadType":"x","signatures":[{"keyid":"","sig":""}]}', "", "")
