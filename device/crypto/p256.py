"""ECDSA P-256 with SHA-256: the suite of SPEC 3.1.

    key = SigningKey.generate()
    assert verify(key.key, b"message", key.sign(b"message"))

Signatures are `r ‖ s`, 64 bytes, written with the low `s`. Private keys are PEM files, PKCS#8.
"""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from device.protocol.keys import Key, key_of

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ALGORITHM = ec.ECDSA(hashes.SHA256())


class KeyFileError(Exception):
    """A key file that is missing, locked by another passphrase or not a P-256 key; the message says which."""


def verify(key: Key, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over the message. A point that is not on the curve verifies nothing."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _public_key(key.point).verify(encode_dss_signature(r, s), message, _ALGORITHM)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def public_key(key: Key) -> ec.EllipticCurvePublicKey:
    """The key as the `cryptography` library has it; raises ValueError if the point is not on the curve."""
    return _public_key(key.point)


def key_of_public(public: ec.EllipticCurvePublicKey) -> Key:
    """The protocol's key of a P-256 public key, e.g. of a certificate; raises ValueError for another curve."""
    if public.curve.name != "secp256r1":
        raise ValueError("not a P-256 key")
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return key_of(point)


class SigningKey:
    """A private key in memory."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.key = key_of_public(private.public_key())

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> "SigningKey":
        """Raises KeyFileError."""
        try:
            private = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"no readable private key: {error}") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise KeyFileError("not a P-256 key")
        return cls(private)

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> "SigningKey":
        """Raises KeyFileError that names the file."""
        try:
            return cls.from_pem(path.read_bytes(), passphrase)
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}") from error
        except KeyFileError as error:
            raise KeyFileError(f"{path}: {error}") from error

    def pem(self, passphrase: bytes | None = None) -> bytes:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write a new file, readable by the owner only; raises FileExistsError: a key is never overwritten."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.pem(passphrase))
            file.flush()
            os.fsync(file.fileno())

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, _ALGORITHM))
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")
