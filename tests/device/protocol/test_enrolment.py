"""SPEC 14: voucher, claim, and the proof that binds them."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.enrolment import Claim, Voucher, claim_proof
from device.protocol.errors import MalformedError
from tests.device.protocol.builders import BOX, NONCE, VENUE, claim, voucher

SECRET = "ffeeddccbbaa99887766554433221100"


def test_14_2_a_voucher_is_read_as_it_was_written() -> None:
    assert Voucher.decode(voucher().encode()) == voucher()
    with pytest.raises(MalformedError):
        voucher().replace(secret="").encode()


def test_14_3_a_claim_is_read_as_it_was_written() -> None:
    assert Claim.decode(claim().encode()) == claim()


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_14_3_the_proof_is_an_hmac_as_others_compute_it(csr: bytes, secret: bytes, nonce: bytes) -> None:
    message = b"FBCLAIM1" + nonce + hashlib.sha256(csr).digest() + BOX.encode() + VENUE.encode()
    proof = claim_proof(secret.hex(), nonce.hex(), csr, BOX, VENUE)
    assert proof == hmac.new(secret, message, "sha256").hexdigest()


def test_14_3_a_proof_is_for_one_key_box_venue_and_nonce() -> None:
    proofs = {
        claim_proof(secret, nonce, csr, box, venue)
        for secret in (SECRET, NONCE)
        for nonce in (SECRET, NONCE)
        for csr in (b"one", b"two")
        for box in (BOX, "KTV-00A2")
        for venue in (VENUE, "J0150010300176E")
    }
    assert len(proofs) == 32
