"""Envelopes, and the documents that are accepted from them: orders, notices, leases (SPEC 3, 6.2, 7.1, 12.1)."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device.protocol.envelope import parse_envelope, seal
from device.protocol.keys import Key
from device.protocol.lease import Lease
from device.protocol.limits import DAY_MS, ENVELOPE_BYTES_MAX, INSTANT_MAX, ORDER_BYTES_MAX
from device.protocol.notices import Notice
from device.protocol.orders import Order, Scope
from device.protocol.policy import AuthorityPolicy, Move, Person, ScopeLimit
from tests.device.protocol.builders import (
    ACK_KEY,
    BOX,
    CHEN,
    LEASE_KEY,
    LI,
    NONCE,
    NOW_MS,
    OTHER_VENUES,
    REGION,
    STRANGER,
    VENUE,
    WANG,
    ZHANG,
    ZHANG_AT_HOME,
    ZHAO,
    FixedKey,
    ban,
    extension,
    lease,
    lift,
    notice,
    person,
    policy,
    resume,
    service,
    stop,
)
from tests.vectors.sources import limits
from tests.vectors.sources.vector import Vector, code, vector

_PAYLOAD = b'{"v":1}'
_POLICY = policy().encode().decode()
_KEYS = [ZHANG.key.plain(), LI.key.plain()]
_PERSON_OF = {ZHANG: "zhang", ZHANG_AT_HOME: "zhang", LI: "li", WANG: "wang", CHEN: "chen", ZHAO: "zhao"}
_THREE = Scope(venues=(VENUE, *OTHER_VENUES), region="")
_PROVINCE = {"order": "310000-2026-000001", "authority": "310000", "drafted_by": "wang"}


def sealed(name: str, payload: bytes, /, *signers: FixedKey, **changes: Any) -> str:
    """The text of an envelope; `changes` replace its fields, or by `sig` its last signature."""
    plain = seal(name, payload, signers).plain()
    if "sig" in changes:
        signatures: Any = plain["signatures"]
        signatures[-1]["sig"] = changes.pop("sig")
    return json.dumps(plain | changes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def envelope_vectors() -> list[Vector]:
    sound = sealed("order", _PAYLOAD, ZHANG, LI)
    zhang: Any = seal("order", _PAYLOAD, [ZHANG]).plain()["signatures"]
    high_s = _with_high_s(zhang[0]["sig"])
    read = {"document": parse_envelope(sound.encode(), "order").document, "payload": _PAYLOAD.decode()}
    both, first = {"keyids": [ZHANG.key.keyid, LI.key.keyid]}, {"keyids": [ZHANG.key.keyid]}
    malformed = code("DOCUMENT_MALFORMED")

    def of(name: str, clause: str, expect: Any, text: str, kind: str = "order") -> Vector:
        return vector(name, clause, expect, keys=_KEYS, text=text, name_expected=kind)

    return [
        of("two known signers", "3.2", read | both, sound),
        of("white space", "3.2", read | both, json.dumps(json.loads(sound), indent=1)),
        of("a stranger's signature is ignored", "3.4", read | first, sealed("order", _PAYLOAD, STRANGER, ZHANG)),
        of("one key twice", "3.4", read | first, sealed("order", _PAYLOAD, ZHANG, ZHANG)),
        of("the high s is accepted", "3.1", read | first, sealed("order", _PAYLOAD, ZHANG, sig=high_s)),
        of("strangers only", "3.4", code("SIGNER_UNKNOWN"), sealed("order", _PAYLOAD, STRANGER)),
        of("another type", "3.3", code("ENVELOPE_TYPE"), sound, "notice"),
        of("the type is signed", "3.3", code("SIGNATURE_INVALID"),
           sealed("order", _PAYLOAD, ZHANG, payloadType="application/vnd.frontbox.notice.v1+json"), "notice"),
        of("the payload is signed", "3.2", code("SIGNATURE_INVALID"),
           sealed("order", _PAYLOAD, ZHANG, payload=base64.b64encode(b'{"v":2}').decode())),
        of("a known key's signature is another's", "3.4", code("SIGNATURE_INVALID"),
           sealed("order", _PAYLOAD, ZHANG, LI, sig=zhang[0]["sig"])),
        of("a signature of 63 bytes", "3.1", code("SIGNATURE_INVALID"),
           sealed("order", _PAYLOAD, ZHANG, sig=base64.b64encode(base64.b64decode(zhang[0]["sig"])[:63]).decode())),
        of("a signature of zeros", "3.1", code("SIGNATURE_INVALID"),
           sealed("order", _PAYLOAD, ZHANG, sig=base64.b64encode(bytes(64)).decode())),
        of("no signature", "3.2", malformed, sealed("order", _PAYLOAD)),
        of("nine signatures", "3.2", malformed, sealed("order", _PAYLOAD, *[ZHANG] * 9)),
        of("a second spelling of base64", "3.2", malformed, sealed("order", _PAYLOAD, ZHANG, payload="eyJ2IjoxfR==")),
        of("base64 without padding", "3.2", malformed, sealed("order", _PAYLOAD, ZHANG, payload="eyJ2IjoxfQ")),
        of("base64 with a line break", "3.2", malformed, sealed("order", _PAYLOAD, ZHANG, payload="eyJ2\nIjoxfQ==")),
        of("base64 of the other alphabet", "3.2", malformed, sealed("order", _PAYLOAD, ZHANG, payload="eyJ2IjoxfQ-_")),
        of("an algorithm in the envelope", "3.4", malformed, sealed("order", _PAYLOAD, ZHANG, alg="none")),
        of("a keyid in capitals", "1.3", malformed, sound.replace(ZHANG.key.keyid, ZHANG.key.keyid.upper())),
    ]  # fmt: skip


def order_vectors() -> list[Vector]:
    def of(name: str, clause: str, expect: str, order: Order, *signers: FixedKey, region: str = REGION) -> Vector:
        signers = signers or (ZHANG, LI)
        text = sealed("order", order.encode(), *signers)
        accepted = {
            "document": parse_envelope(text.encode(), "order").document,
            "order": order.order,
            "persons": sorted({_PERSON_OF[signer] for signer in signers if signer in _PERSON_OF}),
        }
        return _with_policy(name, clause, code(expect) if expect else accepted, text, region)

    def raw(name: str, clause: str, expect: str, text: str) -> Vector:
        return _with_policy(name, clause, code(expect), text, REGION)

    province = stop(**_PROVINCE)
    by_region = {"scope": Scope(venues=(), region="310100")}
    return [
        of("a stop of the county", "6.2", "", stop()),
        of("a resume of the county", "6.2", "", resume()),
        of("a ban of the province", "6.2", "", ban(**_PROVINCE), WANG, CHEN),
        of("a lift by the country for the county", "6.2", "", lift(drafted_by="zhao"), ZHAO, WANG),
        of("the signatures the other way round", "6.2", "", stop(), LI, ZHANG),
        of("a stranger besides", "3.4", "", stop(), ZHANG, STRANGER, LI),
        of("three persons, one with two keys", "6.2 (2)", "", stop(), ZHANG, ZHANG_AT_HOME, LI, WANG),
        of("a stop of rooms", "6.1", "", stop(scope=Scope(venues=(VENUE,), region="", rooms=("K1",)))),
        of("a signer may do no service", "6.2 (5)", "ORDER_NOT_ENTITLED", service(), ZHANG, LI),
        of("asked by the server", "6.2 (6)", "", stop(), region=""),
        raw("another type", "6.2 (1)", "ENVELOPE_TYPE", sealed("notice", stop().encode(), ZHANG, LI)),
        raw("no JSON", "6.2 (1)", "DOCUMENT_MALFORMED", "{"),
        raw("a bad signature besides two good ones", "6.2 (1)", "SIGNATURE_INVALID",
            sealed("order", stop().encode(), ZHANG, LI, WANG, sig="A" * 86 + "==")),
        of("strangers only", "6.2 (1)", "SIGNER_UNKNOWN", stop(), STRANGER),
        of("the lease key is no officer's", "6.2 (1)", "SIGNER_UNKNOWN", stop(), LEASE_KEY, ACK_KEY),
        of("one person", "6.2 (2)", "ORDER_THRESHOLD", stop(), ZHANG),
        of("one person and a stranger", "6.2 (2)", "ORDER_THRESHOLD", stop(), ZHANG, STRANGER),
        of("two keys of one person", "6.2 (2)", "ORDER_SAME_PERSON", stop(), ZHANG, ZHANG_AT_HOME),
        of("two signatures of one key", "6.2 (2)", "ORDER_SAME_PERSON", stop(), ZHANG, ZHANG),
        raw("no order", "6.2 (3)", "ORDER_MALFORMED", sealed("order", b"{}", ZHANG, LI)),
        raw("version 2", "6.2 (3)", "ORDER_MALFORMED",
            sealed("order", stop().encode().replace(b'"v":1', b'"v":2'), ZHANG, LI)),
        raw("a venue with a wrong check character", "6.2 (3)", "ORDER_MALFORMED",
            sealed("order", stop().encode().replace(VENUE.encode(), VENUE[:-1].encode() + b"X"), ZHANG, LI)),
        raw("the threshold is asked before the form", "6.2 (2)", "ORDER_THRESHOLD", sealed("order", b"{}", ZHANG)),
        of("the drafter has not signed", "6.2 (4)", "ORDER_DRAFTER", stop(drafted_by="wang")),
        of("a signer may not ban", "6.2 (5)", "ORDER_NOT_ENTITLED", ban(), ZHANG, LI),
        of("a third signer may not ban", "6.2 (5)", "ORDER_NOT_ENTITLED", ban(), ZHANG, WANG, LI),
        of("(5) of everybody before (6)", "6.2 (5)", "ORDER_NOT_ENTITLED",
           ban(**_PROVINCE | {"drafted_by": "zhang"}), ZHANG, LI),
        of("a county officer for the province", "6.2 (6)", "ORDER_REGION", province, ZHANG, WANG),
        of("a number of another authority", "6.2 (6)", "ORDER_REGION", stop(order="310102-2026-000123")),
        of("a scope beyond the authority", "6.2 (6)", "ORDER_REGION",
           stop(scope=Scope(venues=(), region="310100")), ZHANG, LI),
        of("a box in another county", "6.2 (6)", "ORDER_REGION", stop(), region="310102"),
        of("three venues where two are allowed", "6.2 (7)", "ORDER_SCOPE_LIMIT", stop(scope=_THREE)),
        of("a region where two venues are allowed", "6.2 (7)", "ORDER_SCOPE_LIMIT",
           stop(scope=Scope(venues=(), region="310101"))),
        of("a region by the province", "6.2 (7)", "", stop(**_PROVINCE, **by_region), WANG, CHEN),
        of("a level without limit line", "6.2 (7)", "ORDER_SCOPE_LIMIT",
           stop(order="310100-2026-000001", authority="310100", drafted_by="wang"), WANG, CHEN),
        *_order_of_bytes(),
        *_orders_by_points_that_are_none(),
        *_orders_at_the_limit_of_a_region(),
    ]  # fmt: skip


def _order_of_bytes() -> list[Vector]:
    """An envelope of exactly so many bytes: more than any other may have, the most, and one more (SPEC 17)."""
    text = sealed("order", stop().encode(), ZHANG, LI)
    identity = parse_envelope(text.encode(), "order").document
    accepted = {"document": identity, "order": stop().order, "persons": ["li", "zhang"]}
    most = ((ENVELOPE_BYTES_MAX + 1, accepted), (ORDER_BYTES_MAX, accepted))
    found = []
    for count, expect in (*most, (ORDER_BYTES_MAX + 1, code("DOCUMENT_TOO_LARGE"))):
        found.append(_with_policy(f"{count:,} bytes", "6.2 (1), 17", expect, _filled(text, count), REGION))
    return found


def _orders_by_points_that_are_none() -> list[Vector]:
    """A key whose point is none stands in a sound policy, and verifies nothing (SPEC 3.1)."""

    def of(name: str, key: Key) -> Vector:
        signer = FixedKey(1003)
        signer.key = key
        changed = _with_person(person("li", "310101", ("stop", "resume"), key))
        text = sealed("order", stop().encode(), ZHANG, signer)
        return _with_policy(name, "3.1", code("SIGNATURE_INVALID"), text, REGION, changed)

    return [
        of("signed by a point that is not on the curve", limits.OFF_CURVE),
        of("signed by a point with another first byte", limits.named_alone(b"\x05" + LI.key.point[1:])),
        of(
            "signed by a point in hybrid form", limits.named_alone(bytes([6 + LI.key.point[64] % 2]) + LI.key.point[1:])
        ),
    ]


def _orders_at_the_limit_of_a_region() -> list[Vector]:
    """A region counts as more venues than an order can name (SPEC 6.2 (7))."""
    order = stop(scope=Scope(venues=(), region=REGION))
    text = sealed("order", order.encode(), ZHANG, LI)
    identity = parse_envelope(text.encode(), "order").document
    accepted = {"document": identity, "order": order.order, "persons": ["li", "zhang"]}
    found = []
    for venues_max, expect in ((1_000, code("ORDER_SCOPE_LIMIT")), (1_001, accepted)):
        limits_of = (ScopeLimit(level=4, venues_max=venues_max),)
        changed = policy().replace(persons=policy().persons[:2], services=(), limits=limits_of)
        name = f"a region where {venues_max:,} venues are allowed"
        found.append(_with_policy(name, "6.2 (7)", expect, text, REGION, changed))
    return found


def _with_person(changed: Person) -> AuthorityPolicy:
    """Zhang, and this person besides."""
    return policy().replace(persons=(policy().persons[0], changed), services=())


def _filled(text: str, bytes_count: int) -> list[dict[str, Any]]:
    """White space behind the object, up to so many bytes."""
    raw = text.encode()
    return [{"hex": raw.hex(), "times": 1}, {"hex": "20", "times": bytes_count - len(raw)}]


def notice_vectors() -> list[Vector]:
    def of(name: str, clause: str, expect: str, document: Notice, *signers: FixedKey, region: str = REGION) -> Vector:
        text = sealed("notice", document.encode(), *(signers or (ZHANG,)))
        accepted = {"notice": document.notice, "document": parse_envelope(text.encode(), "notice").document}
        return _with_policy(name, clause, code(expect) if expect else accepted, text, region)

    malformed = sealed("notice", b'{"v":1}', ZHANG)
    return [
        of("a warning of the county", "12.1", "", notice()),
        of("signed by another besides", "12.1", "", notice(), ZHANG, WANG),
        of("strangers only", "6.2 (1)", "SIGNER_UNKNOWN", notice(), STRANGER),
        _with_policy("no notice", "6.2 (3)", code("NOTICE_MALFORMED"), malformed, REGION),
        of("the issuer has not signed", "12.1", "NOTICE_ISSUER", notice(), WANG),
        of("the issuer may not", "6.2 (5)", "NOTICE_NOT_ENTITLED", notice(issued_by="li"), LI),
        of("a number of another authority", "6.2 (6)", "NOTICE_REGION", notice(notice="310102-2026-T00007")),
        of("a box in another county", "6.2 (6)", "NOTICE_REGION", notice(), region="310102"),
        of("three venues where two are allowed", "6.2 (7)", "NOTICE_SCOPE_LIMIT", notice(scope=_THREE)),
        of("signed besides by one who may not", "6.2 (5)", "NOTICE_NOT_ENTITLED", notice(), ZHANG, LI),
        _with_policy(
            "signed besides by one of elsewhere",
            "6.2 (6)",
            code("NOTICE_REGION"),
            sealed("notice", notice().encode(), ZHANG, STRANGER),
            REGION,
            _with_person(person("sun", "320000", ("notice",), STRANGER.key)),
        ),
    ]


def lease_vectors() -> list[Vector]:
    def of(name: str, expect: str, document: Lease, signer: FixedKey = LEASE_KEY, **asked: Any) -> Vector:
        given = {"box": BOX, "venue": VENUE, "region": REGION, "nonce": NONCE, "last": 6} | asked
        expected: Any = code(expect) if expect else {"lease": document.lease}
        return vector(name, "7.1", expected, policy=_POLICY, **given, text=sealed("lease", document.encode(), signer))

    def filled(count: int) -> Vector:
        found = of(f"{count:,} bytes", "DOCUMENT_TOO_LARGE" if count > ENVELOPE_BYTES_MAX else "", lease())
        return found | {"runs": _filled(found.pop("text"), count)}

    stop_at = f'"stop_at_ms":{lease().stop_at_ms}'
    backwards = lease().encode().decode().replace(stop_at, f'"stop_at_ms":{NOW_MS}').encode()
    contradicting = of("it stops before it began", "DOCUMENT_MALFORMED", lease())
    contradicting["text"] = sealed("lease", backwards, LEASE_KEY)
    return [
        of("the answer to what the box asked", "", lease()),
        of("signed by an officer", "SIGNER_UNKNOWN", lease(), ZHANG),
        of("signed by the key of acks", "SIGNER_UNKNOWN", lease(), ACK_KEY),
        of("of another box", "LEASE_NOT_OURS", lease(box="KTV-00A2")),
        of("of another venue", "LEASE_NOT_OURS", lease(venue=OTHER_VENUES[0])),
        of("of another region", "LEASE_NOT_OURS", lease(region="310102")),
        of("another nonce", "LEASE_NONCE", lease(), nonce="0" * 32),
        of("the box asked for nothing", "LEASE_NONCE", lease(), nonce=""),
        of("the same again", "LEASE_ROLLBACK", lease(), last=7),
        of("an older one", "LEASE_ROLLBACK", lease(), last=8),
        of("another nonce, and an older one", "LEASE_NONCE", lease(), nonce="0" * 32, last=8),
        of("of another box, and another nonce", "LEASE_NOT_OURS", lease(box="KTV-00A2"), nonce="0" * 32),
        *[filled(count) for count in (ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX + 1)],
        contradicting,
    ]


def extension_vectors() -> list[Vector]:
    sound = extension()

    def of(
        name: str, expect: str, payload: bytes | None = None, *signers: FixedKey, kind: str = "extension", **asked: Any
    ) -> Vector:
        given = {"policy": _POLICY, "region": REGION, "last": 4} | asked
        text = sealed(kind, payload or sound.encode(), *(signers or (LEASE_KEY,)))
        expected = {"extension": sound.extension, "full_until_ms": sound.full_until_ms}
        return vector(name, "7.5", code(expect) if expect else expected, **given, text=text)

    def spoiled(**changes: Any) -> bytes:
        return json.dumps({"v": 1} | sound.plain() | changes).encode()

    moves = (Move(region="310100", now="320100"),)
    has_moved = policy().replace(moved=moves).encode().decode()
    malformed = "DOCUMENT_MALFORMED"
    return [
        of("for the city of the box", ""),
        of("the first one", "", last=0),
        of("also signed by a key that nobody knows", "", None, LEASE_KEY, STRANGER),
        of("the city has another code now, and so has the box", "", policy=has_moved, region="320106"),
        of("the city has another code now", "LEASE_NOT_OURS", policy=has_moved),
        of("for another city", "LEASE_NOT_OURS", region="310201"),
        of("the box is in the province at large", "LEASE_NOT_OURS", region="310000"),
        of("the same again", "LEASE_ROLLBACK", last=5),
        of("an older one", "LEASE_ROLLBACK", last=6),
        of("for another city, and an older one", "LEASE_NOT_OURS", region="310201", last=6),
        of("signed by an officer", "SIGNER_UNKNOWN", None, ZHANG),
        of("signed by the key of acks", "SIGNER_UNKNOWN", None, ACK_KEY),
        of("signed by nobody we know", "SIGNER_UNKNOWN", None, STRANGER),
        of("the envelope of a lease", "ENVELOPE_TYPE", kind="lease"),
        of("for no time", malformed, spoiled(full_until_ms=NOW_MS)),
        of("for the past", malformed, spoiled(full_until_ms=NOW_MS - 1)),
        of("for a millisecond more than seven days", malformed, spoiled(full_until_ms=NOW_MS + 7 * DAY_MS + 1)),
        of("without a number", malformed, spoiled(extension=0)),
        of("with a number that is text", malformed, spoiled(extension="5")),
        of("for no region", malformed, spoiled(region="31010")),
        of("for a region below a gap", malformed, spoiled(region="310001")),
        of("with a name more", malformed, spoiled(box=BOX)),
        of("of another version", "DOCUMENT_VERSION", spoiled(v=2)),
        of("with an instant behind all calendars", malformed, spoiled(issued_at_ms=INSTANT_MAX + 1)),
    ]


def root_key_vectors() -> list[Vector]:
    """Not the signatures, which are TUF's own: only what TUF does not ask (SPEC 5.1)."""

    def key(signer: FixedKey) -> dict[str, Any]:
        public = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": public.decode()}}

    def of(name: str, expect: str, keys: Any, *, is_delegation: bool = False) -> Vector:
        signed: Any = {"delegations": {"keys": keys}} if is_delegation else {"keys": keys}
        return vector(name, "5.1", code(expect) if expect else {"sound": True}, signed=signed)

    one, two = key(ZHANG), key(LI)
    pem = one["keyval"]["public"]
    head, *lines, tail = pem.strip().split("\n")
    otherwise = one | {"keyval": {"public": "\n".join([head, "".join(lines), tail])}}
    spoiled = one | {"keyval": {"public": pem.replace("MFkw", "MF?w")}}
    return [
        of("two keys", "", {"1": one, "2": two}),
        of("one key under two ids", "ROOT_DUPLICATE_KEY", {"1": one, "2": one}),
        of("one key under two ids, in other lines", "ROOT_DUPLICATE_KEY", {"1": one, "2": two, "3": otherwise}),
        of("delegated keys", "", {"1": one, "2": two}, is_delegation=True),
        of("one delegated key under two ids", "ROOT_DUPLICATE_KEY", {"1": one, "2": one}, is_delegation=True),
        of("another scheme", "DOCUMENT_MALFORMED", {"1": one | {"scheme": "rsassa-pss-sha256"}}),
        of("no base64", "DOCUMENT_MALFORMED", {"1": spoiled}),
        of("no PEM", "DOCUMENT_MALFORMED", {"1": one | {"keyval": {"public": ZHANG.key.public}}}),
        of("no key", "DOCUMENT_MALFORMED", {"1": {"scheme": "ecdsa-sha2-nistp256"}}),
    ]


def _with_policy(
    name: str, clause: str, expect: Any, raw: str | list[Any], region: str, policy: AuthorityPolicy | None = None
) -> Vector:
    given = policy.encode().decode() if policy else _POLICY
    return vector(
        name, clause, expect, policy=given, region=region, **{"text" if isinstance(raw, str) else "runs": raw}
    )


def _with_high_s(sig: str) -> str:
    """The other of the two signatures that are right for one `r`."""
    raw = base64.b64decode(sig)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(raw[32:], "big")
    return base64.b64encode(raw[:32] + s.to_bytes(32, "big")).decode()
