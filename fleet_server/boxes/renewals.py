"""Renewals: how a box gets its next venue certificate (SPEC 14.4).

Rules, in this sequence:

1. The box is registered and active: BOX_UNKNOWN, BOX_REVOKED. The certificate that it shows was issued
   to it and has not expired, or it is the factory's and all that were issued have: CERTIFICATE_EXPIRED. (Not only the
   newest: the answer with that one may have been lost.)
2. The envelope is signed with the key of that certificate; the nonce is ours and fresh: CLAIM_NONCE.
3. The request is sound and for the key that the box has: CSR_MALFORMED. A new key is a new box, for people to claim.
4. Within RENEW_AGAIN_MS of an issue the answer is the same certificate: a box whose power went may ask again, and a box
   gone mad fills no table.
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, select

from device.crypto.p256 import key_of_public, verify
from device.protocol.enrolment import Renewal
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.keys import Key
from fleet_server import audit, venues
from fleet_server.boxes import store
from fleet_server.boxes.certificates import certificate_of, record_certificate
from fleet_server.boxes.claims import Claimed, from_base64
from fleet_server.boxes.model import box_certificates, boxes
from fleet_server.boxes.nonces import is_fresh
from fleet_server.boxes.status import Status
from fleet_server.certificates import BACKDATED_FOR, issue_box_certificate, load_authority, requested_key
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError

RENEW_AGAIN_MS = 24 * 3600 * 1000


def accept(fleet: Fleet, raw: bytes, ip: str, request_id: str) -> Claimed:
    """Raises ProblemError, ProtocolError."""
    now_ms = fleet.clock.now_ms()
    envelope = parse_envelope(raw, "renewal")
    renewal = Renewal.decode(envelope.payload)
    with fleet.database.reading() as connection:
        require_signature(envelope, [_proving_key(connection, renewal, now_ms)], verify)
    if not is_fresh(fleet.keys, renewal.box, renewal.nonce, now_ms):
        raise ProblemError("CLAIM_NONCE")
    key = requested_key(from_base64(renewal.csr, "CSR_MALFORMED"))
    authority = load_authority(fleet.keys / "fleet-ca.pem", fleet.keys / "fleet-ca.key")
    with fleet.database.writing() as connection:
        box = _active(connection, renewal.box)
        assert box.venue is not None
        region = venues.region_of(connection, box.venue) or box.region
        newest = certificate_of(connection, renewal.box)
        assert newest is not None
        if _key(newest).keyid != key_of_public(key).keyid:
            raise ProblemError("CSR_MALFORMED", "a renewal keeps the key")
        if now_ms - _issued_at_ms(newest) < RENEW_AGAIN_MS:
            return Claimed(renewal.box, newest, authority.certificate, box.venue, region)
        certificate = issue_box_certificate(authority, renewal.box, key, now_ms)
        record_certificate(connection, renewal.box, certificate, now_ms)
        audit.record(
            connection,
            at_ms=now_ms,
            actor=f"box:{renewal.box}",
            action="box.renew",
            region=region,
            subject=f"box:{renewal.box}",
            before={"serial": f"{newest.serial_number:x}"},
            after={"serial": f"{certificate.serial_number:x}"},
            ip=ip,
            request_id=request_id,
        )
    fleet.live.publish("box", region, renewal.box)
    return Claimed(renewal.box, certificate, authority.certificate, box.venue, region)


def _proving_key(connection: Connection, renewal: Renewal, now_ms: int) -> Key:
    """Rule 1."""
    _active(connection, renewal.box)
    shown = from_base64(renewal.certificate, "BOX_UNKNOWN")
    issued = box_certificates.c
    good = (issued.box == renewal.box, issued.not_after_ms > now_ms)
    valid = connection.scalars(select(issued.certificate).where(*good)).all()
    idevid = connection.scalar(select(boxes.c.idevid).where(boxes.c.box == renewal.box))
    if shown in valid or (shown == idevid and not valid):
        return _key(x509.load_der_x509_certificate(shown))
    raise ProblemError("CERTIFICATE_EXPIRED")


def _active(connection: Connection, box: str) -> store.Box:
    found = store.find(connection, box)
    if found is None:
        raise ProblemError("BOX_UNKNOWN")
    if found.status is not Status.ACTIVE:
        raise ProblemError("BOX_REVOKED")
    return found


def _key(certificate: x509.Certificate) -> Key:
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return key_of_public(public)


def _issued_at_ms(certificate: x509.Certificate) -> int:
    return int((certificate.not_valid_before_utc + BACKDATED_FOR).timestamp()) * 1000
