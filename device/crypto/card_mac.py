"""Authenticity on the card: what the box wrote itself, and nobody else can have written (SPEC 6.6).

The card lies in the hands of its owner, who can read and write every byte of it. A checksum would be made anew by
whoever edits; this code is made with a key derived from the board's secret, which is not on the card. It says who
wrote the bytes, not when: against older bytes stands the monotonic counter (`device/core/damage.py`).

Standard library only, since it is asked on the way to the first answer.

    blob = authenticate(board_secret, b"state", record)
    assert authentic(board_secret, b"state", blob) == record
"""

import hashlib
import hmac

_TAIL_BYTES = 1 + 2 * hashlib.sha256().digest_size  # a line feed and the hexadecimal code: a text stays a text


class NotAuthenticError(Exception):
    """The bytes are damaged, edited, of another board or of another purpose."""


def authenticate(board_secret: bytes, purpose: bytes, data: bytes) -> bytes:
    """`data`, a line feed and its HMAC-SHA256 in hexadecimal, for this board and purpose.

    board_secret: the 32 bytes of the port `BoardSecret`. purpose: one word for each kind of file, so that one is
    never taken for another.
    """
    return data + b"\n" + _code(board_secret, purpose, data)


def authentic(board_secret: bytes, purpose: bytes, blob: bytes) -> bytes:
    """The data that this board authenticated for this purpose. Raises NotAuthenticError."""
    data, tail = blob[:-_TAIL_BYTES], blob[-_TAIL_BYTES:]
    if not hmac.compare_digest(tail, b"\n" + _code(board_secret, purpose, data)):
        raise NotAuthenticError("not written by this board for this purpose, or changed since")
    return data


def _code(board_secret: bytes, purpose: bytes, data: bytes) -> bytes:
    key = hmac.digest(board_secret, b"frontbox card " + purpose, "sha256")
    return hmac.digest(key, data, "sha256").hex().encode()
