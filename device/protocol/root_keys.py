"""TUF metadata: read as strictly as any document, and one key has one key id (SPEC 5.1).

TUF counts key ids towards a threshold, so a key that is listed under two ids meets a threshold of two by itself. The
libraries of TUF do not look; every ceremony, server and box of ours asks here before it trusts a root or a delegation.
Nor do they mind what two readers may understand differently: a name that stands twice, `NaN`, `true` for 1.
"""

from device.protocol import base64_text
from device.protocol.codec import loads
from device.protocol.errors import MalformedError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# DER of SubjectPublicKeyInfo for an uncompressed point on P-256: this, then 65 bytes of point (SPEC 3.1).
_SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_SPKI_BYTES = len(_SPKI_PREFIX) + 65
_BEGIN = "-----BEGIN PUBLIC KEY-----"
_END = "-----END PUBLIC KEY-----"
_NUMBERS = ("version", "threshold", "length")


def require_strict(raw: bytes, bytes_max: int) -> None:
    """Check bytes of metadata before TUF's own reader has them.

    Raises MalformedError: `DOCUMENT_TOO_LARGE`, `DOCUMENT_MALFORMED`.
    """
    _require_numbers(loads(raw, bytes_max))


def require_distinct_keys(signed: "Mapping[str, Any]") -> None:
    """Check the `signed` part of a root or targets document.

    Raises:
        SignatureError: `ROOT_DUPLICATE_KEY`, naming both ids.
        MalformedError: `DOCUMENT_MALFORMED`, for a key of another scheme than ours.
    """
    delegations = signed.get("delegations")
    keys = delegations.get("keys") if isinstance(delegations, dict) else signed.get("keys")
    if not isinstance(keys, dict):
        return
    seen: dict[bytes, str] = {}
    for keyid in sorted(keys):
        point = _point(keys[keyid], keyid)
        if point in seen:
            raise SignatureError("ROOT_DUPLICATE_KEY", f"{seen[point]} and {keyid} are the same key")
        seen[point] = keyid


def _require_numbers(value: "Any") -> None:
    """Where TUF counts there stand numbers: `true` is none, whatever a language takes it for."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in _NUMBERS and isinstance(item, bool):
                raise MalformedError("DOCUMENT_MALFORMED", f"{name} must be a number")
            _require_numbers(item)
    if isinstance(value, list):
        for item in value:
            _require_numbers(item)


def _point(key: "Any", keyid: str) -> bytes:
    try:
        pem = key["keyval"]["public"].strip()
        scheme = key["scheme"]
    except (AttributeError, KeyError, TypeError):
        raise MalformedError("DOCUMENT_MALFORMED", f"key {keyid} has no public part")
    if scheme != "ecdsa-sha2-nistp256" or not pem.startswith(_BEGIN) or not pem.endswith(_END):
        raise MalformedError("DOCUMENT_MALFORMED", f"key {keyid} must be an ecdsa-sha2-nistp256 key in PEM")
    der = base64_text.decode("".join(pem[len(_BEGIN) : -len(_END)].split()))
    # Another encoding of the same point would be another text for the same key; only one form is taken.
    if len(der) != _SPKI_BYTES or not der.startswith(_SPKI_PREFIX):
        raise MalformedError("DOCUMENT_MALFORMED", f"key {keyid} must be an uncompressed point on P-256")
    return der[len(_SPKI_PREFIX) :]
