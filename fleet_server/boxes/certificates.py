"""Certificates of boxes: the factory's (IDevID), which is registered, and ours (LDevID), which is issued."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, insert, select

from device.crypto.certificates import UNREADABLE
from device.crypto.p256 import key_of_public
from device.protocol.errors import MalformedError
from device.protocol.keys import Key
from device.protocol.shape import BOX
from fleet_server.boxes.model import box_certificates
from fleet_server.certificates import der
from fleet_server.http_errors import ProblemError

IDEVID_BYTES_MAX = 4096


def read_idevid(raw: bytes, factory_authorities: list[x509.Certificate]) -> tuple[str, Key]:
    """Box id and key of a factory certificate (DER); with authorities known, it is of one of them.

    Raises ProblemError CERTIFICATE_MALFORMED.
    """
    try:
        certificate = x509.load_der_x509_certificate(raw[:IDEVID_BYTES_MAX])
        public = certificate.public_key()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        box = BOX(names[0].value if len(names) == 1 else "", "common name")
    except (*UNREADABLE, MalformedError) as error:
        raise ProblemError("CERTIFICATE_MALFORMED", "not a certificate whose common name is a box id") from error
    if der(certificate) != raw:
        raise ProblemError("CERTIFICATE_MALFORMED", "bytes beyond the certificate")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise ProblemError("CERTIFICATE_MALFORMED", "the key is not P-256")
    if factory_authorities and not any(_is_issued_by(certificate, authority) for authority in factory_authorities):
        raise ProblemError("CERTIFICATE_MALFORMED", "not issued by the factory CA of the authority policy")
    return box, key_of_public(public)


def key_of(connection: Connection, box: str) -> Key | None:
    """The key that signs for the box now: that of its newest certificate."""
    certificate = certificate_of(connection, box)
    if certificate is None:
        return None
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return key_of_public(public)


def certificate_of(connection: Connection, box: str) -> x509.Certificate | None:
    """The newest certificate that was issued to the box."""
    query = select(box_certificates.c.certificate).where(box_certificates.c.box == box)
    newest = box_certificates.c.issued_at_ms.desc()
    raw = connection.scalar(query.order_by(newest, box_certificates.c.not_after_ms.desc()).limit(1))
    return None if raw is None else x509.load_der_x509_certificate(raw)


def record_certificate(connection: Connection, box: str, certificate: x509.Certificate, now_ms: int) -> str:
    """Keep an issued certificate; returns its serial."""
    serial = f"{certificate.serial_number:x}"
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    connection.execute(
        insert(box_certificates).values(
            serial=serial,
            box=box,
            keyid=key_of_public(public).keyid,
            certificate=der(certificate),
            issued_at_ms=now_ms,
            not_after_ms=int(certificate.not_valid_after_utc.timestamp()) * 1000,
        )
    )
    return serial


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True
