"""Secrets at rest, sealed to the board (decisions 3: identity).

The box's private key lies on a card that its owner can read. It is sealed with a key derived from the board's secret
(secure element, TPM or one-time-programmable memory), so a copied card alone opens nothing. pycryptodome: HKDF-SHA256
and AES-256-GCM.

    blob = seal(board_secret, b"identity", pem)
    assert unseal(board_secret, b"identity", blob) == pem
"""

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from Crypto.Random import get_random_bytes

_MAGIC = b"FBSEAL1\n"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = len(_MAGIC) + _SALT_BYTES + _NONCE_BYTES + _TAG_BYTES


class SealError(Exception):
    """The blob is damaged, of another board, or for another purpose."""


def seal(board_secret: bytes, purpose: bytes, plain: bytes) -> bytes:
    """Encrypt for this board and purpose."""
    salt, nonce = get_random_bytes(_SALT_BYTES), get_random_bytes(_NONCE_BYTES)
    cipher = AES.new(_key(board_secret, salt, purpose), AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(purpose)
    sealed, tag = cipher.encrypt_and_digest(plain)
    return _MAGIC + salt + nonce + tag + sealed


def unseal(board_secret: bytes, purpose: bytes, blob: bytes) -> bytes:
    """Decrypt; raises SealError."""
    if len(blob) < _HEADER_BYTES or not blob.startswith(_MAGIC):
        raise SealError("not a sealed secret")
    salt_end = len(_MAGIC) + _SALT_BYTES
    nonce_end = salt_end + _NONCE_BYTES
    key = _key(board_secret, blob[len(_MAGIC) : salt_end], purpose)
    cipher = AES.new(key, AES.MODE_GCM, nonce=blob[salt_end:nonce_end], mac_len=_TAG_BYTES)
    cipher.update(purpose)
    try:
        return cipher.decrypt_and_verify(blob[_HEADER_BYTES:], blob[nonce_end:_HEADER_BYTES])
    except ValueError as error:
        raise SealError("sealed to another board or purpose, or damaged") from error


def _key(board_secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(board_secret, 32, salt, SHA256, context=b"frontbox " + purpose)
