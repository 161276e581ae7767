"""Who may connect, and to what: the answer to the broker's authorization request.

Rules (SPEC 4.3, 11.3):

1. Identity is the common name of the certificate that the broker verified. The MQTT client id must be
   the same: another's id would end that box's session.
2. The box must be one that the fleet lets connect (active, not revoked).
3. A box publishes the topics of SPEC 11.1 (retained messages of ever new ones would fill the store) and
   subscribes below `v1/dn/BOX/` and `v1/dn/all/`; nothing else, least of all anything below `$`.

The request comes over the AUTH account, which nobody enters without the password of this run; its
signature by the broker is therefore not checked again.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import nkeys
from cryptography import x509
from cryptography.x509.oid import NameOID

from device.crypto.certificates import UNREADABLE
from device.protocol import topics

# A box holds three or four subscriptions; the bound keeps a hostile one from filling the broker.
SUBSCRIPTIONS_MAX = 16
_BOX = re.compile(r"KTV-[0-9A-Z]{4,32}")
_HEADER = b'{"typ":"JWT","alg":"ed25519-nkey"}'


class CalloutError(Exception):
    """The connection is not let in; the message says why and goes to the broker's log."""


@dataclass(frozen=True)
class ConnectionRequest:
    """What the broker asks: `box` has a verified certificate and a client id of that name."""

    box: str
    user_nkey: str
    server_id: str
    asked_at_s: int  # by the broker's clock, which is the one that judges the answer


class Issuer:
    """Signs what the broker believes; its key lives as long as this process."""

    def __init__(self, entropy: bytes) -> None:
        seed = nkeys.encode_seed(entropy, nkeys.PREFIX_BYTE_ACCOUNT)
        self._key = nkeys.from_seed(bytearray(seed))
        self.name: str = self._key.public_key.decode()

    def admit(self, request: ConnectionRequest) -> bytes:
        """Rule 3."""
        box = request.box
        permissions = {
            "pub": {"allow": [topics.up(box, kind).replace("/", ".") for kind in topics.UP_KINDS]},
            # The broker asks for the parent too when a box subscribes with `#`.
            "sub": {"allow": [f"v1.dn.{box}", f"v1.dn.{box}.>", "v1.dn.all", "v1.dn.all.>"]},
            "subs": SUBSCRIPTIONS_MAX,
            "data": -1,
            "payload": -1,
            "type": "user",
            "version": 2,
        }
        user = self._token(
            {
                "iat": request.asked_at_s,
                "sub": request.user_nkey,
                "aud": "APP",
                "name": box,
                "nats": permissions,
            }
        )
        result = {"jwt": user.decode()}
        return self._answer(request.user_nkey, request.server_id, result, request.asked_at_s)

    def deny(self, raw: bytes, reason: str) -> bytes | None:
        """The answer to a request that may be half understood; None if there is nobody to answer."""
        try:
            claims = _claims(raw)
            nats = claims["nats"]
            return self._answer(nats["user_nkey"], nats["server_id"]["id"], {"error": reason}, claims["iat"])
        except (CalloutError, KeyError, TypeError):
            return None

    def _answer(self, user_nkey: str, server_id: str, result: dict[str, str], at_s: int) -> bytes:
        body = {"type": "authorization_response", "version": 2, **result}
        return self._token({"iat": at_s, "sub": user_nkey, "aud": server_id, "nats": body})

    def _token(self, claims: dict[str, Any]) -> bytes:
        claims["iss"] = self.name
        digest = hashlib.sha256(json.dumps(claims).encode()).digest()
        claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
        signed = _b64(_HEADER) + b"." + _b64(json.dumps(claims).encode())
        return signed + b"." + _b64(self._key.sign(signed))


def read_request(raw: bytes) -> ConnectionRequest:
    """Rule 1. Raises CalloutError."""
    claims = _claims(raw)
    try:
        nats = claims["nats"]
        asked_at_s = int(claims["iat"])
        client = nats["client_info"]
        chains = (nats.get("client_tls") or {}).get("verified_chains") or []
        user_nkey, server_id = str(nats["user_nkey"]), str(nats["server_id"]["id"])
        client_id = client.get("mqtt_id")
        if client.get("type") != "mqtt" or not chains:
            raise CalloutError("not an MQTT client with a verified certificate")
        box = _common_name(chains[0][0])
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise CalloutError(f"request not understood: {error!r}") from error
    if not _BOX.fullmatch(box):
        raise CalloutError(f"common name {box!r} is not that of a box")
    if client_id != box:
        raise CalloutError(f"client id {client_id!r} is not the certificate's name {box}")
    return ConnectionRequest(box, user_nkey, server_id, asked_at_s)


def _claims(raw: bytes) -> dict[str, Any]:
    try:
        body = raw.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    except (IndexError, ValueError) as error:
        raise CalloutError(f"request not understood: {error!r}") from error
    if not isinstance(claims, dict):
        raise CalloutError("request not understood: no claims")
    return claims


def _common_name(pem: str) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE as error:
        raise CalloutError(f"certificate not understood: {error}") from error
    if len(names) != 1:
        raise CalloutError(f"certificate has {len(names)} common names, wanted one")
    return str(names[0].value)


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
