"""The authority policy: who may sign what, for which region (SPEC 5.2, 5.3).

It reaches the box as a TUF target, so it carries no signature of its own. It says which officers exist and what each
may sign, which keys of the fleet server sign leases, acks and rollouts, and which certificate authorities issue
boxes' names.
"""

from device.protocol.errors import MalformedError
from device.protocol.keys import Key
from device.protocol.limits import MOVES_MAX, PERSONS_MAX, POLICY_BYTES_MAX, VENUES_MAX
from device.protocol.record import Document, Record
from device.protocol.shape import (
    BASE64,
    INSTANT,
    PERSON,
    REGION,
    array,
    distinct,
    free_text,
    integer,
    one_of,
    record,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

KINDS = ("stop", "resume", "ban", "lift", "service", "notice")
USES = ("lease", "ack", "rollout")


class Person(Record):
    """An officer: what `may` be signed, with any of the `keys`, in `region` and below."""

    person: str
    name: str
    region: str
    may: "tuple[str, ...]"
    keys: "tuple[Key, ...]"

    SHAPE = (
        ("person", PERSON),
        ("name", free_text(1, 60)),
        ("region", REGION),
        ("may", distinct(one_of(*KINDS), len(KINDS))),
        ("keys", array(record(Key), 8)),
    )


class FleetKey(Record):
    """A key of the fleet server and the one thing that it signs."""

    use: str
    key: Key

    SHAPE = (("use", one_of(*USES)), ("key", record(Key)))


class Authority(Record):
    """A certificate authority; `certificate` is base64 DER."""

    use: str
    certificate: str

    SHAPE = (("use", one_of("fleet-ca", "factory-ca")), ("certificate", BASE64))


class ScopeLimit(Record):
    """How many venues one order of an authority of this level may name; more than a thousand also allows regions."""

    level: int
    venues_max: int

    SHAPE = (("level", integer(1, 4)), ("venues_max", integer(0, 1_000_000)))


class Move(Record):
    """`region` lies in `now` today: a county that changed its code, or was joined to another (SPEC 4.2)."""

    region: str
    now: str

    SHAPE = (("region", REGION), ("now", REGION))


class Rules(Record):
    """Rules of counting. `cut_song_s`: a play shorter than this is not counted (切歌时长)."""

    cut_song_s: int

    SHAPE = (("cut_song_s", integer(0, 3600)),)


class AuthorityPolicy(Document):
    """`policy/authority.json`."""

    epoch: int
    issued_at_ms: int
    persons: "tuple[Person, ...]"
    services: "tuple[FleetKey, ...]"
    authorities: "tuple[Authority, ...]"
    limits: "tuple[ScopeLimit, ...]"
    moved: "tuple[Move, ...]"
    rules: Rules

    BYTES_MAX = POLICY_BYTES_MAX
    SHAPE = (
        ("epoch", integer(1)),
        ("issued_at_ms", INSTANT),
        ("persons", array(record(Person), PERSONS_MAX)),
        ("services", array(record(FleetKey), 16)),
        ("authorities", array(record(Authority), 8)),
        ("limits", array(record(ScopeLimit), 4)),
        ("moved", array(record(Move), MOVES_MAX)),
        ("rules", record(Rules)),
    )

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Raises MalformedError also where something stands twice or a move leads nowhere (SPEC 5.3)."""
        policy = super().from_plain(value, where)
        keyids = [key.keyid for person in policy.persons for key in person.keys]
        keyids.extend([service.key.keyid for service in policy.services])
        names = [person.person for person in policy.persons]
        moved = [move.region for move in policy.moved]
        for found in (names, keyids, [limit.level for limit in policy.limits], moved):
            if len(set(found)) != len(found):
                raise MalformedError("DOCUMENT_MALFORMED", f"{where} names a person, key, level or moved region twice")
        if any([move.now in moved for move in policy.moved]):
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} moves a region to one that has moved")
        return policy

    def officers_keys(self) -> "dict[str, Key]":
        """All officers' keys by id."""
        return {key.keyid: key for person in self.persons for key in person.keys}

    def person_of(self, keyid: str) -> "Person | None":
        """Whose key this is, if it is an officer's."""
        for person in self.persons_of([keyid]):
            return person
        return None

    def persons_of(self, keyids: "Iterable[str]") -> "list[Person]":
        """The officers whose keys these are, each once, in the policy's order."""
        wanted = set(keyids)
        return [person for person in self.persons if any([key.keyid in wanted for key in person.keys])]

    def service_keys(self, use: str) -> "list[Key]":
        return [service.key for service in self.services if service.use == use]

    def region_now(self, region: str) -> str:
        """The region in which what was claimed for `region` lies today."""
        for move in self.moved:
            if move.region == region:
                return move.now
        return region

    def venues_max(self, level: int) -> "int | None":
        """The most venues one order of this level may name; None where the level may give no orders."""
        for limit in self.limits:
            if limit.level == level:
                return limit.venues_max
        return None

    def allows_regions(self, level: int) -> bool:
        """A whole region is more than any list of venues, so it takes a limit above what a list can hold."""
        most = self.venues_max(level)
        return most is not None and most > VENUES_MAX
