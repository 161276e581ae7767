"""Certificates of the factory: its CA and the IDevID of each box (SPEC 14.1, 802.1AR).

Rules: the issuer copies only the public key of a request; subject, dates and extensions are its own. A
request is one DER object, P-256, self-signed, for exactly the box on the label.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from device.crypto.certificates import UNREADABLE
from device.protocol.shape import is_box
from provisioning.errors import ProvisioningError

FACTORY_CA_FOR_DAYS = 20 * 365
IDEVID_FOR_DAYS = 20 * 365
CSR_BYTES_MAX = 4_096
BACKDATED_FOR = timedelta(days=2)  # no box whose clock is slow finds its certificate in the future


def make_factory_ca(key: ec.EllipticCurvePrivateKey, now_ms: int) -> x509.Certificate:
    """Self-signed, path length 0: it issues boxes and nothing else."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Frontbox Factory CA")])
    builder = _dated(now_ms, FACTORY_CA_FOR_DAYS).subject_name(name).issuer_name(name).public_key(key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def issue_idevid(
    csr_der: bytes, box: str, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now_ms: int
) -> x509.Certificate:
    """The factory certificate of a box; raises ProvisioningError `CSR_MALFORMED`."""
    public = require_csr(csr_der, box)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
    return (
        _dated(now_ms, IDEVID_FOR_DAYS)
        .subject_name(name)
        .issuer_name(ca.subject)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def require_csr(csr_der: bytes, box: str) -> ec.EllipticCurvePublicKey:
    """The public key of a sound request for this box; raises ProvisioningError `CSR_MALFORMED`."""
    if not is_box(box):
        raise ProvisioningError("CSR_MALFORMED", f"{box!r} is no box id (SPEC 4.3)")
    if len(csr_der) > CSR_BYTES_MAX:
        raise ProvisioningError("CSR_MALFORMED", f"{len(csr_der)} bytes, at most {CSR_BYTES_MAX}")
    try:
        csr = x509.load_der_x509_csr(csr_der)
        public = csr.public_key()
        names = [(attribute.oid, attribute.value) for attribute in csr.subject]
        proven = csr.is_signature_valid
    except UNREADABLE as error:
        raise ProvisioningError("CSR_MALFORMED", f"not a request in DER: {error}") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise ProvisioningError("CSR_MALFORMED", "the key must be P-256")
    if not proven:
        raise ProvisioningError("CSR_MALFORMED", "the request is not signed by its own key")
    if names != [(NameOID.COMMON_NAME, box)]:
        raise ProvisioningError("CSR_MALFORMED", f"the request must be for CN={box} and nothing else")
    return public


def _dated(now_ms: int, days: int) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED_FOR)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
