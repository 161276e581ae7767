"""Documents of every kind, sound and spoiled (SPEC 2 and the clause of each kind)."""

import json
from typing import Any

from device.protocol.limits import (
    BATCH_BYTES_MAX,
    ENTRY_BYTES_MAX,
    ENVELOPE_BYTES_MAX,
    MANIFEST_BYTES_MAX,
    ORDER_BYTES_MAX,
    POLICY_BYTES_MAX,
)
from device.protocol.orders import Scope
from device.protocol.record import Document
from device.protocol.uplink import Batch
from tests.device.protocol.builders import (
    BODY_OF,
    NOW_MS,
    OTHER_VENUES,
    VENUE,
    ack,
    ban,
    ban_list,
    batch,
    bundle_manifest,
    catalog_manifest,
    checkpoint,
    claim,
    content_file,
    entries,
    entry,
    extension,
    lease,
    lift,
    notice,
    policy,
    receipt,
    renewal,
    report,
    resume,
    rollout_leg,
    service,
    stop,
    voucher,
)
from tests.device.protocol.malformed_json import MALFORMED
from tests.vectors.sources import limits
from tests.vectors.sources.vector import Vector, code, input_of, runs_of, vector

_DAY_MS = 86_400_000
ROOMS = Scope(venues=(VENUE,), region="", rooms=("K1", "包房8"))

SOUND: list[tuple[str, str, str, bytes]] = [
    ("ack", "10.3", "ack", ack().encode()),
    ("authority policy", "5.2", "policy", policy().encode()),
    ("batch", "10.1", "batch", batch(entries(2)).encode()),
    ("bundle manifest", "13.1", "bundle manifest", bundle_manifest().encode()),
    ("catalog manifest", "8.1", "catalog manifest", catalog_manifest().encode()),
    ("catalog manifest", "8.7", "catalog manifest with bans", catalog_manifest(content_file("bans")).encode()),
    ("ban list", "8.7", "ban list", ban_list().encode()),
    ("checkpoint", "9.8", "checkpoint", checkpoint(entries(2)).encode()),
    ("claim", "14.3", "claim", claim().encode()),
    ("extension", "7.5", "extension", extension().encode()),
    ("lease", "7.1", "lease", lease().encode()),
    ("notice", "12.1", "notice", notice().encode()),
    ("order", "6.1", "stop", stop().encode()),
    ("order", "6.1", "resume", resume().encode()),
    ("order", "6.1", "ban", ban().encode()),
    ("order", "6.1", "lift", lift().encode()),
    ("order", "6.1", "stop of rooms", stop(scope=ROOMS).encode()),
    ("order", "6.1", "service", service().encode()),
    ("receipt", "6.5", "receipt", receipt().encode()),
    ("renewal", "14.4", "renewal", renewal().encode()),
    ("report", "10.4", "report", report().encode()),
    ("rollout leg", "13.2", "leg", rollout_leg().encode()),
    ("voucher", "14.2", "voucher", voucher().encode()),
]

# Kind, clause, and one change of the sound document: the path of names, and the value that must not stand there.
SPOILED: list[tuple[str, str, str, Any]] = [
    ("ack", "10.3", "result", "maybe"),
    ("ack", "1.3", "head", "0" * 63),
    ("ack", "1.3", "head", "A" * 64),
    ("ack", "10.3", "epoch", 0),
    ("ack", "1.2", "at_ms", -1),
    ("authority policy", "5.2", "persons.0.may.0", "rename"),
    ("authority policy", "5.2", "persons.0.region", "31"),
    ("authority policy", "4.4", "persons.0.person", "Zhang"),
    ("authority policy", "3.1", "persons.0.keys.0.keyid", "0" * 64),
    ("authority policy", "3.1", "persons.0.keys.0.scheme", "rsa"),
    ("authority policy", "5.2", "services.0.use", "order"),
    ("authority policy", "5.2", "limits.0.level", 5),
    ("authority policy", "5.3", "limits.0.level", 2),
    ("authority policy", "5.3", "persons.1.person", "zhang"),
    ("batch", "10.1", "entries", []),
    ("batch", "10.1", "entries.0", 1),
    ("batch", "10.1", "entries.0", "中" * 342),
    ("batch", "3.2", "checkpoint.signatures", []),
    ("bundle manifest", "13.1", "version", "1.4"),
    ("bundle manifest", "13.1", "version", "1.04.1"),
    ("bundle manifest", "8.1", "image.path", "firmware/../../etc/passwd"),
    ("bundle manifest", "8.1", "image.path", "/etc/passwd"),
    ("catalog manifest", "17", "entries", 1_000_001),
    ("catalog manifest", "8.1", "tables.0.length", 0),
    ("catalog manifest", "8.7", "bans", {"path": "bans", "length": 0, "sha256": "0" * 64}),
    ("ban list", "8.7", "bans.0.order", ""),
    ("ban list", "8.7", "bans.0.targets", []),
    ("ban list", "8.7", "bans.0.lifted", [{"region": ""}]),
    ("checkpoint", "4.3", "box", "KTV-00a1"),
    ("checkpoint", "4.3", "box", "KTV-001"),
    ("claim", "14.3", "proof", ""),
    ("claim", "1.3", "csr", "Y3N?"),
    ("extension", "7.5", "full_until_ms", NOW_MS),
    ("extension", "7.5", "full_until_ms", NOW_MS + 7 * _DAY_MS + 1),
    ("extension", "7.5", "extension", 0),
    ("lease", "7.1", "powered_s_max", 3 * 86_400 - 1),
    ("lease", "7.1", "plays_max", 49_999),
    ("lease", "7.1", "core_from_ms", NOW_MS + 3 * _DAY_MS - 1),
    ("lease", "7.1", "full_until_ms", NOW_MS),
    ("lease", "7.1", "full_until_ms", NOW_MS + 3 * _DAY_MS - 1),
    ("lease", "7.1", "stop_at_ms", NOW_MS + 3 * _DAY_MS - 1),
    ("lease", "1.2", "issued_at_ms", 253_402_214_400_001),
    ("lease", "7.1", "stop_at_ms", NOW_MS + 40 * _DAY_MS + 1),
    ("lease", "7.1", "nonce", ""),
    ("lease", "7.1", "lease", 0),
    ("lease", "4.1", "region", "310001"),
    ("notice", "12.1", "kind", "order"),
    ("notice", "12.1", "show_until_ms", NOW_MS),
    ("notice", "2.5", "text_zh", "请\u202e核对"),
    ("notice", "4.5", "notice", "310101-2026-000007"),
    ("order", "6.1", "kind", "close"),
    ("order", "6.1", "scope", {}),
    ("order", "6.1", "scope", {"venues": [VENUE], "region": "310101"}),
    ("order", "6.1", "scope", {"venues": [VENUE, VENUE]}),
    ("order", "6.1", "scope", {"venues": [VENUE], "rooms": []}),
    ("order", "6.1", "scope", {"venues": [VENUE, OTHER_VENUES[0]], "rooms": ["K1"]}),
    ("order", "4.4", "scope", {"venues": [VENUE], "rooms": ["K 1"]}),
    ("order", "6.1", "scope", {"region": "310101", "rooms": ["K1"]}),
    ("order", "6.1", "ends_at_ms", None),
    ("order", "6.1", "ends_at_ms", NOW_MS),
    ("order", "6.1", "expires_at_ms", NOW_MS),
    ("order", "6.1", "expires_at_ms", NOW_MS + 90 * _DAY_MS + 1),
    ("order", "17", "grace_s", 601),
    ("order", "2.2", "grace_s", True),
    ("order", "2.2", "grace_s", "30"),
    ("order", "17", "text_zh", "停" * 501),
    ("order", "2.5", "text_en", "a\u2028b"),
    ("order", "4.5", "order", "310101-26-000123"),
    ("receipt", "6.5", "subject", "lease"),
    ("receipt", "6.5", "result", "done"),
    ("report", "10.4", "nonce", "0"),
    ("report", "10.4", "state", "unlocked"),
    ("report", "10.4", "seal", "closed"),
    ("report", "10.4", "refused", {"venue_locked": 1}),
    ("report", "10.4", "venue", None),
    ("report", "10.4", "faults", ["serial_down"]),
    ("report", "10.4", "journal.epoch", 0),
    ("rollout leg", "13.1", "version", "1.4.1-rc1"),
    ("voucher", "14.2", "secret", "0" * 30),
]
VENUE_SLIPS: list[tuple[str, str, Any, str]] = [
    ("order", "scope", {"venues": [VENUE, VENUE[:-1] + "X"]}, "VENUE_CODE_CHECK"),
    ("order", "scope", {"venues": [VENUE.lower()]}, "VENUE_CODE_FORM"),
    ("lease", "venue", VENUE[:-1] + "X", "VENUE_CODE_CHECK"),
    ("lease", "venue", OTHER_VENUES[0].lower(), "VENUE_CODE_FORM"),
]
_SPELLINGS = {
    "space and other sequence": b' {\n\t"b" : 1 ,\r "a" : [ ] } ',
    "escapes that need not be": b'{"\\u0061":"\\u4e2d\\/\\u007f"}',
    "a pair of surrogates": b'{"a":"\\ud83d\\ude00"}',
    "short escapes": b'{"a":"\\b\\f\\n\\r\\t\\"\\\\\\u0000\\u001F"}',
    "the largest integers": b'{"a":9007199254740991,"b":-9007199254740991,"c":0}',
    "the words": b'{"a":true,"b":false,"c":null}',
    "an empty name": b'{"":{}}',
    "sixteen levels": b'{"a":' + b"[" * 15 + b"1" + b"]" * 15 + b"}",
    "the ends of UTF-8": '{"a":"\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"}'.encode(),
}


def json_vectors() -> list[Vector]:
    good = [
        vector(name, "2.3", {"canonical": _canonical(json.loads(raw))}, **input_of(raw))
        for name, raw in _SPELLINGS.items()
    ]
    bad = [vector(name, "2.2", code("DOCUMENT_MALFORMED"), **input_of(raw)) for name, raw in MALFORMED.items()]
    deep = {
        "seventeen levels": b'{"a":' + b"[" * 16 + b"1" + b"]" * 16 + b"}",
        "seventeen levels, the last empty": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
        "seventeen levels and a space": b'{"a": ' + b"[" * 15 + b"{}" + b"]" * 15 + b"}",
        "thirty thousand levels": b'{"a":' + b"[" * 30_000,
    }
    return [
        *good,
        *bad,
        *[
            vector(
                name, "2.1", code("DOCUMENT_MALFORMED"), **({"runs": runs_of(raw)} if len(raw) > 99 else input_of(raw))
            )
            for name, raw in deep.items()
        ],
    ]


def document_vectors() -> list[Vector]:
    found = []
    for kind, clause, name, raw in SOUND:
        found += _of_kind(kind, clause, name, raw)
    for kind, clause, path, value in SPOILED:
        name = f"{kind}: {path} is {json.dumps(value, ensure_ascii=False)[:60]}"
        found.append(_changed(kind, clause, name, path, value, "DOCUMENT_MALFORMED"))
    for kind, path, value, expected in VENUE_SLIPS:
        found.append(_changed(kind, "4.2", f"{kind}: {path} is {value}", path, value, expected))
    large: list[tuple[str, Document | Batch, int]] = [
        ("order", stop(), ORDER_BYTES_MAX),
        ("checkpoint", checkpoint(entries(1)), ENVELOPE_BYTES_MAX),
        ("authority policy", policy().replace(persons=(), services=()), POLICY_BYTES_MAX),
        ("batch", batch(entries(1)), BATCH_BYTES_MAX),
        ("bundle manifest", bundle_manifest(), MANIFEST_BYTES_MAX),
        ("catalog manifest", catalog_manifest(), MANIFEST_BYTES_MAX),
    ]
    for kind, document, length in large:
        raw = document.encode()
        whole: Any = {"canonical": raw.decode()}
        for bytes_count, expect in ((length, whole), (length + 1, code("DOCUMENT_TOO_LARGE"))):
            runs = [{"hex": raw.hex(), "times": 1}, {"hex": "20", "times": bytes_count - len(raw)}]
            found.append(vector(f"{kind}: {bytes_count:,} bytes", "2.2, 17", expect, kind=kind, runs=runs))
    return found + limits.document_vectors(sound_of_kind, sound)


def sound_of_kind(kind: str) -> bytes:
    """The first document of this kind."""
    return next(raw for found, _, _, raw in SOUND if found == kind)


def sound(name: str) -> bytes:
    """The document of this name."""
    return next(raw for _, _, found, raw in SOUND if found == name)


def entry_vectors() -> list[Vector]:
    found = []
    for kind, body in BODY_OF.items():
        raw = entry(5, kind, body).encode()
        found.append(vector(f"{kind}", "9.3", {"canonical": raw.decode()}, kind="entry", text=raw.decode()))
        first = min(body)
        spoiled = json.loads(raw)
        del spoiled["body"][first]
        text = _canonical(spoiled)
        found.append(vector(f"{kind} without {first}", "9.3", code("DOCUMENT_MALFORMED"), kind="entry", text=text))
    plain = json.loads(entry(5).encode())
    changes: list[tuple[str, Any]] = [
        ("kind", "SONG"),
        ("seq", -1),
        ("epoch", 0),
        ("tq", "exact"),
        ("at_ms", "now"),
        ("body", []),
        ("body", plain["body"] | {"guest": "张三"}),
        ("body", plain["body"] | {"room": "K 1"}),
        ("body", plain["body"] | {"song": "歌"}),
    ]
    sound = _canonical(plain)
    spellings = {
        "a blank": sound.replace(":", ": ", 1),
        "other sequence": json.dumps(dict(reversed(plain.items())), separators=(",", ":"), ensure_ascii=False),
        "an escape": sound.replace("K01", "\\u004b01"),
        "a carriage return behind it": f"{sound}\r",
    }
    for name, text in spellings.items():
        found.append(vector(f"not canonical: {name}", "9.2", code("DOCUMENT_MALFORMED"), kind="entry", text=text))
    found += limits.entry_vectors()
    for length in (ENTRY_BYTES_MAX, ENTRY_BYTES_MAX + 1):
        text = _entry_of(length)
        expect = {"canonical": text} if length == ENTRY_BYTES_MAX else code("DOCUMENT_TOO_LARGE")
        found.append(vector(f"ORDER: {length:,} bytes", "9.2, 17", expect, kind="entry", text=text))
    for name, value in changes:
        text = _canonical(plain | {name: value})
        title = f"PLAY_START: {name} is {json.dumps(value, ensure_ascii=False)}"
        found.append(vector(title, "9.2", code("DOCUMENT_MALFORMED"), kind="entry", text=text))
    return found


def _entry_of(bytes_count: int) -> str:
    """An entry of an order that ends many, in exactly so many bytes."""
    plain = json.loads(entry(5, "ORDER", BODY_OF["ORDER"]).encode())
    plain["body"] |= {"order": "", "ends": ["310101-2026-000122"] * 33}
    plain["body"]["order"] = "x" * (bytes_count - len(_canonical(plain)))
    return _canonical(plain)


def _of_kind(kind: str, clause: str, name: str, raw: bytes) -> list[Vector]:
    """The sound document in two spellings, each name left out, one too many, and other versions."""
    plain: dict[str, Any] = json.loads(raw)
    rejected, unversioned = code("DOCUMENT_MALFORMED"), code("DOCUMENT_VERSION")
    found = [
        vector(name, clause, {"canonical": raw.decode()}, kind=kind, text=raw.decode()),
        vector(
            f"{name}: another spelling", "2.3", {"canonical": raw.decode()}, kind=kind,
            text=json.dumps(dict(reversed(plain.items())), ensure_ascii=True),
        ),
        vector(f"{name}: a name too many", "2.2", rejected, kind=kind, text=_canonical(plain | {"zz": 1})),
        vector(f"{name}: version 2", "2.4", unversioned, kind=kind, text=_canonical(plain | {"v": 2})),
        vector(f"{name}: version yes", "2.4", unversioned, kind=kind, text=_canonical(plain | {"v": True})),
    ]  # fmt: skip
    for left_out in plain if kind != "authority policy" else ("rules", "v"):
        text = _canonical({key: value for key, value in plain.items() if key != left_out})
        expected = unversioned if left_out == "v" else rejected
        found.append(vector(f"{name} without {left_out}", "2.2", expected, kind=kind, text=text))
    return found


def _changed(kind: str, clause: str, name: str, path: str, value: Any, expected: str) -> Vector:
    plain = json.loads(sound_of_kind(kind))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = plain
    for part in parents:
        place = place[part]
    place[last] = value
    return vector(name, clause, code(expected), kind=kind, text=_canonical(plain))


def _canonical(value: Any) -> str:
    """Canonical by CPython's own means: the names are ASCII and the numbers integers (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
