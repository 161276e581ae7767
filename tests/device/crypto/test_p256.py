"""SPEC 3.1 by two libraries: what one signs the other verifies."""

import stat
from pathlib import Path

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from device.crypto.p256 import KeyFileError, SigningKey, key_of_public, public_key, verify
from device.protocol.keys import Key, keyid_of

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MESSAGE = b"stop order 310101-2026-000123"
SIGNER = SigningKey(ec.derive_private_key(1001, ec.SECP256R1()))
SIGNATURE = SIGNER.sign(MESSAGE)
SCALARS = st.integers(1, ORDER - 1)


def of_scalar(scalar: int) -> SigningKey:
    return SigningKey(ec.derive_private_key(scalar, ec.SECP256R1()))


def signature(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def other_key(point: bytes) -> Key:
    """A key by its form; whether the point lies on the curve is another question."""
    return Key(keyid=keyid_of(point), public=point.hex(), scheme="ecdsa-p256-sha256")


@settings(max_examples=15)
@given(SCALARS, st.binary(max_size=200))
def test_3_1_pycryptodome_verifies_what_we_sign(scalar: int, message: bytes) -> None:
    signer = of_scalar(scalar)
    point = ECC.import_key(b"\x04" + signer.key.point[1:], curve_name="P-256")
    DSS.new(point, "fips-186-3").verify(SHA256.new(message), signer.sign(message))
    with pytest.raises(ValueError, match="not authentic"):
        DSS.new(point, "fips-186-3").verify(SHA256.new(message + b"!"), signer.sign(message))


@settings(max_examples=15)
@given(SCALARS, st.binary(max_size=200))
def test_3_1_we_verify_what_pycryptodome_signs(scalar: int, message: bytes) -> None:
    signed = DSS.new(ECC.construct(curve="P-256", d=scalar), "deterministic-rfc6979").sign(SHA256.new(message))
    key = of_scalar(scalar).key
    assert verify(key, message, signed)
    assert not verify(key, message + b"!", signed)


@settings(max_examples=30)
@given(st.binary(max_size=40))
def test_3_1_signers_write_the_low_s_and_verifiers_take_both(message: bytes) -> None:
    signed = SIGNER.sign(message)
    r, s = int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big")
    assert 0 < s <= ORDER // 2
    assert verify(SIGNER.key, message, signature(r, ORDER - s))


@given(st.integers(0, 511))
def test_3_1_a_changed_bit_is_no_signature(bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(SIGNER.key, MESSAGE, bytes(changed))


@pytest.mark.parametrize("bad", [b"", SIGNATURE[:63], SIGNATURE + b"\x00", bytes(64), b"\xff" * 64])
def test_3_1_what_is_no_signature(bad: bytes) -> None:
    assert not verify(SIGNER.key, MESSAGE, bad)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER - 1, ORDER - 1)])
def test_3_1_numbers_out_of_range_verify_nothing(r: int, s: int) -> None:
    assert not verify(SIGNER.key, MESSAGE, signature(r, s))


@pytest.mark.parametrize(
    "point",
    [
        b"\x04" + bytes(64),
        SIGNER.key.point[:-1] + bytes([SIGNER.key.point[-1] ^ 1]),
        b"\x04" + b"\xff" * 64,
        b"\x05" + SIGNER.key.point[1:],
    ],
)
def test_3_1_a_point_off_the_curve_verifies_nothing(point: bytes) -> None:
    key = other_key(point)
    assert not verify(key, MESSAGE, SIGNATURE)
    with pytest.raises(ValueError, match=r"point|key"):
        public_key(key)


def test_3_1_another_person_did_not_sign() -> None:
    assert not verify(SigningKey.generate().key, MESSAGE, SIGNATURE)


def test_3_1_a_keyid_is_that_of_pycryptodome_too() -> None:
    der = ECC.construct(curve="P-256", d=1001).public_key().export_key(format="DER", compress=False)
    assert SIGNER.key.keyid == SHA256.new(der).hexdigest()
    assert key_of_public(public_key(SIGNER.key)) == SIGNER.key


def test_3_1_keys_of_other_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="P-256"):
        key_of_public(ec.generate_private_key(ec.SECP384R1()).public_key())


def test_a_key_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "plain.pem")
    SIGNER.save(tmp_path / "locked.pem", b"passphrase")
    assert SigningKey.load(tmp_path / "plain.pem").key == SIGNER.key
    assert SigningKey.load(tmp_path / "locked.pem", b"passphrase").key == SIGNER.key
    assert b"ENCRYPTED" in (tmp_path / "locked.pem").read_bytes()


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "key.pem")
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(tmp_path / "key.pem")
    assert SigningKey.load(tmp_path / "key.pem").key == SIGNER.key


UNHEARD_OF_CURVE = b"""-----BEGIN PRIVATE KEY-----
MGECAQAwEAYHKoZIzj0CAQYFK4EEAAkESjBIAgEBBBUA71Q2LMpfDnrRGtvcn5WZ
KZOj1N6hLAMqAAT1UpOdHuF6mykdKlBxs4sRiyza0UbkTcFY600jurLKv7mx4YHE
0FV4
-----END PRIVATE KEY-----
"""


def pem_of(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        UNHEARD_OF_CURVE,
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        SIGNER.pem(b"passphrase"),
        SIGNER.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["empty", "garbage", "another curve", "an unheard-of curve", "another scheme", "locked", "public"],
)
def test_a_file_that_is_no_key_names_itself(pem: bytes, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(KeyFileError, match=r"key\.pem"):
        SigningKey.load(tmp_path / "key.pem")


def test_a_wrong_passphrase_is_told(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "locked.pem", b"passphrase")
    SIGNER.save(tmp_path / "plain.pem")
    for name in ("locked.pem", "plain.pem"):
        with pytest.raises(KeyFileError, match=name):
            SigningKey.load(tmp_path / name, b"another")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        SigningKey.load(tmp_path / "none.pem")
