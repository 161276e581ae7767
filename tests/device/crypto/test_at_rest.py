"""Secrets at rest: sealed to one board and one purpose."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from device.crypto.at_rest import SealError, seal, unseal

BOARD = bytes(range(32))
SECRET = b"-----BEGIN PRIVATE KEY-----"
BLOB = seal(BOARD, b"identity", SECRET)


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=64))
def test_what_was_sealed_is_unsealed_on_the_same_board(plain: bytes, board: bytes) -> None:
    assert unseal(board, b"identity", seal(board, b"identity", plain)) == plain


def test_another_library_opens_it_by_the_same_rule() -> None:
    """HKDF-SHA256 over the board's secret, then AES-256-GCM: mark, salt, nonce, tag, sealed bytes."""
    salt, nonce, tag, sealed = BLOB[8:24], BLOB[24:36], BLOB[36:52], BLOB[52:]
    key = HKDF(SHA256(), 32, salt, b"frontbox identity").derive(BOARD)
    assert AESGCM(key).decrypt(nonce, sealed + tag, b"identity") == SECRET


def test_the_same_secret_is_never_sealed_twice_alike() -> None:
    assert len({seal(BOARD, b"identity", SECRET) for _ in range(20)}) == 20
    assert SECRET not in BLOB


@pytest.mark.parametrize(("board", "purpose"), [(bytes(32), b"identity"), (BOARD, b"settings"), (BOARD, b"")])
def test_another_board_or_purpose_opens_nothing(board: bytes, purpose: bytes) -> None:
    with pytest.raises(SealError):
        unseal(board, purpose, BLOB)


@given(st.integers(0, 8 * len(BLOB) - 1))
def test_a_changed_bit_opens_nothing(bit: int) -> None:
    changed = bytearray(BLOB)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealError):
        unseal(BOARD, b"identity", bytes(changed))


@given(st.integers(0, len(BLOB) - 1))
def test_a_blob_cut_short_opens_nothing(end: int) -> None:
    with pytest.raises(SealError):
        unseal(BOARD, b"identity", BLOB[:end])
