"""A fleet that answers nonce and claim over TLS (SPEC 14.3), for the box's side of the claim."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from device.crypto import p256
from device.protocol.codes import refusal
from device.protocol.enrolment import Claim, Renewal, claim_proof
from device.protocol.envelope import parse_envelope, require_signature
from tests import builders
from tests.fleet_server.pki import FleetPki

SECRET = "0123456789abcdef" * 2
NONCE = "f" * 32
BROKER_PORT, NEXT_BROKER_PORT = 1, 2  # nobody answers there, nor does some service of the machine


class EnrolmentFleet:
    """Answers nonce and claim as SPEC 14.3; `refuses` makes it refuse."""

    def __init__(self, path: Path) -> None:
        self.pki = FleetPki(path)
        self.url = ""
        self.refuses = ""
        self.claims: list[Claim] = []
        self.renewals: list[Renewal] = []
        self.expired: set[str] = set()

    async def nonce(self, _request: web.Request) -> web.Response:
        return web.json_response({"nonce": NONCE})

    async def renew(self, request: web.Request) -> web.Response:
        """As SPEC 14.4, but that what is expired stands in `expired`."""
        envelope = parse_envelope(await request.read(), "renewal")
        renewal = Renewal.decode(envelope.payload)
        shown = x509.load_der_x509_certificate(base64.b64decode(renewal.certificate))
        public = shown.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        require_signature(envelope, [p256.key_of_public(public)], p256.verify)
        self.renewals.append(renewal)
        if self.refuses or renewal.certificate in self.expired:
            code = self.refuses or "CERTIFICATE_EXPIRED"
            return web.json_response({**refusal(code, "r"), "status": 409}, status=409)
        answer = {
            "certificate": self.certificate_of(x509.load_der_x509_csr(base64.b64decode(renewal.csr))),
            "ca": base64_of(self.pki.ca.certificate),
            "broker": {"host": "127.0.0.1", "port": NEXT_BROKER_PORT},
            "venue": builders.VENUE,
            "region": builders.REGION,
        }
        return web.json_response(answer)

    async def claim(self, request: web.Request) -> web.Response:
        if self.refuses:
            return web.json_response({**refusal(self.refuses, "r"), "status": 409}, status=409)
        envelope = parse_envelope(await request.read(), "claim")
        claim = Claim.decode(envelope.payload)
        csr_der = base64.b64decode(claim.csr)
        csr = x509.load_der_x509_csr(csr_der)
        public = csr.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        require_signature(envelope, [p256.key_of_public(public)], p256.verify)
        assert claim.proof == claim_proof(SECRET, NONCE, csr_der, claim.box, claim.venue)
        self.claims.append(claim)
        answer = {
            "certificate": self.certificate_of(csr),
            "ca": base64_of(self.pki.ca.certificate),
            "broker": {"host": "127.0.0.1", "port": BROKER_PORT},
            "venue": claim.venue,
            "region": builders.REGION,
        }
        return web.json_response(answer)

    def certificate_of(self, csr: x509.CertificateSigningRequest) -> str:
        """As an issuer does: its own subject and extensions, the applicant's key."""
        ca = x509.load_pem_x509_certificate(self.pki.ca.certificate.read_bytes())
        key = p256.SigningKey.load(self.pki.ca.key)
        built = (
            x509.CertificateBuilder()
            .subject_name(csr.subject)
            .issuer_name(ca.subject)
            .public_key(csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ca.not_valid_before_utc)
            .not_valid_after(ca.not_valid_after_utc)
            .sign(key.private, hashes.SHA256())
        )
        return base64.b64encode(built.public_bytes(Encoding.DER)).decode()


def base64_of(certificate: Path) -> str:
    """DER in base64 of a PEM file."""
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    return base64.b64encode(der).decode()


@asynccontextmanager
async def enrolment_fleet(path: Path) -> AsyncIterator[EnrolmentFleet]:
    """Serves until the block ends."""
    fleet = EnrolmentFleet(path)
    application = web.Application()
    application.router.add_post("/enrol/v1/nonce", fleet.nonce)
    application.router.add_post("/enrol/v1/claims", fleet.claim)
    application.router.add_post("/enrol/v1/renewals", fleet.renew)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(fleet.pki.server.certificate, fleet.pki.server.key)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    fleet.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fleet
    finally:
        await runner.cleanup()
