"""Factory step and claim, as the box does them (SPEC 14.1 to 14.3).

1. The factory step is open until it is done, to whoever stands at the box: there is nothing to protect yet. A
   second identity is refused; the same one again is the same answer.
2. The claim needs a voucher for this box. The box asks the fleet itself, over TLS to the fleet that the
   factory named, and keeps the answer before it says that it is claimed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from device.core.events import Claimed
from device.crypto import certificates
from device.protocol import codec
from device.protocol.enrolment import Claim, Voucher, claim_proof
from device.protocol.envelope import seal
from device.protocol.errors import MalformedError
from device.protocol.record import fields_of
from device.protocol.shape import BASE64, BOX, free_text
from device.services.identity import Identity
from device.services.identity_facts import FLEET, IDEVID
from device.services.registrar import EnrolmentError, Registrar, base64_of, der_in, keep, pem_in, require_own

_CSR = (("box", BOX),)
_IDENTITY = (
    ("certificate", BASE64),
    ("factory_ca", BASE64),
    ("root", BASE64),
    ("fleet_url", free_text(9, 200)),
    ("fleet_ca", BASE64),
    ("label_code", free_text(8, 32)),
)


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
        self._registrar = Registrar(identity)
        self._one_at_a_time = asyncio.Lock()

    async def factory_csr(self, body: Mapping[str, Any]) -> dict[str, Any]:
        box = fields_of(body, _CSR, "body")["box"]
        async with self._one_at_a_time:
            if self._identity.is_enrolled or self._identity.box not in ("", box):
                raise EnrolmentError(HTTPStatus.CONFLICT, "ALREADY_ENROLLED")
            key = await asyncio.to_thread(self._identity.make_key, box)
        return {"box": box, "csr": base64_of(certificates.signing_request(box, key))}

    async def factory_identity(self, body: Mapping[str, Any]) -> dict[str, Any]:
        fields = fields_of(body, _IDENTITY, "body")
        if not _is_fleet_url(fields["fleet_url"]):
            raise MalformedError("DOCUMENT_MALFORMED", "body.fleet_url must be https://host:port")
        for name in ("certificate", "factory_ca", "fleet_ca"):
            pem_in(fields[name], f"body.{name}")
        certificate = der_in(fields["certificate"])
        async with self._one_at_a_time:
            if self._identity.is_enrolled:
                if self._identity.certificate(IDEVID) != certificate:
                    raise EnrolmentError(HTTPStatus.CONFLICT, "ALREADY_ENROLLED")
                return {"box": self._identity.box}
            require_own(self._identity, certificate)
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
                answer = await self._registrar.answer("claims", lambda nonce: self._claim(voucher, nonce))
                if answer["venue"] != voucher.venue:
                    raise EnrolmentError(HTTPStatus.BAD_GATEWAY, "VENUE_UNKNOWN", f"{answer['venue']}")
                facts = await asyncio.to_thread(keep, self._identity, answer)
        await self._claimed(Claimed(venue=facts["venue"], region=facts["region"]))
        return {"box": self._identity.box, "venue": facts["venue"], "region": facts["region"]}

    def _claim(self, voucher: Voucher, nonce: str) -> bytes:
        key, box = self._identity.signing_key(), self._identity.box
        csr = certificates.signing_request(box, key)
        claim = Claim(
            box=box,
            venue=voucher.venue,
            voucher=voucher.voucher,
            proof=claim_proof(voucher.secret, nonce, csr, box, voucher.venue),
            nonce=nonce,
            csr=base64_of(csr),
            idevid=base64_of(self._identity.certificate(IDEVID)),
        )
        return seal("claim", claim.encode(), [key]).encode()

    def _keep_identity(self, certificate: bytes, fields: Mapping[str, Any]) -> None:
        self._keep_root(der_in(fields["root"]))
        self._keep_label(fields["label_code"])
        pem = certificates.pem_of(certificate)
        factory_ca, enrol_ca = [pem_in(fields[name], name) for name in ("factory_ca", "fleet_ca")]
        self._identity.keep_factory(pem, factory_ca, enrol_ca, {"fleet_url": fields["fleet_url"].rstrip("/")})


def _is_fleet_url(text: str) -> bool:
    """What is kept at the factory is kept for good: it must be an address."""
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
