"""Voucher and claim: how a box comes to stand in a venue (SPEC 14)."""

import binascii
import hashlib

from device.protocol.record import Document
from device.protocol.shape import BASE64, BOX, INSTANT, NONCE, SHA256, VENUE, word

_BLOCK_BYTES = 64
VOUCHER_ID = word("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ-", 4, 32)


class Voucher(Document):
    """What the installer carries: single use, one box, one venue. Whoever has `secret` can use it."""

    voucher: str
    box: str
    venue: str
    secret: str
    not_after_ms: int

    SHAPE = (
        ("voucher", VOUCHER_ID),
        ("box", BOX),
        ("venue", VENUE),
        ("secret", NONCE),
        ("not_after_ms", INSTANT),
    )


class Claim(Document):
    """What the box sends, signed with its factory key; `csr` and `idevid` are base64 DER."""

    box: str
    venue: str
    voucher: str
    proof: str
    nonce: str
    csr: str
    idevid: str

    SHAPE = (
        ("box", BOX),
        ("venue", VENUE),
        ("voucher", VOUCHER_ID),
        ("proof", SHA256),
        ("nonce", NONCE),
        ("csr", BASE64),
        ("idevid", BASE64),
    )


class Renewal(Document):
    """What a box sends for its next venue certificate (SPEC 14.4), signed with the key of `certificate`: the venue
    certificate that it has, or the factory's. `csr` and `certificate` are base64 DER.
    """

    box: str
    nonce: str
    csr: str
    certificate: str

    SHAPE = (
        ("box", BOX),
        ("nonce", NONCE),
        ("csr", BASE64),
        ("certificate", BASE64),
    )


def claim_proof(secret: str, nonce: str, csr_der: bytes, box: str, venue: str) -> str:
    """SPEC 14.3: that the sender holds the voucher's secret, for this key, box and venue and no other."""
    message = b"FBCLAIM1" + binascii.unhexlify(nonce) + hashlib.sha256(csr_der).digest() + box.encode() + venue.encode()
    return _hmac_sha256(bytes(binascii.unhexlify(secret)), message).hex()


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104, since MicroPython has no `hmac`; the key is shorter than a block."""
    padded = key + b"\x00" * (_BLOCK_BYTES - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in padded]) + message).digest()
    return hashlib.sha256(bytes([byte ^ 0x5C for byte in padded]) + inner).digest()
