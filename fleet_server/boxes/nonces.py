"""Nonces of claims (SPEC 14.3): made and recognised without being kept.

A nonce is 16 bytes: u32be end in seconds ‖ 4 random bytes ‖ the first 8 of HMAC-SHA256(key, "nonce" ‖ box ‖ the rest).
It may be used again while it lives, since a claim that is repeated gets the same answer.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

NONCE_FOR_S = 600


def new_nonce(keys: Path, box: str, now_ms: int) -> str:
    head = (now_ms // 1000 + NONCE_FOR_S).to_bytes(4, "big") + secrets.token_bytes(4)
    return (head + _tag(keys, box, head)).hex()


def is_fresh(keys: Path, box: str, nonce: str, now_ms: int) -> bool:
    """Whether it is ours, for this box, and not too old."""
    raw = bytes.fromhex(nonce)
    ends_s = int.from_bytes(raw[:4], "big")
    return hmac.compare_digest(raw[8:], _tag(keys, box, raw[:8])) and now_ms // 1000 <= ends_s


def _tag(keys: Path, box: str, head: bytes) -> bytes:
    key = (keys / "vouchers.key").read_bytes()
    return hmac.digest(key, b"nonce" + box.encode() + head, hashlib.sha256)[:8]
