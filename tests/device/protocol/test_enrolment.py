"""SPEC 14: voucher, claim, and the proof that binds them."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.enrolment import Claim, Voucher, claim_proof
from device.protocol.errors import MalformedError
from tests.device.protocol.builders import BOX, NONCE, NOW_MS, VENUE

SECRET = "ffeeddccbbaa99887766554433221100"
VOUCHER = Voucher(voucher="V-0001", box=BOX, venue=VENUE, secret=SECRET, not_after_ms=NOW_MS)


def test_14_2_a_voucher_is_read_as_it_was_written() -> None:
    assert Voucher.decode(VOUCHER.encode()) == VOUCHER
    with pytest.raises(MalformedError):
        VOUCHER.replace(secret="").encode()


def test_14_3_a_claim_is_read_as_it_was_written() -> None:
    claim = Claim(
        box=BOX, venue=VENUE, voucher="V-0001", proof="0" * 64, nonce=NONCE,
        csr=base64.b64encode(b"csr").decode(), idevid=base64.b64encode(b"certificate").decode(),
    )  # fmt: skip
    assert Claim.decode(claim.encode()) == claim


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
