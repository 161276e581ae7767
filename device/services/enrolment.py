"""Factory step and claim, as the box does them (SPEC 14.1 to 14.3).

1. The factory step is open until it is done, to whoever stands at the box: there is nothing to protect yet. A
   second identity is refused; the same one again is the same answer.
2. The claim needs a voucher for this box. The box asks the fleet itself, over TLS to the fleet that the
   factory named, and keeps the answer before it says that it is claimed.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from device.core.events import Claimed
from device.crypto import certificates
from device.crypto.certificates import CertificateError
from device.protocol import codec
from device.protocol.codes import MESSAGES
from device.protocol.enrolment import Claim, Voucher, claim_proof
from device.protocol.envelope import seal
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import ENVELOPE_BYTES_MAX
from device.protocol.record import fields_of
from device.protocol.shape import BASE64, BOX, NONCE, REGION, VENUE, free_text, integer
from device.services.identity import FACTORY, FLEET, IDEVID, Identity

FLEET_ANSWER_S = 20.0
_CSR = (("box", BOX),)
_IDENTITY = (
    ("certificate", BASE64),
    ("factory_ca", BASE64),
    ("root", BASE64),
    ("fleet_url", free_text(9, 200)),
    ("fleet_ca", BASE64),
    ("label_code", free_text(8, 32)),
)
_BROKER = (("host", free_text(1, 253)), ("port", integer(1, 65_535)))
_ANSWER = (
    ("certificate", BASE64),
    ("ca", BASE64),
    ("broker", lambda value, where: fields_of(value, _BROKER, where)),
    ("venue", VENUE),
    ("region", REGION),
)
_log = logging.getLogger(__name__)


class EnrolmentError(Exception):
    """A step of the factory or the claim is refused or failed, with HTTP status and code."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code


class Enrolment:
    """Both steps. `keep_root` and `keep_label` store what belongs to trust and pairing; `done` hears of
    each step.
    """

    def __init__(
        self,
        identity: Identity,
        keep_root: Callable[[bytes], None],
        keep_label: Callable[[str], None],
        enrolled: Callable[[], None],
        claimed: Callable[[Claimed], Awaitable[None]],
    ) -> None:
        self._identity = identity
        self._keep_root = keep_root
        self._keep_label = keep_label
        self._enrolled = enrolled
        self._claimed = claimed
        self._one_at_a_time = asyncio.Lock()

    async def factory_csr(self, body: Mapping[str, Any]) -> dict[str, Any]:
        box = fields_of(body, _CSR, "body")["box"]
        async with self._one_at_a_time:
            if self._identity.is_enrolled or self._identity.box not in ("", box):
                raise EnrolmentError(HTTPStatus.CONFLICT, "ALREADY_ENROLLED")
            key = await asyncio.to_thread(self._identity.make_key, box)
        return {"box": box, "csr": _base64(certificates.signing_request(box, key))}

    async def factory_identity(self, body: Mapping[str, Any]) -> dict[str, Any]:
        fields = fields_of(body, _IDENTITY, "body")
        if not _is_fleet_url(fields["fleet_url"]):
            raise MalformedError("DOCUMENT_MALFORMED", "body.fleet_url must be https://host:port")
        for name in ("certificate", "factory_ca", "fleet_ca"):
            _pem(fields[name], f"body.{name}")
        certificate = _der(fields["certificate"])
        async with self._one_at_a_time:
            if self._identity.is_enrolled:
                if self._identity.certificate(IDEVID) != certificate:
                    raise EnrolmentError(HTTPStatus.CONFLICT, "ALREADY_ENROLLED")
                return {"box": self._identity.box}
            self._check_certificate(certificate)
            await asyncio.to_thread(self._keep_identity, certificate, fields)
        self._enrolled()
        return {"box": self._identity.box}

    async def claim(self, voucher_plain: Any) -> dict[str, Any]:
        """Raises ProtocolError for a voucher of the wrong form, EnrolmentError for all that follows."""
        voucher = Voucher.decode(codec.dumps(voucher_plain))
        async with self._one_at_a_time:
            if not self._identity.is_enrolled:
                raise EnrolmentError(HTTPStatus.CONFLICT, "NOT_ENROLLED")
            if self._identity.is_claimed:
                facts = self._identity.facts(FLEET)
                if facts["venue"] != voucher.venue:
                    raise EnrolmentError(HTTPStatus.CONFLICT, "ALREADY_CLAIMED")
            else:
                answer = await self._ask_fleet(voucher)
                self._check_certificate(_der(answer["certificate"]))
                facts = {name: answer[name] for name in ("broker", "venue", "region")}
                own, ca = _pem(answer["certificate"], "certificate"), _pem(answer["ca"], "ca")
                await asyncio.to_thread(self._identity.keep_claim, own, ca, facts)
        await self._claimed(Claimed(venue=facts["venue"], region=facts["region"]))
        return {"box": self._identity.box, "venue": facts["venue"], "region": facts["region"]}

    def _keep_identity(self, certificate: bytes, fields: Mapping[str, Any]) -> None:
        self._keep_root(_der(fields["root"]))
        self._keep_label(fields["label_code"])
        pem = certificates.pem_of(certificate)
        factory_ca, enrol_ca = [_pem(fields[name], name) for name in ("factory_ca", "fleet_ca")]
        self._identity.keep_factory(pem, factory_ca, enrol_ca, {"fleet_url": fields["fleet_url"].rstrip("/")})

    def _check_certificate(self, certificate: bytes) -> None:
        """It is for this box and its key, whoever sent it."""
        try:
            name, key = certificates.subject_of(certificate)
        except CertificateError as error:
            raise EnrolmentError(HTTPStatus.UNPROCESSABLE_ENTITY, "CSR_MALFORMED", str(error)) from error
        if self._identity.key is None or (name, key) != (self._identity.box, self._identity.key.key):
            raise EnrolmentError(HTTPStatus.UNPROCESSABLE_ENTITY, "BOX_UNKNOWN", f"certificate of {name}")

    async def _ask_fleet(self, voucher: Voucher) -> dict[str, Any]:
        url = f"{self._identity.facts(FACTORY)['fleet_url']}/enrol/v1"
        key = self._identity.signing_key()
        box = self._identity.box
        csr = certificates.signing_request(box, key)
        connector = aiohttp.TCPConnector(ssl=self._identity.enrol_tls())
        timeout = aiohttp.ClientTimeout(total=FLEET_ANSWER_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            found = await _post(session, f"{url}/nonce", codec.dumps({"box": box}))
            nonce = NONCE(found.get("nonce"), "nonce")
            claim = Claim(
                box=box,
                venue=voucher.venue,
                voucher=voucher.voucher,
                proof=claim_proof(voucher.secret, nonce, csr, box, voucher.venue),
                nonce=nonce,
                csr=_base64(csr),
                idevid=_base64(self._identity.certificate(IDEVID)),
            )
            answer = await _post(session, f"{url}/claims", seal("claim", claim.encode(), [key]).encode())
        try:
            return fields_of(answer, _ANSWER, "answer")
        except ProtocolError as error:
            raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "FLEET_UNREACHABLE", str(error)) from error


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> dict[str, Any]:
    """The fleet's answer; its refusals with their code. Raises EnrolmentError."""
    try:
        headers = {"Content-Type": "application/json"}
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            raw = await response.content.read(ENVELOPE_BYTES_MAX + 1)
            status = response.status
        answer = codec.loads(raw, ENVELOPE_BYTES_MAX)
    except (aiohttp.ClientError, TimeoutError, OSError, ProtocolError) as error:
        _log.warning("fleet: %s: %s", url, error)
        raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "FLEET_UNREACHABLE", str(error)) from error
    if status == HTTPStatus.OK:
        return answer
    code = str(answer.get("code", ""))
    if code not in MESSAGES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "FLEET_UNREACHABLE", f"{status} {code}")
    raise EnrolmentError(status, code)


def _is_fleet_url(text: str) -> bool:
    """What is kept at the factory is kept for good: it must be an address."""
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _pem(text: str, name: str) -> bytes:
    """A certificate of a document; raises MalformedError that names the field."""
    try:
        return certificates.pem_of(_der(text))
    except CertificateError as error:
        raise MalformedError("DOCUMENT_MALFORMED", f"{name} must be a certificate in DER") from error


def _der(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedError("DOCUMENT_MALFORMED", "body must hold base64") from error


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
