"""Names and small things: regions, venue codes, topics, claim proofs, serial frames (SPEC 4, 11, 14.3, 15.5)."""

import hashlib
import hmac
from typing import Any

from device.protocol.serial_frame import frame
from tests.device.protocol.builders import BOX, NONCE, VENUE
from tests.vectors.sources.vector import Vector, code, vector

_REGIONS = ["000000", "310000", "310100", "310101", "310102", "320000"]


def region_vectors() -> list[Vector]:
    sound = {
        "000000": (1, _REGIONS),
        "310000": (2, ["310000", "310100", "310101", "310102"]),
        "310100": (3, ["310100", "310101", "310102"]),
        "310101": (4, ["310101"]),
        "320000": (2, ["320000"]),
    }
    good: list[Vector] = [
        vector(region, "4.1", {"level": level, "contains": inside}, region=region, others=_REGIONS)
        for region, (level, inside) in sound.items()
    ]
    bad = ["", "31", "31010", "3101011", "310001", "000100", "000001", "31010x", "３10101"]
    return [*good, *[vector(f"none: {text}", "4.1", None, region=text, others=_REGIONS) for text in bad]]


def venue_code_vectors() -> list[Vector]:
    good = ["J0131010100001Y", "J0150010300176E", "J01410105000517"]
    bad = {
        "one character wrong": ("J0131010100002Y", "VENUE_CODE_CHECK"),
        "neighbours swapped": ("J0131010010001Y", "VENUE_CODE_CHECK"),
        "the check swapped with its neighbour": ("J013101010000Y1", "VENUE_CODE_FORM"),
        "another check": ("J0131010100001X", "VENUE_CODE_CHECK"),
        "small letters": ("j0131010100001y", "VENUE_CODE_FORM"),
        "another kind of venue": ("J0231010100001Y", "VENUE_CODE_FORM"),
        "the letter O": ("J0131O10100001Y", "VENUE_CODE_FORM"),
        "a letter in the sequence": ("J01310101A0001Y", "VENUE_CODE_FORM"),
        "no region": ("J0131000100001Y", "VENUE_CODE_FORM"),
        "too short": ("J0131010100001", "VENUE_CODE_FORM"),
        "too long": ("J0131010100001YY", "VENUE_CODE_FORM"),
        "digits of another script": ("J01３1010100001Y", "VENUE_CODE_FORM"),
        "empty": ("", "VENUE_CODE_FORM"),
    }
    sound = [vector(text, "4.2", {"venue": text}, text=text) for text in good]
    return [*sound, *[vector(name, "4.2", code(expected), text=text) for name, (text, expected) in bad.items()]]


def topic_vectors() -> list[Vector]:
    sound: dict[str, tuple[list[str] | None, str]] = {
        "v1/up/KTV-00A1/journal": ([BOX, "journal"], ""),
        "v1/up/KTV-00A1/report": ([BOX, "report"], ""),
        "v1/up/KTV-00A1/receipt": ([BOX, "receipt"], ""),
        "v1/dn/KTV-00A1/order": (None, "order"),
        "v1/dn/KTV-00A1/notice": (None, "notice"),
        "v1/dn/KTV-00A1/lease": (None, "lease"),
        "v1/dn/KTV-00A1/extension": (None, "extension"),
        "v1/dn/all/extension": (None, "extension"),
        "v1/dn/KTV-00A1/ack": (None, "ack"),
        "v1/dn/KTV-00A1/rollout": (None, "rollout"),
        "v1/dn/KTV-00A1/look": (None, "look"),
        "v1/dn/all/order": (None, "order"),
        "v1/dn/all/notice": (None, "notice"),
        "v1/dn/all/look": (None, "look"),
    }
    nothing = ["v1/dn/all/lease", "v1/dn/all/ack", "v1/dn/KTV-00A2/order", "v1/up/KTV-00A1/order", "v1/up/all/journal",
               "v2/up/KTV-00A1/journal", "v1/up/KTV-00A1", "v1/up/KTV-00A1/journal/1", "v1/dn/+/order", ""]  # fmt: skip
    return [
        vector(topic or "empty", "11", {"up": up, "down": down}, box=BOX, topic=topic)
        for topic, (up, down) in (sound | dict.fromkeys(nothing, (None, ""))).items()
    ]


def claim_proof_vectors() -> list[Vector]:
    """The expectation is computed by Python's own hmac."""

    def of(name: str, secret: str, nonce: str, csr: bytes, box: str = BOX, venue: str = VENUE) -> Vector:
        message = b"FBCLAIM1" + bytes.fromhex(nonce) + hashlib.sha256(csr).digest() + box.encode() + venue.encode()
        proof = hmac.new(bytes.fromhex(secret), message, "sha256").hexdigest()
        given = {"secret": secret, "nonce": nonce, "csr": csr.hex(), "box": box, "venue": venue}
        return vector(name, "14.3", {"proof": proof}, **given)

    secret = "ffeeddccbbaa99887766554433221100"
    return [
        of("a claim", secret, NONCE, b"certificate request"),
        of("another nonce", secret, "0" * 32, b"certificate request"),
        of("another secret", "0" * 32, NONCE, b"certificate request"),
        of("another box", secret, NONCE, b"certificate request", box="KTV-00A2"),
        of("an empty request", secret, NONCE, b""),
    ]


def serial_frame_vectors() -> list[Vector]:
    state, play = b'{"id":1,"op":"state"}', '{"id":2,"op":"play","room":"包厢1"}'.encode()
    one, two = frame(state), frame(play)
    largest = frame(b"x" * 1024)
    spoiled = bytearray(one)
    spoiled[6] ^= 0x20

    def of(name: str, payloads: list[bytes], dropped_bytes: int, *pieces: tuple[bytes, int]) -> Vector:
        given: Any = [{"hex": raw.hex(), "at_ms": at_ms} for raw, at_ms in pieces]
        expect = {"payloads": [payload.hex() for payload in payloads], "dropped_bytes": dropped_bytes}
        return vector(name, "15.5", expect, pieces=given)

    return [
        of("one frame", [state], 0, (one, 0)),
        of("two at once", [state, play], 0, (one + two, 0)),
        of("byte by byte", [state], 0, *[(one[at : at + 1], at * 10) for at in range(len(one))]),
        of("the largest", [b"x" * 1024], 0, (largest, 0)),
        of("noise before", [state], 3, (b"\x00\xfb\xff" + one, 0)),
        of("a mark in the noise", [state], 1, (b"\xfb" + one, 0)),
        of("a changed byte, then a frame", [play], len(one), (bytes(spoiled), 0), (two, 10)),
        of("the beginning of a frame, then silence, then a frame", [play], 9, (one[:9], 0), (two, 201)),
        of("the rest of a frame after too long a silence", [], len(one), (one[:9], 0), (one[9:], 201)),
        of("a slow line is not silent", [state], 0, (one[:9], 0), (one[9:], 200)),
        of("a length of nought", [state], 4, (b"\xfb\x01\x00\x00" + one, 0)),
        of("a length beyond the limit", [state], 4, (b"\xfb\x01\x04\x01" + one, 0)),
        of("a false head swallows nothing", [state, play], 4, (b"\xfb\x01\x00\x30" + one, 0), (two, 10)),
    ]
