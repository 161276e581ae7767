"""The signed envelope: DSSE 1.0 over raw bytes (SPEC 3.2-3.5).

    envelope = parse_envelope(raw, "order")         # one type, named by the place that reads it
    signers = verified_keyids(envelope, keys, verify)
    order = Order.decode(envelope.payload)           # the same bytes that were verified, parsed after

What is not checked here: whether the signers may say it. That is the document's own rule (`orders.py`, `lease.py`,
...).
"""

import hashlib

from device.protocol import base64_text
from device.protocol.codec import dumps, loads
from device.protocol.errors import MalformedError, SignatureError
from device.protocol.keys import SIGNATURE_BYTES
from device.protocol.limits import ENVELOPE_BYTES_MAX, ORDER_BYTES_MAX, SIGNATURES_MAX
from device.protocol.record import Record, fields_of
from device.protocol.shape import BASE64, KEYID, array, free_text, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from device.protocol.keys import Key, Verify

    class Signer(Protocol):
        """Whoever holds a private key."""

        @property
        def key(self) -> Key: ...

        def sign(self, message: bytes) -> bytes: ...


NAMES = (
    "order",
    "receipt",
    "lease",
    "extension",
    "notice",
    "checkpoint",
    "ack",
    "report",
    "rollout",
    "claim",
    "renewal",
)


class Signature(Record):
    """One signature; `sig` in base64."""

    keyid: str
    sig: str

    SHAPE = (("keyid", KEYID), ("sig", BASE64))


_SHAPE = (
    ("payload", BASE64),
    ("payloadType", free_text(1, 100)),
    ("signatures", array(record(Signature), SIGNATURES_MAX, 1)),
)


class Envelope:
    """A payload, its type, and who signed it."""

    def __init__(self, name: str, payload: bytes, signatures: "tuple[Signature, ...]") -> None:
        self.name = name
        self.payload = payload
        self.signatures = signatures

    @property
    def document(self) -> str:
        """The document's identity (SPEC 3.5): signatures are malleable, the payload is not."""
        return hashlib.sha256(self.payload).digest().hex()

    @property
    def signed_bytes(self) -> bytes:
        return pae(payload_type(self.name), self.payload)

    def signed_by(self, signer: "Signer") -> "Envelope":
        """The same document with one more signature."""
        signature = Signature(keyid=signer.key.keyid, sig=base64_text.encode(signer.sign(self.signed_bytes)))
        return Envelope(self.name, self.payload, self.signatures + (signature,))

    def plain(self) -> "dict[str, object]":
        return {
            "payload": base64_text.encode(self.payload),
            "payloadType": payload_type(self.name),
            "signatures": [signature.plain() for signature in self.signatures],
        }

    def encode(self) -> bytes:
        return dumps(self.plain())


def payload_type(name: str) -> str:
    return f"application/vnd.frontbox.{name}.v1+json"


def pae(kind: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: lengths first, so that no other split of the bytes signs the same."""
    kind_bytes = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind_bytes), kind_bytes, len(payload), payload)


def seal(name: str, payload: bytes, signers: "Iterable[Signer]") -> Envelope:
    """A new envelope around a document's bytes."""
    envelope = Envelope(name, payload, ())
    for signer in signers:
        envelope = envelope.signed_by(signer)
    return envelope


def parse_envelope(raw: bytes, name: str) -> Envelope:
    """Read an envelope that must hold a `name`.

    Raises MalformedError: `DOCUMENT_TOO_LARGE`, `DOCUMENT_MALFORMED`, `ENVELOPE_TYPE`.
    """
    return envelope_from_plain(loads(raw, bytes_max(name)), name)


def bytes_max(name: str) -> int:
    """How long an envelope that holds a `name` may be."""
    return ORDER_BYTES_MAX if name == "order" else ENVELOPE_BYTES_MAX


def envelope_from_plain(value: object, name: str) -> Envelope:
    """The envelope in an object that is already read, as in a batch."""
    fields = fields_of(value, _SHAPE, "envelope")
    if fields["payloadType"] != payload_type(name):
        raise MalformedError("ENVELOPE_TYPE", f"{fields['payloadType']}, not {payload_type(name)}")
    return Envelope(name, base64_text.decode(fields["payload"]), fields["signatures"])


def verified_keyids(envelope: Envelope, keys: "dict[str, Key]", verify: "Verify") -> "list[str]":
    """The known keys whose signatures verify, each once, in the order of the envelope.

    Raises SignatureError: `SIGNATURE_INVALID` where a known key's signature is wrong, `SIGNER_UNKNOWN` where no key is
    known.
    """
    found: list[str] = []
    for signature in envelope.signatures:
        key = keys.get(signature.keyid)
        if key is None:
            continue
        raw = base64_text.decode(signature.sig)
        if len(raw) != SIGNATURE_BYTES or not verify(key, envelope.signed_bytes, raw):
            raise SignatureError("SIGNATURE_INVALID", f"{envelope.name} by key {key.keyid[:16]}")
        if key.keyid not in found:
            found.append(key.keyid)
    if not found:
        raise SignatureError("SIGNER_UNKNOWN", envelope.name)
    return found


def require_signature(envelope: Envelope, keys: "Iterable[Key]", verify: "Verify") -> None:
    """One of the given keys has signed; raises as `verified_keyids`."""
    verified_keyids(envelope, {key.keyid: key for key in keys}, verify)
