"""The fleet's registrar, as a box asks it over HTTPS: a nonce, then a signed document for a certificate (SPEC 14).

The fleet is known by the CA that the factory named. What it answers is checked here: the certificate is for this box
and its key, or it is not taken. A claim says where the box stands; a renewal leaves venue, region and authority as they
are, so that a fleet server in foreign hands can neither move a box nor give it papers that nobody takes.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from device.crypto import certificates
from device.crypto.certificates import CertificateError
from device.protocol import codec
from device.protocol.codes import MESSAGES
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import ENVELOPE_BYTES_MAX
from device.protocol.record import fields_of
from device.protocol.shape import BASE64, NONCE, REGION, VENUE, free_text, integer
from device.services.identity import FLEET_CA, Identity
from device.services.identity_facts import FACTORY, FLEET

ANSWER_S = 20.0
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


class Registrar:
    """Asks for certificates of one box."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def answer(self, path: str, make: Callable[[str], bytes]) -> Mapping[str, Any]:
        """What the fleet answers to the envelope that `make` gives for its nonce: ANSWER. Raises EnrolmentError."""
        url = f"{self._identity.facts(FACTORY)['fleet_url']}/enrol/v1"
        connector = aiohttp.TCPConnector(ssl=self._identity.enrol_tls())
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            found = await _post(session, f"{url}/nonce", codec.dumps({"box": self._identity.box}))
            raw = await _post(session, f"{url}/{path}", make(NONCE(found.get("nonce"), "nonce")))
        try:
            answer = fields_of(raw, _ANSWER, "answer")
        except ProtocolError as error:
            raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "FLEET_UNREACHABLE", str(error)) from error
        require_own(self._identity, der_in(answer["certificate"]))
        return answer


def keep_renewal(identity: Identity, answer: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """As `keep`, where the box is claimed; `before`: the broker that is known to be one.

    Raises EnrolmentError SIGNER_UNKNOWN, VENUE_UNKNOWN besides.
    """
    claimed = identity.facts(FLEET)
    if answer["venue"] != claimed["venue"]:
        raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "VENUE_UNKNOWN", f"{answer['venue']}, not {claimed['venue']}")
    authority = identity.certificate(FLEET_CA)
    if not certificates.is_issued_by(der_in(answer["certificate"]), authority):
        raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "SIGNER_UNKNOWN", "not of the authority of the claim")
    known = {} if before is None else {"before": dict(before)}
    keep(identity, {**answer, "region": claimed["region"], "ca": base64_of(authority), **known})


def keep(identity: Identity, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate of an answer, its CA and where the fleet is; the old ones until the new are durable. Blocks.
    Returns the facts: broker, venue, region, after a renewal perhaps the broker before.

    Raises DriverError IDENTITY_UNAVAILABLE, MalformedError.
    """
    facts = {name: answer[name] for name in ("broker", "before", "venue", "region") if name in answer}
    own, ca = pem_in(answer["certificate"], "certificate"), pem_in(answer["ca"], "ca")
    identity.keep_claim(own, ca, facts)
    return facts


def require_own(identity: Identity, certificate: bytes) -> None:
    """A DER certificate is for this box and its key, whoever sent it. Raises EnrolmentError."""
    try:
        name, key = certificates.subject_of(certificate)
    except CertificateError as error:
        raise EnrolmentError(HTTPStatus.UNPROCESSABLE_ENTITY, "CSR_MALFORMED", str(error)) from error
    if identity.key is None or (name, key) != (identity.box, identity.key.key):
        raise EnrolmentError(HTTPStatus.UNPROCESSABLE_ENTITY, "BOX_UNKNOWN", f"certificate of {name}")


def pem_in(text: str, name: str) -> bytes:
    """A certificate of a document; raises MalformedError that names the field."""
    try:
        return certificates.pem_of(der_in(text))
    except CertificateError as error:
        raise MalformedError("DOCUMENT_MALFORMED", f"{name} must be a certificate in DER") from error


def der_in(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedError("DOCUMENT_MALFORMED", "body must hold base64") from error


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> dict[str, Any]:
    """The fleet's answer; its refusals with their code. Raises EnrolmentError."""
    try:
        headers = {"Content-Type": "application/json"}
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            raw = b""
            while len(raw) <= ENVELOPE_BYTES_MAX and (part := await response.content.readany()):
                raw += part
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
