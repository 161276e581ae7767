"""X.509 on the box: its signing request, and what its certificates say (SPEC 14)."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey, key_of_public
from device.protocol.keys import Key

# What `cryptography` raises over bytes that are no certificate or request, at once or when a part is first asked for.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


class CertificateError(Exception):
    """Not a certificate of a P-256 key with one common name."""


def signing_request(box: str, key: SigningKey) -> bytes:
    """PKCS#10, DER, CN = box id."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key.private, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def subject_of(certificate: bytes) -> tuple[str, Key]:
    """Common name and key of a DER certificate. Raises CertificateError."""
    found = _parsed(certificate)
    try:
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        public = found.public_key()
        if len(names) != 1 or not isinstance(public, ec.EllipticCurvePublicKey):
            raise CertificateError("one common name and a P-256 key are wanted")
        return str(names[0].value), key_of_public(public)
    except UNREADABLE as error:
        raise CertificateError(str(error)) from error


def ends_at_ms(certificate: bytes) -> int:
    """When a DER certificate ends, Unix milliseconds. Raises CertificateError."""
    return int(_parsed(certificate).not_valid_after_utc.timestamp()) * 1000


def is_issued_by(certificate: bytes, authority: bytes) -> bool:
    """Whether the authority has signed it; both in DER. Raises CertificateError."""
    found, issuer = _parsed(certificate), _parsed(authority)
    try:
        found.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def pem_of(certificate: bytes) -> bytes:
    """DER into PEM. Raises CertificateError."""
    return _parsed(certificate).public_bytes(Encoding.PEM)


def der_of(pem: bytes) -> bytes:
    """PEM into DER. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    except UNREADABLE as error:
        raise CertificateError(str(error)) from error


def _parsed(certificate: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(certificate)
    except UNREADABLE as error:
        raise CertificateError(str(error)) from error
