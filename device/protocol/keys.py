"""Public keys and their ids (SPEC 3.1).

This package holds no cryptography but hashing: whether a signature is right is asked of a function
`verify(key, message, signature) -> bool` that the program brings along (`device/crypto` on CPython).
"""

import binascii
import hashlib

from device.protocol.errors import MalformedError
from device.protocol.record import Record
from device.protocol.shape import KEYID, hexadecimal, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    Verify = Callable[["Key", bytes, bytes], bool]

ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
SIGNATURE_BYTES = 64
# DER SubjectPublicKeyInfo of P-256 up to the point (RFC 5480 clause 2): always these 26 bytes.
_SPKI_PREFIX = binascii.unhexlify("3059301306072a8648ce3d020106082a8648ce3d030107034200")


class Key(Record):
    """A public key: `public` is the uncompressed point in hexadecimal, 65 bytes."""

    keyid: str
    public: str
    scheme: str

    SHAPE = (("keyid", KEYID), ("public", hexadecimal(65)), ("scheme", one_of(ECDSA_P256_SHA256)))

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Raises MalformedError also where `keyid` is not that of `public`: nobody may name a key as another."""
        key = super().from_plain(value, where)
        if key.keyid != keyid_of(key.point):
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.keyid does not match the key")
        return key

    @property
    def point(self) -> bytes:
        return bytes(binascii.unhexlify(self.public))


def keyid_of(point: bytes) -> str:
    """Hexadecimal SHA-256 of the DER SubjectPublicKeyInfo of an uncompressed P-256 point."""
    return hashlib.sha256(_SPKI_PREFIX + point).digest().hex()


def key_of(point: bytes) -> Key:
    """The key of an uncompressed P-256 point; raises MalformedError if it is none by its form."""
    if len(point) != 65 or point[0] != 4:
        raise MalformedError("DOCUMENT_MALFORMED", "a P-256 key is an uncompressed point of 65 bytes")
    return Key(keyid=keyid_of(point), public=point.hex(), scheme=ECDSA_P256_SHA256)
