"""Private files of the data directory: written once, whole, for the owner alone.

keys/: lease.pem, ack.pem, rollout.pem (service keys, SPEC 5.2), fleet-ca.{pem,key}, server.{pem,key},
vouchers.key (32 bytes that seal voucher secrets). Never root, policy, catalog, firmware or officers' keys.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleet_server import certificates

LOCAL_HOSTS = ("localhost", "127.0.0.1")
SERVICES = ("lease", "ack", "rollout")
# Long before the end: a server may stand still for months.
RENEW_BEFORE_MS = 200 * 24 * 3600 * 1000


def write_new(path: Path, content: bytes) -> bool:
    """Write a private file unless it exists; whole or not at all. Returns whether it was written."""
    if path.exists():
        return False
    _write(path, content)
    return True


def make_keys(keys: Path, now_ms: int) -> None:
    """Make what is missing; what exists is never replaced."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for service in SERVICES:
        write_new(keys / f"{service}.pem", _private_pem(ec.generate_private_key(ec.SECP256R1())))
    write_new(keys / "vouchers.key", secrets.token_bytes(32))
    if not (keys / "fleet-ca.pem").exists():
        authority = certificates.new_authority("Frontbox fleet CA", now_ms)
        _write(keys / "fleet-ca.key", _private_pem(authority.key))
        _write(keys / "fleet-ca.pem", certificates.pem(authority.certificate))


def make_server_certificate(keys: Path, hosts: Sequence[str], now_ms: int) -> bool:
    """Issue the server's certificate if there is none, a name is missing or it ends soon.

    It names `hosts`, what the one before named, and this machine to itself.
    """
    path = keys / "server.pem"
    wanted = {*hosts, *LOCAL_HOSTS}
    if path.exists():
        old = x509.load_pem_x509_certificate(path.read_bytes())
        named = _names(old)
        ends_at_ms = int(old.not_valid_after_utc.timestamp()) * 1000
        is_fresh = ends_at_ms - now_ms > RENEW_BEFORE_MS
        if is_fresh and wanted <= named and _is_key_of(old, keys / "server.key"):
            return False
        wanted |= named
    key = ec.generate_private_key(ec.SECP256R1())
    authority = certificates.load_authority(keys / "fleet-ca.pem", keys / "fleet-ca.key")
    certificate = certificates.issue_server_certificate(authority, sorted(wanted), key.public_key(), now_ms)
    _write(keys / "server.key", _private_pem(key))
    _write(path, certificates.pem(certificate) + certificates.pem(authority.certificate))
    return True


def _names(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def _is_key_of(certificate: x509.Certificate, path: Path) -> bool:
    """Whether a cut between the two files left them unlike."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return key.public_key() == certificate.public_key()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
