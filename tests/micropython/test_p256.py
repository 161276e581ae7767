"""The verifier for MicroPython agrees with `cryptography`."""

from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.micropython import p256

MESSAGE = b"stop order 310101-2026-000123"


@cache
def key(number: int = 7) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def point(number: int = 7) -> bytes:
    return key(number).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def sign_der(message: bytes = MESSAGE, number: int = 7) -> bytes:
    return key(number).sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign(message: bytes = MESSAGE, number: int = 7) -> bytes:
    return raw(*decode_dss_signature(sign_der(message, number)))


@settings(max_examples=20, deadline=None)
@given(number=st.integers(1, p256.N - 1), message=st.binary(max_size=80))
def test_every_signature_of_cryptography_verifies(number: int, message: bytes) -> None:
    assert p256.verify(point(number), sign(message, number), message)
    assert p256.verify_der(point(number), sign_der(message, number), message)


def test_a_key_may_come_as_subject_public_key_info() -> None:
    spki = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert p256.verify(spki, sign(), MESSAGE)


# With the key 1 the public point is the generator, with N-1 its negative: the sums that special cases meet.
@pytest.mark.parametrize("number", [1, 2, p256.N - 2, p256.N - 1])
def test_points_next_to_the_generator_verify(number: int) -> None:
    assert p256.verify(point(number), sign(number=number), MESSAGE)


def test_another_message_is_not_signed() -> None:
    assert not p256.verify(point(), sign(), MESSAGE + b"4")


def test_another_person_did_not_sign() -> None:
    assert not p256.verify(point(8), sign(), MESSAGE)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_changed_bit_spoils_the_signature(data: st.DataObject) -> None:
    signature = bytearray(sign())
    place = data.draw(st.integers(0, len(signature) * 8 - 1))
    signature[place // 8] ^= 1 << place % 8
    assert not p256.verify(point(), bytes(signature), MESSAGE)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (p256.N, 1), (1, p256.N)])
def test_numbers_out_of_range_are_no_signature(r: int, s: int) -> None:
    assert not p256.verify(point(), raw(r, s), MESSAGE)
    assert not p256.verify_der(point(), encode_dss_signature(r, s), MESSAGE)


@pytest.mark.parametrize("bad", [b"", bytes(64), bytes(63), sign() + b"\0", sign_der()])
def test_a_signature_is_64_bytes(bad: bytes) -> None:
    assert not p256.verify(point(), bad, MESSAGE)


def test_the_high_s_is_accepted_too() -> None:
    r, s = decode_dss_signature(sign_der())
    assert p256.verify(point(), raw(r, p256.N - s), MESSAGE)


DER = sign_der()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        DER[:-1],
        DER + b"\0",
        b"\x31" + DER[1:],
        bytes([0x30, DER[1] + 1, 0x02, DER[3] + 1, 0]) + DER[4:],  # a zero in front: the same number
        bytes.fromhex("3006020181020101"),  # a negative number
        bytes.fromhex("3006020101030101"),  # another type
        bytes([0x30, 0x45, 0x02, 0x40]) + b"\1" * 0x40 + b"\2\1\1",  # a number too long
        encode_dss_signature(*decode_dss_signature(DER)) + b"\0" * 60,
    ],
)
def test_der_has_one_form(bad: bytes) -> None:
    assert not p256.verify_der(point(), bad, MESSAGE)


@pytest.mark.parametrize("bad", [b"", point()[:-1], b"\2" + point()[1:], point()[:-1] + b"\0"])
def test_a_key_off_the_curve_is_malformed(bad: bytes) -> None:
    with pytest.raises(p256.MalformedKeyError):
        p256.verify(bad, sign(), MESSAGE)
