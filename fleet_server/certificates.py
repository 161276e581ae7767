"""The fleet's own certificate authority: certificates of boxes (LDevID) and of this server.

Rules (SPEC 14.3, security.md 3.8):

1. From a request only the public key is copied, and only if it is P-256 and the request is signed by it.
   Subject and extensions are built here; whatever else was asked for is ignored.
2. A box certificate says CN = box id, client authentication only, LDEVID_FOR days. A server certificate says
   the names it was made for, server authentication only. Neither can pass for the other or for a CA.
3. All begin BACKDATED_FOR before now: the clocks of boxes and benches differ from ours.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from device.crypto.certificates import UNREADABLE
from fleet_server.http_errors import ProblemError

LDEVID_FOR = datetime.timedelta(days=398)
SERVER_FOR = datetime.timedelta(days=398)
CA_FOR = datetime.timedelta(days=20 * 365)
BACKDATED_FOR = datetime.timedelta(days=2)
CSR_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_authority(name: str, now_ms: int) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), now_ms, CA_FOR)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(is_ca=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def load_authority(certificate: Path, key: Path) -> Authority:
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)


def requested_key(csr: bytes) -> ec.EllipticCurvePublicKey:
    """The public key of a DER request whose holder has proved to own it.

    Raises ProblemError CSR_MALFORMED.
    """
    if len(csr) > CSR_BYTES_MAX:
        raise ProblemError("CSR_MALFORMED", f"{len(csr)} bytes, at most {CSR_BYTES_MAX}")
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        is_proved = request.is_signature_valid
    except (*UNREADABLE, InvalidSignature) as error:
        raise ProblemError("CSR_MALFORMED", "not a PKCS#10 request in DER") from error
    if request.public_bytes(serialization.Encoding.DER) != csr:
        raise ProblemError("CSR_MALFORMED", "bytes beyond the request")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ProblemError("CSR_MALFORMED", "the key is not P-256")
    if not is_proved:
        raise ProblemError("CSR_MALFORMED", "not signed by its own key")
    return key


def issue_box_certificate(
    authority: Authority, box: str, key: ec.EllipticCurvePublicKey, now_ms: int
) -> x509.Certificate:
    """The venue certificate (LDevID) of a box (rules 1, 2)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
    builder = _leaf(authority, subject, key, now_ms, LDEVID_FOR, ExtendedKeyUsageOID.CLIENT_AUTH)
    return builder.sign(authority.key, hashes.SHA256())


def issue_server_certificate(
    authority: Authority, hosts: Sequence[str], key: ec.EllipticCurvePublicKey, now_ms: int
) -> x509.Certificate:
    """A certificate for these names and addresses."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    builder = _leaf(authority, subject, key, now_ms, SERVER_FOR, ExtendedKeyUsageOID.SERVER_AUTH)
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    return builder.add_extension(names, critical=False).sign(authority.key, hashes.SHA256())


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def spki(key: object) -> bytes:
    """DER SubjectPublicKeyInfo; its SHA-256 in hexadecimal is the key id (SPEC 3.1)."""
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _leaf(
    authority: Authority,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now_ms: int,
    lasts: datetime.timedelta,
    usage: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    issuer = authority.key.public_key()
    return (
        _builder(subject, authority.certificate.subject, key, now_ms, lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now_ms: int,
    lasts: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.fromtimestamp(now_ms // 1000, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED_FOR)
        .not_valid_after(now + lasts)
    )


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
