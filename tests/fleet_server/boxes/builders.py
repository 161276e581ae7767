"""Boxes as the factory makes them, and their claims.

box = FactoryBox("KTV-0001", a_factory())
claim = box.claim(voucher, nonce)
"""

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey
from device.protocol.enrolment import Claim, claim_proof
from device.protocol.envelope import seal
from fleet_server.certificates import Authority, new_authority

NOW_MS = 1_795_000_000_000


def a_factory() -> Authority:
    return new_authority("factory", NOW_MS)


class FactoryBox:
    """A box with a factory certificate; `venue_key` is the key that its claims ask a certificate for."""

    def __init__(self, box: str, factory: Authority) -> None:
        self.box = box
        self.factory_key = SigningKey.generate()
        self.venue_key = SigningKey.generate()
        not_before = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(box))
            .issuer_name(factory.certificate.subject)
            .public_key(self.factory_key.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_before + datetime.timedelta(days=7300))
            .sign(factory.key, hashes.SHA256())
        )
        self.idevid = certificate.public_bytes(serialization.Encoding.DER)

    @property
    def registration(self) -> dict[str, str]:
        return {"certificate": base64.b64encode(self.idevid).decode()}

    def csr(self, key: SigningKey, common_name: str | None = None) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name or self.box))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.sign(key.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def claim(self, voucher: dict[str, object], nonce: str, request: bytes | None = None, /, **changes: str) -> bytes:
        """A sealed claim for this certificate request; `changes` are fields that differ from the right ones."""
        venue, secret = str(voucher["venue"]), str(voucher["secret"])
        csr = request or self.csr(self.venue_key)
        fields = {
            "box": self.box,
            "venue": venue,
            "voucher": str(voucher["voucher"]),
            "proof": claim_proof(secret, nonce, csr, self.box, venue),
            "nonce": nonce,
            "csr": base64.b64encode(csr).decode(),
            "idevid": base64.b64encode(self.idevid).decode(),
        }
        claim = Claim(**(fields | changes))
        return seal("claim", claim.encode(), [self.factory_key]).encode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
