"""ECDSA P-256 verification in the MicroPython subset, for the golden vectors only.

MicroPython has no ECDSA; on the box `device/crypto` verifies. This module exists so that signed vectors
can be checked inside a MicroPython interpreter as well. It is checked against `cryptography` on CPython.
Not constant in time, which verification of public data does not need.

Points are Jacobian triples (x, y, z) with affine x/z², y/z³; z = 0 is the point at infinity (FIPS 186-5,
SP 800-186 for the constants).
"""

import hashlib

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
INFINITY = (0, 1, 0)

COORDINATE_BYTES = 32
POINT_BYTES = 1 + 2 * COORDINATE_BYTES
# SubjectPublicKeyInfo of an uncompressed P-256 point: this header, then the point.
SPKI_HEADER = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


class MalformedKeyError(ValueError):
    """The bytes are no uncompressed point of the curve."""


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature `r ‖ s` over SHA-256 of the message was made by this key (SPEC 3.1).

    public_key: an uncompressed point, or the SubjectPublicKeyInfo that holds one.

    Raises:
        MalformedKeyError: the key is no point of the curve.
    """
    point = _point(public_key)
    if len(signature) != 2 * COORDINATE_BYTES:
        return False
    r = int.from_bytes(signature[:COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[COORDINATE_BYTES:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, N - 2, N)
    x, _, z = _sum_of_multiples(digest * inverse % N, G, r * inverse % N, point)
    if z == 0:
        return False
    affine_x = x * pow(z * z % P, P - 2, P) % P
    return affine_x % N == r


def verify_der(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """The same for a signature in DER, as passkeys and TUF write it."""
    raw = _raw(signature)
    return raw is not None and verify(public_key, raw, message)


def _point(key: bytes) -> "tuple[int, int, int]":
    if key.startswith(SPKI_HEADER):
        key = key[len(SPKI_HEADER) :]
    if len(key) != POINT_BYTES or key[0] != 4:
        raise MalformedKeyError(f"want an uncompressed point of {POINT_BYTES} bytes, got {len(key)}")
    x = int.from_bytes(key[1 : 1 + COORDINATE_BYTES], "big")
    y = int.from_bytes(key[1 + COORDINATE_BYTES :], "big")
    if x >= P or y >= P or (y * y - (x * x * x - 3 * x + B)) % P:
        raise MalformedKeyError("the point is not on the curve")
    return x, y, 1


def _raw(der: bytes) -> "bytes | None":
    """The 64 bytes of a strict DER signature, or None if it is not one."""
    if len(der) < 8 or len(der) > 72 or der[0] != 0x30 or der[1] != len(der) - 2:
        return None
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if r < 0 or s < 0 or rest:
        return None
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")


def _integer(der: bytes) -> "tuple[int, bytes]":
    """A non-negative DER integer and what follows it; -1 if it is malformed."""
    if len(der) < 3 or der[0] != 0x02 or not 1 <= der[1] <= len(der) - 2:
        return -1, b""
    body = der[2 : 2 + der[1]]
    is_padded = len(body) > 1 and body[0] == 0 and body[1] < 0x80
    if body[0] >= 0x80 or is_padded or len(body) > COORDINATE_BYTES + 1:
        return -1, b""
    return int.from_bytes(body, "big"), der[2 + der[1] :]


def _sum_of_multiples(a: int, p: "tuple[int, int, int]", b: int, q: "tuple[int, int, int]") -> "tuple[int, int, int]":
    """a·p + b·q, both multiples walked at once (Shamir's trick)."""
    both = _add(p, q)
    total = INFINITY
    for shift in range(255, -1, -1):
        total = _double(total)
        bits = (a >> shift & 1, b >> shift & 1)
        if bits == (1, 1):
            total = _add(total, both)
        elif bits == (1, 0):
            total = _add(total, p)
        elif bits == (0, 1):
            total = _add(total, q)
    return total


def _double(p: "tuple[int, int, int]") -> "tuple[int, int, int]":
    x, y, z = p
    if z == 0 or y == 0:
        return INFINITY
    yy = y * y % P
    s = 4 * x * yy % P
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P  # a = -3
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _add(p: "tuple[int, int, int]", q: "tuple[int, int, int]") -> "tuple[int, int, int]":
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    x1, y1, z1 = p
    x2, y2, z2 = q
    z1z1 = z1 * z1 % P
    z2z2 = z2 * z2 % P
    u1 = x1 * z2z2 % P
    s1 = y1 * z2 * z2z2 % P
    h = (x2 * z1z1 - u1) % P
    r = (y2 * z1 * z1z1 - s1) % P
    if h == 0:
        return _double(p) if r == 0 else INFINITY
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P
