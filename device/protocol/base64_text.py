"""Base64 with one spelling for the same bytes (SPEC 1.3, 3.2).

The interpreters differ in what they let pass and in what they raise, so the text is asked before it is decoded.
"""

import binascii

from device.protocol.errors import MalformedError

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw).strip().decode()


def decode(text: str) -> bytes:
    """The bytes of canonical base64; raises MalformedError for any other text."""
    body = text.rstrip("=")
    if len(text) % 4 or len(text) - len(body) > 2 or body.strip(_ALPHABET):
        raise MalformedError("DOCUMENT_MALFORMED", "not base64")
    raw = bytes(binascii.a2b_base64(text.encode()))
    if encode(raw) != text:
        raise MalformedError("DOCUMENT_MALFORMED", "a second spelling in base64")
    return raw
