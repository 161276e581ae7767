"""Documents at their limits and one beyond (SPEC 2.5, 4, 17), and what readers might think is asked and is not."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from device.protocol.keys import Key, keyid_of
from device.protocol.limits import INSTANT_MAX, INTEGER_MAX
from device.protocol.venue_code import format_venue_code
from tests.device.protocol.builders import BODY_OF, OTHER_VENUES, VENUE, WANG, ZHANG, FixedKey, entry
from tests.vectors.sources.vector import Vector, code, vector

_NUMBER = "310101-2026-000123"
_TARGET = {"by": "version", "id": "000482"}
_KEY = ZHANG.key.plain()
_LEASE_KEY = {"use": "lease", "key": WANG.key.plain()}
_PERSON = {"person": "p", "name": "P", "region": "310101", "may": [], "keys": []}
_CA = {"use": "fleet-ca", "certificate": "Y2VydA=="}
_SCOPE = {"region": "440000"}
_BAN: dict[str, Any] = {
    "order": "440000-2026-000007",
    "authority": "440000",
    "ends_at_ms": None,
    "scope": _SCOPE,
    "lifted": [],
} | {"targets": [_TARGET]}
_MOVE = {"region": "110100", "now": "120100"}


def _regions(count: int) -> list[str]:
    return [f"11{number // 99 + 1:02d}{number % 99 + 1:02d}" for number in range(count)]


def _moves(count: int) -> list[dict[str, str]]:
    return [{"region": region, "now": "310101"} for region in _regions(count)]


def _keys(count: int) -> list[dict[str, Any]]:
    """Keys of nobody else, each another."""
    return [FixedKey(2001 + number).key.plain() for number in range(count)]


def _services(count: int) -> list[dict[str, Any]]:
    return [{"use": "ack", "key": key} for key in _keys(count)]


def _venues(count: int) -> dict[str, Any]:
    return {"venues": [format_venue_code("310101", 1 + number) for number in range(count)]}


def _tables(*epochs: int) -> list[dict[str, Any]]:
    """Tables of the sound manifest's path and hashes."""
    table = {"entries": 5, "path": "catalog/9.bin", "length": 4096, "sha256": "0" * 64, "pages": "1" * 64}
    return [{"epoch": epoch} | table for epoch in epochs]


def named_alone(point: bytes) -> Key:
    """A key whose id is right, whatever its point is."""
    return Key(keyid=keyid_of(point), public=point.hex(), scheme=ZHANG.key.scheme)


OFF_CURVE = named_alone(b"\x04" + bytes(64))
OTHER_PREFIX = named_alone(b"\x05" + ZHANG.key.point[1:])


def _numbers(count: int) -> list[str]:
    return [f"310101-2026-{number:06d}" for number in range(count)]


def _codes(count: int) -> dict[str, int]:
    return {f"C{number}": 1 for number in range(count)}


def _texts(least: int, most: int) -> tuple[list[Any], list[Any]]:
    """Texts that are just not too short or long, counted in code points, and those that are."""
    good = ["中" * least, "\U0001f3a4" * most]
    return good, ["x" * (most + 1)] + (["x" * (least - 1)] if least else [])


def _range(least: int, most: int) -> tuple[list[Any], list[Any]]:
    return [least, most], [least - 1] + ([most + 1] if most < INTEGER_MAX else [])


_UNREADABLE = [0x00, 0x1F, 0x7F, 0x9F, 0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF]
_BESIDE = [0x20, 0x7E, 0xA0, 0x061B, 0x200D, 0x2010, 0x2027, 0x202F, 0x2065, 0x206A, 0xFEFE]

# Kind, clause, path, values that may stand there, values that may not.
LIMITS: list[tuple[str, str, str, Sequence[Any], Sequence[Any]]] = [
    ("order", "17.1", "document", *_texts(1, 80)),
    ("order", "17.1", "basis", *_texts(1, 200)),
    ("order", "17.1", "text_zh", *_texts(1, 500)),
    ("order", "17.1", "text_en", *_texts(0, 500)),
    ("order", "17", "grace_s", *_range(0, 600)),
    ("order", "4.4", "drafted_by", ["a" * 32], ["a" * 33, ""]),
    ("order", "4.5", "order", ["310000-2026-000123"], ["310001-2026-000123", "310101-2026-T00123"]),
    ("order", "6.1", "scope", [{"region": "000000"}], [{"venues": []}]),
    ("order", "17", "scope", [_venues(1_000)], [_venues(1_001)]),
    ("order", "2.5", "text_en", [f"a{chr(point)}b" for point in _BESIDE], [f"a{chr(point)}b" for point in _UNREADABLE]),
    ("notice", "17.1", "text_zh", *_texts(1, 500)),
    ("notice", "17.1", "text_en", *_texts(0, 500)),
    ("notice", "4.5", "notice", [], ["310001-2026-T00007", "310101-2026-T000007"]),
    ("authority policy", "17.1", "persons.0.name", *_texts(1, 60)),
    ("authority policy", "17.3", "persons.1.keys", [[], _keys(8)], [_keys(9)]),
    ("authority policy", "3.1", "persons.1.keys.0", [OFF_CURVE.plain(), OTHER_PREFIX.plain()], []),
    ("authority policy", "5.3", "persons.1.keys", [], [[_KEY]]),
    ("authority policy", "5.3", "services.0.key", [], [_KEY]),
    ("authority policy", "5.3", "persons.1.may", [["notice"]], [["notice", "notice"]]),
    ("authority policy", "17.3", "services", [[], _services(16)], [_services(17)]),
    ("authority policy", "17.3", "authorities", [[_CA] * 8], [[_CA] * 9]),
    ("authority policy", "17.3", "limits", [[{"level": level, "venues_max": 0} for level in (1, 2, 3, 4)]], []),
    ("authority policy", "17.2", "limits.0.venues_max", [1_000_000], [1_000_001]),
    ("authority policy", "17.2", "limits.0.level", [], [0, 5]),
    ("authority policy", "17", "moved", [_moves(256)], [_moves(257)]),
    ("authority policy", "5.2", "moved", [[_MOVE]], [[{"region": "130100", "now": "110100"}, _MOVE]]),
    ("authority policy", "5.3", "moved", [], [[_MOVE, _MOVE | {"now": "310101"}]]),
    ("authority policy", "17.2", "rules.cut_song_s", *_range(0, 3_600)),
    ("bundle manifest", "17.1", "compatible", ["a" * 40], ["a" * 41, "", "A"]),
    ("bundle manifest", "13.1", "version", [f"1.2.{'3' * 28}"], [f"1.2.{'3' * 29}", "01.2.3", "1.2.3.4"]),
    ("bundle manifest", "17.2", "image.length", *_range(1, 2**33)),
    ("bundle manifest", "8.1", "image.path", ["a" * 200, "a/.b/c"], ["a" * 201, "a/./b", "a//b", "a/", "../a", ""]),
    ("catalog manifest", "17.2", "entries", *_range(0, 1_000_000)),
    ("catalog manifest", "17.2", "tables.0.entries", *_range(0, 1_000_000)),
    ("catalog manifest", "17.2", "tables.0.epoch", [], [0]),
    ("catalog manifest", "8.1", "tables", [_tables(12), _tables(*range(4, 13))], [[], _tables(*range(3, 13))]),
    ("catalog manifest", "8.1", "tables", [], [_tables(9, 8, 12), _tables(8, 8, 12), _tables(9, 11), _tables(8, 13)]),
    ("ban list", "17", "bans.0.lifted", [[_SCOPE] * 64], [[_SCOPE] * 65]),
    ("ban list", "17", "bans", [[]], []),
    ("ban list", "17.1", "bans.0.targets.0.id", ["a" * 64], ["a" * 65, ""]),
    ("checkpoint", "9.8", "at_ms", [None, 0, INSTANT_MAX], [INSTANT_MAX + 1]),
    ("checkpoint", "17", "epoch", *_range(1, 99_999_999)),
    ("ack", "10.3", "at_ms", [0], [None]),
    ("ack", "17", "epoch", *_range(1, 99_999_999)),
    ("ack", "17.1", "code", ["", "A" * 40], ["A" * 41, "a"]),
    ("receipt", "6.5", "at_ms", [None], [-1]),
    ("receipt", "6.5", "epoch", [0, INTEGER_MAX], [-1]),
    ("receipt", "17.1", "id", *_texts(0, 40)),
    ("receipt", "17.3", "holds", [[_NUMBER, _NUMBER], _numbers(256)], []),
    ("receipt", "17.3", "grace", [[]], []),
    ("report", "10.4", "at_ms", [None], [-1]),
    ("report", "10.4", "venue", [""], []),
    ("report", "10.4", "nonce", [""], ["0" * 31, "A" * 32]),
    ("report", "10.4", "slot", ["b"], ["c", ""]),
    ("report", "10.4", "ladder", [None], [{}]),
    ("report", "10.4", "update", [None], [{}]),
    ("report", "17.1", "version", *_texts(1, 32)),
    ("report", "17.1", "update.version", *_texts(0, 32)),
    ("report", "17.1", "update.rollout", *_texts(0, 40)),
    ("report", "17.2", "rooms_busy", *_range(0, 400)),
    ("report", "17.3", "notices", [], [["310101-2026-T00007"] * 65]),
    ("report", "17", "faults", [["B", "A"], ["A"] * 16, ["NO_SUCH_CODE"]], [["A"] * 17]),
    ("report", "10.4", "refused", [{}, {"": 1}, _codes(64)], [_codes(65), {"A": -1}, {"A": None}]),
    ("rollout leg", "17.1", "rollout", *_texts(1, 40)),
    ("voucher", "17.1", "voucher", ["A" * 4, "0" * 32], ["A" * 3, "A" * 33, "AAAI", "AAAO", "aaaa"]),
    ("batch", "10.1", "entries", [], [["x" * 1025], [""], ["x"] * 201]),
    ("batch", "17.2", "from", [INTEGER_MAX], [-1]),
    ("claim", "1.3", "idevid", ["YQ=="], ["", "YQ", "YR==", "YQ==\n"]),
]

# Kind of entry, path, values that may stand there, values that may not. `body.` is where the path begins, but for "".
OF_ENTRIES: list[tuple[str, str, Sequence[Any], Sequence[Any]]] = [
    ("", "rtc_ms", [0, INSTANT_MAX], [None, INSTANT_MAX + 1]),
    ("", "mono_ms", [INSTANT_MAX], [INSTANT_MAX + 1, None]),
    ("", "at_ms", [None, INSTANT_MAX], [INSTANT_MAX + 1]),
    ("", "epoch", [99_999_999], [100_000_000]),
    ("", "boot", [0, INTEGER_MAX], [None]),
    ("PLAY_START", "room", ["间" * 16], ["间" * 17, "", "K\u30001", "K\u202e1"]),
    ("PLAY_START", "song", ["A-z_0" * 4], ["A" * 21, ""]),
    ("PLAY_END", "played_s", [0, 86_400], [86_401, -1]),
    ("PLAY_END", "play", ["abc", "x" * 40], ["ab", "x" * 41]),
    ("PLAY_END", "elapsed_s", [INTEGER_MAX], []),
    ("PLAY_END", "reason", ["power"], ["lost", ""]),
    ("BOOT", "version", ["x", "x" * 32], ["", "x" * 33]),
    ("BOOT", "torn_sha256", [""], ["0" * 63]),
    ("UPDATE", "slot", ["a"], ["", "c"]),
    ("UPDATE", "version", ["", "x" * 32], ["x" * 33]),
    ("UPDATE", "rollout", ["", "x" * 40], ["x" * 41]),
    ("ORDER", "kind", ["", "x" * 10], ["x" * 11]),
    ("ORDER", "order", ["", "x" * 40], ["x" * 41]),
    ("ORDER", "ends", [[], [_NUMBER, _NUMBER]], [["310001-2026-000123"]]),
    ("NOTICE", "notice", ["", "x" * 40], ["x" * 41]),
    ("SHOWN", "notice", [], ["", "310101-2026-000007"]),
    ("CATALOG", "result", ["known"], ["done"]),
    ("CATALOG", "epoch", [0], [-1]),
    ("TIME", "from_ms", [0], [-1]),
    ("CLOCK", "from_ms", [0], [None]),
    ("FAULT", "code", ["", "NO_SUCH_CODE", "A" * 40], ["A" * 41, "a"]),
    ("REFUSED", "code", [""], [None]),
    ("CLAIM", "region", ["000000"], ["310001"]),
]


def document_vectors(of_kind: Callable[[str], bytes], named: Callable[[str], bytes]) -> list[Vector]:
    """`of_kind` gives a sound document of a kind, `named` the one of a name."""
    found = []
    for kind, clause, path, good, bad in LIMITS:
        plain = json.loads(of_kind(kind))
        if kind == "authority policy":  # a short one is as good
            plain |= {"persons": [person | {"keys": person["keys"][:1]} for person in plain["persons"][:2]]}
            plain |= {"services": plain["services"][:1], "limits": plain["limits"][:1]}
        found += _of(kind, clause, path, plain, good, bad, kind)
    return found + _twice_or_too_many(named)


def entry_vectors() -> list[Vector]:
    found = []
    for kind, path, good, bad in OF_ENTRIES:
        plain = json.loads(entry(5, kind or "PLAY_START", BODY_OF[kind or "PLAY_START"]).encode())
        found += _of(kind or "entry", "9.2, 9.3, 17", f"body.{path}" if kind else path, plain, good, bad, "entry")
    return found


def _of(
    title: str, clause: str, path: str, plain: Any, good: Sequence[Any], bad: Sequence[Any], kind: str
) -> list[Vector]:
    found = []
    for is_good, values in ((True, good), (False, bad)):
        for value in values:
            text = _canonical(_with(plain, path, value))
            expect = {"canonical": text} if is_good else code("DOCUMENT_MALFORMED")
            word = "may be" if is_good else "may not be"
            found.append(vector(f"{title}: {path} {word} {_shown(value)}", clause, expect, kind=kind, text=text))
    return found


def _twice_or_too_many(sound: Callable[[str], bytes]) -> list[Vector]:
    """What is too long to be written out: one part, many times over."""
    found = []
    wanted: list[tuple[str, str, str, Any, int]] = [
        ("order", "ban", "targets", _TARGET, 7_001),
        ("ban list", "ban list", "bans.0.targets", _TARGET, 7_001),
        ("ban list", "ban list", "bans", _BAN, 257),
        ("receipt", "receipt", "holds", _NUMBER, 257),
        ("receipt", "receipt", "grace", _NUMBER, 257),
        ("report", "report", "holds", _NUMBER, 257),
    ]
    for kind, name, path, item, times in wanted:
        before, after = _canonical(_with(json.loads(sound(name)), path, ["HERE"])).split('"HERE"')
        runs = [_run(before), *_listed(_canonical(item), times), _run(after)]
        title = f"{name}: {times:,} of {path}"
        found.append(vector(title, "17", code("DOCUMENT_MALFORMED"), kind=kind, runs=runs))
    found += [_too_many_persons(sound("policy")), _too_many_targets()]
    rooms = {"venues": [VENUE], "rooms": ["K1", "K1"]}
    venues = {"venues": [VENUE, OTHER_VENUES[0]]}
    for name, path, value in (
        ("stop of rooms", "scope", rooms),
        ("stop of rooms", "scope.rooms", [f"K{number}" for number in range(65)]),
        ("resume", "ends", [_NUMBER, _NUMBER]),
        ("resume", "ends", _numbers(65)),
        ("service", "scope", venues),
        ("service", "scope", {"venues": [VENUE], "rooms": ["K1"]}),
        ("service", "scope", {"region": "310101"}),
        ("service", "opening", 0),
        ("stop", "targets", [_TARGET]),
    ):
        plain = json.loads(sound(name))
        found += _of(name, "6.1", path, plain, [], [value], "order")
    twice = json.loads(sound("ban"))
    found += _of("ban", "6.1", "targets", twice, [[_TARGET, _TARGET]], [], "order")
    return found


def _too_many_persons(raw: bytes) -> Vector:
    """Each has another name: nothing else is wrong with the policy."""
    before, after = _canonical(_with(json.loads(raw), "persons", ["HERE"])).split('"HERE"')
    one, behind = _canonical(_PERSON | {"person": "HERE"}).split("HERE")
    last = _run(one + "last" + behind + after)
    runs = [_run(before), _run(one, 2_000) | {"behind": f"{behind},".encode().hex()}, last]
    return vector("policy: 2,001 persons", "17", code("DOCUMENT_MALFORMED"), kind="authority policy", runs=runs)


def _too_many_targets() -> Vector:
    """Three bans, none of which has too many by itself."""
    before, after = _canonical(_BAN | {"targets": ["HERE"]}).split('"HERE"')
    runs = [_run('{"bans":[')]
    for times in (7_000, 7_000, 6_001):
        runs += [_run(before), *_listed(_canonical(_TARGET), times), _run(after + ("," if times == 7_000 else ""))]
    runs.append(_run('],"v":1}'))
    return vector("ban list: 20,001 targets", "8.7, 17", code("DOCUMENT_MALFORMED"), kind="ban list", runs=runs)


def _run(text: str, times: int = 1) -> dict[str, Any]:
    return {"hex": text.encode().hex(), "times": times}


def _listed(item: str, times: int) -> list[dict[str, Any]]:
    return [_run(f"{item},", times - 1), _run(item)]


def _with(plain: Any, path: str, value: Any) -> Any:
    changed = json.loads(json.dumps(plain))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = changed
    for part in parents:
        place = place[part]
    place[last] = value
    return changed


def _shown(value: Any) -> str:
    text = json.dumps(value)
    if len(text) <= 60:
        return text
    return f"{text[:30]}... ({len(value)} {'characters' if isinstance(value, str) else 'of them'})"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
