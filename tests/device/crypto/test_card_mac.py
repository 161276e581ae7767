"""Authenticity on the card: only this board, for this purpose, and not a bit changed."""

import hashlib
import hmac
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate

BOARD = bytes(range(32))
RECORD = b'{"holds":[]}'
BLOB = authenticate(BOARD, b"state", RECORD)


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_what_a_board_wrote_is_read_on_it(data: bytes, board: bytes) -> None:
    assert authentic(board, b"state", authenticate(board, b"state", data)) == data


def test_the_rule_stands_in_the_specification() -> None:
    """SPEC 6.6: key = HMAC(secret, "frontbox card " + purpose); a line feed; HMAC(key, data) in hexadecimal."""
    key = hmac.new(BOARD, b"frontbox card state", hashlib.sha256).digest()
    assert RECORD + b"\n" + hmac.new(key, RECORD, hashlib.sha256).hexdigest().encode() == BLOB


@pytest.mark.parametrize(("board", "purpose"), [(bytes(32), b"state"), (BOARD, b"policy"), (BOARD, b"")])
def test_another_board_or_purpose_reads_nothing(board: bytes, purpose: bytes) -> None:
    with pytest.raises(NotAuthenticError):
        authentic(board, purpose, BLOB)


@pytest.mark.parametrize("bit", range(8 * len(BLOB)))
def test_every_changed_bit_is_seen(bit: int) -> None:
    changed = bytearray(BLOB)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotAuthenticError):
        authentic(BOARD, b"state", bytes(changed))


@pytest.mark.parametrize("end", range(len(BLOB)))
def test_every_lost_tail_is_seen(end: int) -> None:
    with pytest.raises(NotAuthenticError):
        authentic(BOARD, b"state", BLOB[:end])


def test_an_edited_record_with_a_new_checksum_is_no_record_of_this_board() -> None:
    edited = RECORD.replace(b"[]", b"{}")
    for forged in (
        edited + b"\n" + hashlib.sha256(edited).hexdigest().encode(),
        edited + BLOB[len(RECORD) :],
        authenticate(b"guessed".ljust(32), b"state", edited),
    ):
        with pytest.raises(NotAuthenticError):
            authentic(BOARD, b"state", forged)


def test_it_is_asked_before_any_large_library_is_loaded() -> None:
    """It stands on the way to the first answer."""
    code = (
        "import sys, device.crypto.card_mac; print([name for name in sys.modules if name in ('Crypto','cryptography')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
