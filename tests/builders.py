"""Documents, people and boxes for tests: sound by default, and one argument makes one fact wrong.

Signatures here are made up: `sign` and `verify` agree with each other and cost nothing, on MicroPython too. Whoever
tests with real keys passes them as `signers` (anything with `.key` and `.sign(message)`, as in `device/crypto`).

    raw = order_envelope("stop", grace_s=0)              # signed by ZHANG, who drafted it, and LI
    raw = order_envelope("stop", signers=(ZHANG,))       # one voice is missing: ORDER_THRESHOLD
"""

import hashlib

from device.protocol.catalog import SongRecord, row_of
from device.protocol.envelope import seal
from device.protocol.keys import key_of
from device.protocol.lease import Extension, Lease
from device.protocol.limits import DAY_MS, LEASE_PLAYS_MIN
from device.protocol.notices import Notice
from device.protocol.orders import Order, Scope, Target
from device.protocol.policy import AuthorityPolicy, FleetKey, Person, Rules, ScopeLimit
from device.protocol.updates import RolloutLeg
from device.protocol.uplink import Ack
from device.protocol.venue_code import format_venue_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from device.protocol.envelope import Signer
    from device.protocol.keys import Key

BOX = "KTV-00000001"
REGION = "440106"  # Tianhe district, Guangzhou, Guangdong
CITY, PROVINCE, COUNTRY = "440100", "440000", "000000"
ELSEWHERE = "310101"
VENUE = format_venue_code(REGION, 1)
OTHER_VENUE = format_venue_code(REGION, 2)

NOON_MS = 1_790_049_600_000  # 2026-09-22 12:00:00 at UTC+08:00
HOUR_MS = 3_600_000


class FakeSigner:
    """A key that anybody could forge; good enough where cryptography is not the matter."""

    def __init__(self, name: str) -> None:
        half = hashlib.sha256(name.encode()).digest()
        self.key = key_of(b"\x04" + half + half)

    def sign(self, message: bytes) -> bytes:
        return _fake_signature(self.key, message)


class BoardSecret:
    """The secret of a board that a test knows."""

    def __init__(self, name: bytes = b"this board") -> None:
        self._secret = hashlib.sha256(name).digest()

    def read(self) -> bytes:
        return self._secret


def fake_verify(key: "Key", message: bytes, signature: bytes) -> bool:
    """Whether a FakeSigner signed this."""
    return signature == _fake_signature(key, message)


def _fake_signature(key: "Key", message: bytes) -> bytes:
    return hashlib.sha256(key.keyid.encode() + message).digest() * 2


ZHANG, LI = FakeSigner("zhang"), FakeSigner("li")  # officers of the county
ZHANG_SECOND = FakeSigner("zhang-2")  # the second key of the same person
CHEN, ZHOU = FakeSigner("chen"), FakeSigner("zhou")  # officers of the province
WANG, ZHAO = FakeSigner("wang"), FakeSigner("zhao")  # officers elsewhere
STRANGER = FakeSigner("stranger")
LEASE_KEY, ACK_KEY, ROLLOUT_KEY = FakeSigner("lease"), FakeSigner("ack"), FakeSigner("rollout")

_ALL_KINDS = ("stop", "resume", "ban", "lift", "service", "notice")
_PEOPLE = (
    ("zhang", REGION, (ZHANG, ZHANG_SECOND)),
    ("li", REGION, (LI,)),
    ("chen", PROVINCE, (CHEN,)),
    ("zhou", PROVINCE, (ZHOU,)),
    ("wang", ELSEWHERE, (WANG,)),
    ("zhao", ELSEWHERE, (ZHAO,)),
)


def policy(**changes: "Any") -> AuthorityPolicy:
    """Six officers, two in each of three places, who may sign everything; `cut_song_s` for its one rule."""
    rules = Rules(cut_song_s=changes.pop("cut_song_s", 60))
    may = changes.pop("may", _ALL_KINDS)
    persons = [
        Person(person=name, name=name, region=region, may=may, keys=tuple([signer.key for signer in signers]))
        for name, region, signers in _PEOPLE
    ]
    services = (("lease", LEASE_KEY), ("ack", ACK_KEY), ("rollout", ROLLOUT_KEY))
    fields: dict[str, Any] = {
        "epoch": 1,
        "issued_at_ms": NOON_MS - 30 * DAY_MS,
        "persons": tuple(persons),
        "services": tuple([FleetKey(use=use, key=signer.key) for use, signer in services]),
        "authorities": (),
        "limits": tuple([ScopeLimit(level=level, venues_max=1_000_000) for level in (1, 2, 3, 4)]),
        "moved": (),
        "rules": rules,
    }
    fields.update(changes)
    return AuthorityPolicy(**fields)


def order(kind: str = "stop", **changes: "Any") -> Order:
    """An order of the county about the venue; `number` for the last part of its number."""
    authority = changes.get("authority", REGION)
    number = changes.pop("number", 1)
    fields: dict[str, Any] = {
        "order": f"{authority}-2026-{number:06d}",
        "kind": kind,
        "authority": authority,
        "drafted_by": "zhang",
        "document": f"穗天文执 2026-{number}",
        "basis": "娱乐场所管理条例 第十四条",
        "text_zh": "停业整顿",
        "text_en": "Closed by order.",
        "issued_at_ms": NOON_MS - HOUR_MS,
        "expires_at_ms": NOON_MS + 7 * DAY_MS,
        "scope": Scope(venues=(VENUE,), region=""),
    }
    if kind == "stop":
        fields.update({"ends_at_ms": NOON_MS + 30 * DAY_MS, "grace_s": 0})
    elif kind == "service":
        fields.update({"action": "clear-seal", "opening": 1})
    elif kind == "ban":
        fields.update({"targets": (Target(by="version", id="000482"),), "ends_at_ms": None})
    else:
        fields["ends"] = (f"{REGION}-2026-000001",)
    fields.update(changes)
    return Order(**fields)


def order_envelope(kind: str = "stop", signers: "Iterable[Signer]" = (ZHANG, LI), **changes: "Any") -> bytes:
    """The order of `order()`, signed by two officers of the county."""
    return seal("order", order(kind, **changes).encode(), signers).encode()


def notice(**changes: "Any") -> Notice:
    """A notice of the county to the venue; `number` for the last part of its number."""
    number = changes.pop("number", 1)
    fields: dict[str, Any] = {
        "notice": f"{REGION}-2026-T{number:05d}",
        "kind": "notice",
        "authority": REGION,
        "issued_by": "zhang",
        "scope": Scope(venues=(VENUE,), region=""),
        "text_zh": "请检查消防通道。",
        "text_en": "Please check the fire exits.",
        "issued_at_ms": NOON_MS - HOUR_MS,
        "show_until_ms": NOON_MS + 7 * DAY_MS,
    }
    fields.update(changes)
    return Notice(**fields)


def notice_envelope(signers: "Iterable[Signer]" = (ZHANG,), **changes: "Any") -> bytes:
    return seal("notice", notice(**changes).encode(), signers).encode()


def lease(**changes: "Any") -> Lease:
    """A lease of the default term: 72 hours of full service, 30 days until the stop. `nonce` must be the box's."""
    issued_at_ms = changes.get("issued_at_ms", NOON_MS)
    fields: dict[str, Any] = {
        "box": BOX,
        "venue": VENUE,
        "region": REGION,
        "lease": 1,
        "nonce": "0" * 32,
        "issued_at_ms": issued_at_ms,
        "full_until_ms": issued_at_ms + 3 * DAY_MS,
        "core_from_ms": issued_at_ms + 7 * DAY_MS,
        "stop_at_ms": issued_at_ms + 30 * DAY_MS,
        "powered_s_max": 33 * DAY_MS // 1000,
        "plays_max": LEASE_PLAYS_MIN,
        "policy_epoch": 1,
        "catalog_epoch": 1,
    }
    fields.update(changes)
    return Lease(**fields)


def lease_envelope(signers: "Iterable[Signer]" = (LEASE_KEY,), **changes: "Any") -> bytes:
    return seal("lease", lease(**changes).encode(), signers).encode()


def extension_envelope(signers: "Iterable[Signer]" = (LEASE_KEY,), **changes: "Any") -> bytes:
    """Five more days for the city, signed by the lease key."""
    issued_at_ms = changes.get("issued_at_ms", NOON_MS)
    fields = {"extension": 1, "region": CITY, "issued_at_ms": issued_at_ms, "full_until_ms": issued_at_ms + 5 * DAY_MS}
    fields.update(changes)
    return seal("extension", Extension(**fields).encode(), signers).encode()


def ack_envelope(signers: "Iterable[Signer]" = (ACK_KEY,), **changes: "Any") -> bytes:
    """An ack of nothing yet: give `size` and `head`."""
    fields: dict[str, Any] = {
        "box": BOX,
        "epoch": 1,
        "result": "ack",
        "size": 0,
        "head": "0" * 64,
        "code": "",
        "at_ms": NOON_MS,
    }
    fields.update(changes)
    return seal("ack", Ack(**fields).encode(), signers).encode()


def leg_envelope(signers: "Iterable[Signer]" = (ROLLOUT_KEY,), **changes: "Any") -> bytes:
    """A rollout leg to version 2.0.0."""
    fields: dict[str, Any] = {"box": BOX, "rollout": "r-1", "version": "2.0.0", "issued_at_ms": NOON_MS}
    fields.update(changes)
    return seal("rollout", RolloutLeg(**fields).encode(), signers).encode()


def song(name: str = "000482", **changes: "Any") -> SongRecord:
    """What the catalog says of a song: its work is `w-NAME`, its file's hash that of `f-NAME`, its picture's of
    `p-NAME`. changes: as `row_of` takes them, and `regions`.
    """
    regions = changes.pop("regions", ())
    fields: dict[str, Any] = {
        "work": f"w-{name}",
        "file": file_sha256(name),
        "picture": picture_sha256(name),
        "duration_s": 240,
        "scope": 1 if regions else 0,
    }
    fields.update(changes)
    work = fields.pop("work")
    return SongRecord(row_of(name, work, **fields), ((), tuple(regions)))


def picture_sha256(name: str) -> str:
    """The hash of a song's picture, as a ban names it."""
    return hashlib.sha256(f"p-{name}".encode()).digest().hex()


def file_sha256(name: str) -> str:
    """The hash of a song's file, as a ban names it."""
    return hashlib.sha256(f"f-{name}".encode()).digest().hex()
