"""Claims: how a box comes to stand in a venue (SPEC 14.3).

Rules, in this sequence:

1. The envelope is of type `claim`, signed by the factory key that is registered for the box, and `idevid` is the
   registered certificate: BOX_UNKNOWN, SIGNATURE_INVALID.
2. The nonce is ours and fresh: CLAIM_NONCE. The request is sound: CSR_MALFORMED.
3. The box is not revoked; the voucher exists, is for this box and venue, and the proof holds: VOUCHER_UNKNOWN,
   VOUCHER_PROOF.
4. A used voucher answers the same key again with the same certificate, any other and any other box that knows its
   secret with VOUCHER_USED.
5. It has not expired nor been withdrawn: VOUCHER_EXPIRED; the venue has no other box: VENUE_TAKEN; the key is of no
   other box: CSR_MALFORMED. (A box has one key, born at the factory and certified anew at its venue.)

Rules 3 to 5 and the change are one transaction that holds the write lock: of any number of racers one wins.
"""

import binascii
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Row, select, update

from device.crypto.p256 import key_of_public, verify
from device.protocol.enrolment import Claim, claim_proof
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.keys import Key
from fleet_server import audit, venues
from fleet_server.boxes import store
from fleet_server.boxes.certificates import record_certificate
from fleet_server.boxes.model import box_certificates, boxes, vouchers
from fleet_server.boxes.nonces import is_fresh
from fleet_server.boxes.status import Status
from fleet_server.boxes.vouchers import open_secret
from fleet_server.certificates import Authority, issue_box_certificate, load_authority, requested_key
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the box is told."""

    box: str
    certificate: x509.Certificate
    authority: x509.Certificate
    venue: str
    region: str


def accept(fleet: Fleet, raw: bytes, ip: str, request_id: str) -> Claimed:
    """Raises ProblemError, ProtocolError."""
    now_ms = fleet.clock.now_ms()
    envelope = parse_envelope(raw, "claim")
    claim = Claim.decode(envelope.payload)
    with fleet.database.reading() as connection:
        factory_key = _factory_key(connection, claim)
    require_signature(envelope, [factory_key], verify)
    if not is_fresh(fleet.keys, claim.box, claim.nonce, now_ms):
        raise ProblemError("CLAIM_NONCE")
    csr = from_base64(claim.csr, "CSR_MALFORMED")
    key = requested_key(csr)
    authority = load_authority(fleet.keys / "fleet-ca.pem", fleet.keys / "fleet-ca.key")
    with fleet.database.writing() as connection:
        voucher = _voucher(connection, fleet, claim, csr)
        region = venues.region_of(connection, claim.venue)
        if region is None:
            raise ProblemError("VENUE_UNKNOWN", claim.venue)
        if voucher.used_at_ms is not None:
            certificate = _same_answer(connection, voucher, key)
            return Claimed(claim.box, certificate, authority.certificate, claim.venue, region)
        _require_usable(connection, voucher, now_ms)
        _require_own_key(connection, claim.box, key_of_public(key).keyid)
        certificate = _issue(connection, claim, key, authority, region, now_ms)
        audit.record(
            connection,
            at_ms=now_ms,
            actor=f"box:{claim.box}",
            action="box.claim",
            region=region,
            subject=f"box:{claim.box}",
            after={"venue": claim.venue, "voucher": claim.voucher, "serial": f"{certificate.serial_number:x}"},
            ip=ip,
            request_id=request_id,
        )
    fleet.live.publish("box", region, claim.box)
    return Claimed(claim.box, certificate, authority.certificate, claim.venue, region)


def _factory_key(connection: Connection, claim: Claim) -> Key:
    idevid = connection.scalar(select(boxes.c.idevid).where(boxes.c.box == claim.box))
    if idevid is None or idevid != from_base64(claim.idevid, "BOX_UNKNOWN"):
        raise ProblemError("BOX_UNKNOWN")
    public = x509.load_der_x509_certificate(idevid).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return key_of_public(public)


def _voucher(connection: Connection, fleet: Fleet, claim: Claim, csr: bytes) -> Row[Any]:
    box = store.find(connection, claim.box)
    if box is None or box.status is Status.REVOKED:
        raise ProblemError("BOX_REVOKED")
    voucher = connection.execute(select(vouchers).where(vouchers.c.voucher == claim.voucher)).one_or_none()
    if voucher is None:
        raise ProblemError("VOUCHER_UNKNOWN")
    secret = open_secret(fleet.keys, voucher.voucher, voucher.sealed_secret)
    proof = claim_proof(secret, claim.nonce, csr, claim.box, claim.venue)
    if not hmac.compare_digest(proof, claim.proof):
        raise ProblemError("VOUCHER_PROOF")
    if (voucher.box, voucher.venue) != (claim.box, claim.venue):
        raise ProblemError("VOUCHER_PROOF" if voucher.used_at_ms is None else "VOUCHER_USED")
    return voucher


def _same_answer(connection: Connection, voucher: Row[Any], key: ec.EllipticCurvePublicKey) -> x509.Certificate:
    issued = connection.execute(select(box_certificates).where(box_certificates.c.serial == voucher.serial)).one()
    if issued.keyid != key_of_public(key).keyid:
        raise ProblemError("VOUCHER_USED")
    return x509.load_der_x509_certificate(issued.certificate)


def _require_usable(connection: Connection, voucher: Row[Any], now_ms: int) -> None:
    if voucher.is_withdrawn or now_ms > voucher.not_after_ms:
        raise ProblemError("VOUCHER_EXPIRED")
    if store.find_at_venue(connection, voucher.venue) is not None:
        raise ProblemError("VENUE_TAKEN")


def _require_own_key(connection: Connection, box: str, keyid: str) -> None:
    factory = select(boxes.c.box).where(boxes.c.idevid_keyid == keyid, boxes.c.box != box)
    issued = select(box_certificates.c.box).where(box_certificates.c.keyid == keyid, box_certificates.c.box != box)
    if connection.execute(factory.union_all(issued)).first() is not None:
        raise ProblemError("CSR_MALFORMED", "the key is another box's")


def _issue(
    connection: Connection,
    claim: Claim,
    key: ec.EllipticCurvePublicKey,
    authority: Authority,
    region: str,
    now_ms: int,
) -> x509.Certificate:
    certificate = issue_box_certificate(authority, claim.box, key, now_ms)
    serial = record_certificate(connection, claim.box, certificate, now_ms)
    place = {"status": Status.ACTIVE.value, "venue": claim.venue, "region": region, "claimed_at_ms": now_ms}
    connection.execute(update(boxes).where(boxes.c.box == claim.box).values(place))
    used = {"used_at_ms": now_ms, "serial": serial}
    connection.execute(update(vouchers).where(vouchers.c.voucher == claim.voucher).values(used))
    return certificate


def from_base64(text: str, code: str) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except ValueError as error:
        raise ProblemError(code, "not base64") from error
