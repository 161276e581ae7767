"""Certificates of a fleet for tests: one CA, one server, any number of boxes."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, as files."""

    key: Path
    certificate: Path


class FleetPki:
    """Worked example: `FleetPki(tmp_path).box("KTV-AAAA0001")` gives files for paho's `tls_set`."""

    def __init__(self, directory: Path, name: str = "Frontbox test CA") -> None:
        self._directory = directory
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._write("ca", self._key, self._certificate(name, self._key, is_ca=True))
        self.renew_server()

    def renew_server(self) -> None:
        """Another key and certificate in the same files."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.server = self._write("server", key, self._certificate("server", key, is_server=True))

    def box(self, name: str, key: ec.EllipticCurvePrivateKey | None = None) -> KeyPair:
        key = key or ec.generate_private_key(ec.SECP256R1())
        file = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in name)
        return self._write(file, key, self._certificate(name, key))

    def _certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, is_ca: bool = False, is_server: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if is_server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> KeyPair:
        pair = KeyPair(self._directory / f"{name}.key", self._directory / f"{name}.pem")
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return pair


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
