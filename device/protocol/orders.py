"""Orders: stop, resume, ban, lift, service (SPEC 6.1, 6.2).

`accept_order` is asked by the fleet server before it passes an order on and by the box before it obeys: the same
function, so a compromised server gains nothing. It checks SPEC 6.2 (1) to (7); what depends on the box's memory, time
and place, (8) to (10), is asked there.
"""

from device.protocol.envelope import parse_envelope, verified_keyids
from device.protocol.errors import MalformedError, ProtocolError, RejectedError
from device.protocol.limits import (
    ENDS_MAX,
    GRACE_S_MAX,
    ORDER_ACCEPTED_FOR_MS,
    ORDER_BYTES_MAX,
    ROOMS_MAX,
    TARGETS_MAX,
    VENUES_MAX,
)
from device.protocol.record import Document, Record, fields_of, to_plain
from device.protocol.regions import contains, level
from device.protocol.shape import (
    INSTANT,
    ORDER_NUMBER,
    PERSON,
    REGION,
    ROOM,
    TEXT,
    VENUE,
    array,
    distinct,
    free_text,
    integer,
    maybe,
    one_of,
    or_empty,
    record,
    word,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from device.protocol.envelope import Envelope
    from device.protocol.keys import Verify
    from device.protocol.policy import AuthorityPolicy, Person

KINDS = STOP, RESUME, BAN, LIFT, SERVICE = "stop", "resume", "ban", "lift", "service"
CLEAR_SEAL = "clear-seal"
PERSONS_MIN = 2  # SPEC 6.2 (2)


class Target(Record):
    """What a ban names: a work, a version (song id), a file (SHA-256) or a picture (SHA-256)."""

    by: str
    id: str

    SHAPE = (
        ("by", one_of("work", "version", "file", "picture")),
        ("id", word("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-", 1, 64)),
    )


class Scope(Record):
    """Whom a document is for: a list of venues, or everybody in a region. One of the two is empty.

    rooms: of a stop of one venue, the rooms that it stops; empty is the whole venue.
    """

    venues: "tuple[str, ...]"
    region: str
    rooms: "tuple[str, ...]" = ()

    SHAPE = (
        ("venues", distinct(VENUE, VENUES_MAX)),
        ("region", or_empty(REGION)),
        ("rooms", distinct(ROOM, ROOMS_MAX)),
    )

    def __init__(self, **fields: "Any") -> None:
        super().__init__(**({"rooms": ()} | fields))

    def names(self, venue: str, region: str) -> bool:
        """Whether the venue, which lies in `region` today, is meant."""
        return venue in self.venues or bool(self.region and contains(self.region, region))

    def plain(self) -> "dict[str, Any]":
        if self.region:
            return {"region": self.region}
        plain: dict[str, Any] = {"venues": list(self.venues)}
        return plain | {"rooms": list(self.rooms)} if self.rooms else plain


def scope(value: "Any", where: str) -> Scope:
    """Check of a scope."""
    if isinstance(value, dict) and "region" in value:
        return Scope(venues=(), **fields_of(value, (("region", REGION),), where))
    return Scope(region="", **fields_of(value, (("venues", distinct(VENUE, VENUES_MAX, 1)),), where))


def _venue_scope(value: "Any", where: str) -> Scope:
    """Check of the scope of a service: one venue."""
    return Scope(region="", **fields_of(value, (("venues", distinct(VENUE, 1, 1)),), where))


def _stop_scope(value: "Any", where: str) -> Scope:
    """Check of the scope of a stop: also rooms of one venue."""
    if isinstance(value, dict) and "rooms" in value:
        shape = (("venues", distinct(VENUE, 1, 1)), ("rooms", distinct(ROOM, ROOMS_MAX, 1)))
        return Scope(region="", **fields_of(value, shape, where))
    return scope(value, where)


_COMMON_SHAPE = (
    ("order", ORDER_NUMBER),
    ("kind", one_of(*KINDS)),
    ("authority", REGION),
    ("drafted_by", PERSON),
    ("document", free_text(1, 80)),
    ("basis", free_text(1, 200)),
    ("text_zh", free_text(1)),
    ("text_en", TEXT),
    ("issued_at_ms", INSTANT),
    ("expires_at_ms", INSTANT),
)
_SCOPE = (("scope", scope),)
_ENDING_SHAPE = _COMMON_SHAPE + _SCOPE + (("ends", distinct(ORDER_NUMBER, ENDS_MAX, 1)),)
_SHAPES = {
    STOP: _COMMON_SHAPE + (("scope", _stop_scope), ("ends_at_ms", INSTANT), ("grace_s", integer(0, GRACE_S_MAX))),
    BAN: _COMMON_SHAPE + _SCOPE + (("targets", array(record(Target), TARGETS_MAX, 1)), ("ends_at_ms", maybe(INSTANT))),
    RESUME: _ENDING_SHAPE,
    LIFT: _ENDING_SHAPE,
    SERVICE: _COMMON_SHAPE + (("scope", _venue_scope), ("action", one_of(CLEAR_SEAL)), ("opening", integer(1))),
}
_UNUSED = {"ends_at_ms": None, "grace_s": 0, "targets": (), "ends": (), "action": "", "opening": 0}


class Order(Document):
    """An order; of the last six fields only those of its kind are used (SPEC 6.1), the others are empty."""

    order: str
    kind: str
    authority: str
    drafted_by: str
    document: str
    basis: str
    text_zh: str
    text_en: str
    issued_at_ms: int
    expires_at_ms: int
    scope: Scope
    ends_at_ms: "int | None" = None
    grace_s: int = 0
    targets: "tuple[Target, ...]" = ()
    ends: "tuple[str, ...]" = ()
    action: str = ""
    opening: int = 0

    BYTES_MAX = ORDER_BYTES_MAX
    SHAPE = _COMMON_SHAPE + (
        ("scope", _stop_scope),
        ("ends_at_ms", maybe(INSTANT)),
        ("grace_s", integer(0, GRACE_S_MAX)),
        ("targets", array(record(Target), TARGETS_MAX)),
        ("ends", distinct(ORDER_NUMBER, ENDS_MAX)),
        ("action", or_empty(one_of(CLEAR_SEAL))),
        ("opening", integer()),
    )

    def __init__(self, **fields: "Any") -> None:
        super().__init__(**(_UNUSED | fields))

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Raises MalformedError also for instants that contradict each other (SPEC 6.1)."""
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in _SHAPES:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.kind must be one of {', '.join(KINDS)}")
        order = cls(**fields_of(value, _SHAPES[kind], where))
        if not order.issued_at_ms < order.expires_at_ms <= order.issued_at_ms + ORDER_ACCEPTED_FOR_MS:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.expires_at_ms must be within 90 days of its issue")
        if order.ends_at_ms is not None and order.ends_at_ms <= order.issued_at_ms:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.ends_at_ms is not after its issue")
        return order

    def plain(self) -> "dict[str, Any]":
        shape = _SHAPES.get(self.kind, _COMMON_SHAPE + _SCOPE)
        return {name: to_plain(getattr(self, name)) for name, _ in shape}


class AcceptedOrder:
    """An order that SPEC 6.2 (1) to (7) lets pass, with its identity and the persons who signed it."""

    def __init__(self, order: Order, envelope: "Envelope", persons: "list[Person]") -> None:
        self.order = order
        self.envelope = envelope
        self.document = envelope.document
        self.persons = persons


def accept_order(raw: bytes, policy: "AuthorityPolicy", verify: "Verify", region: str = "") -> AcceptedOrder:
    """Ask SPEC 6.2 (1) to (7) of an envelope's bytes.

    Args:
        raw: the envelope as received.
        policy: the authority policy in force.
        verify: whether a signature is right.
        region: where the asking box's venue lies; empty on the server, which is in no region.

    Raises:
        ProtocolError: with the code of the first rule that fails.
    """
    envelope = parse_envelope(raw, "order")
    persons = signers_of(envelope, policy, verify)
    order = decode_order(envelope.payload)
    # SPEC 6.2 (4).
    if order.drafted_by not in [person.person for person in persons]:
        raise RejectedError("ORDER_DRAFTER", f"drafted by {order.drafted_by}, who has not signed")
    require_entitled(persons, order.kind, order.authority, "ORDER")
    require_scope(policy, order.order, order.authority, order.scope, region, "ORDER")
    return AcceptedOrder(order, envelope, persons)


def signers_of(envelope: "Envelope", policy: "AuthorityPolicy", verify: "Verify") -> "list[Person]":
    """SPEC 6.2 (2): at least two different persons; how many keys a person has gives no more voices."""
    keys = policy.officers_keys()
    persons = policy.persons_of(verified_keyids(envelope, keys, verify))
    if len(persons) < PERSONS_MIN:
        if len([signature for signature in envelope.signatures if signature.keyid in keys]) >= PERSONS_MIN:
            raise RejectedError("ORDER_SAME_PERSON", f"all signatures are of {persons[0].person}")
        raise RejectedError("ORDER_THRESHOLD", f"{len(persons)} of {PERSONS_MIN} persons have signed")
    return persons


def decode_order(payload: bytes) -> Order:
    """The order in a payload; raises MalformedError `ORDER_MALFORMED` that names the field."""
    try:
        return Order.decode(payload)
    except ProtocolError as error:
        raise MalformedError("ORDER_MALFORMED", str(error))


def require_entitled(persons: "list[Person]", kind: str, authority: str, subject: str) -> None:
    """SPEC 6.2 (5), and of (6) that the authority lies in each signer's region."""
    for person in persons:
        if kind not in person.may:
            raise RejectedError(f"{subject}_NOT_ENTITLED", f"{person.person} may not sign {kind}")
    for person in persons:
        if not contains(person.region, authority):
            raise RejectedError(f"{subject}_REGION", f"{person.person} of {person.region} cannot act for {authority}")


def require_scope(
    policy: "AuthorityPolicy", number: str, authority: str, scope: Scope, region: str, subject: str
) -> None:
    """The rest of SPEC 6.2 (6), and (7)."""
    if not number.startswith(f"{authority}-"):
        raise RejectedError(f"{subject}_REGION", f"{number} is no number of {authority}")
    if scope.region and not contains(authority, scope.region):
        raise RejectedError(f"{subject}_REGION", f"{authority} has no authority over {scope.region}")
    if region and not contains(authority, region):
        raise RejectedError(f"{subject}_REGION", f"{authority} has no authority over {region}")
    most = policy.venues_max(level(authority))
    if most is None or len(scope.venues) > most or (scope.region and not policy.allows_regions(level(authority))):
        raise RejectedError(f"{subject}_SCOPE_LIMIT", f"level {level(authority)} may name {most or 0} venues")
