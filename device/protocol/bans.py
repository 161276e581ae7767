"""The bans that a catalog release carries, for boxes that never got the orders (SPEC 8.7)."""

from device.protocol.errors import MalformedError
from device.protocol.limits import BAN_LIST_BYTES_MAX, BANNED_MAX, HOLDS_MAX, LIFTED_MAX, TARGETS_MAX
from device.protocol.orders import Scope, Target
from device.protocol.orders import scope as a_scope
from device.protocol.record import Document, Record
from device.protocol.shape import INSTANT, ORDER_NUMBER, REGION, array, maybe, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class ListedBan(Record):
    """A ban in force when the release was prepared. lifted: where lifts have ended it already."""

    order: str
    authority: str
    ends_at_ms: "int | None"
    scope: Scope
    lifted: "tuple[Scope, ...]"
    targets: "tuple[Target, ...]"

    SHAPE = (
        ("order", ORDER_NUMBER),
        ("authority", REGION),
        ("ends_at_ms", maybe(INSTANT)),
        ("scope", a_scope),
        ("lifted", array(a_scope, LIFTED_MAX)),
        ("targets", array(record(Target), TARGETS_MAX, 1)),
    )

    def is_over(self, now_ms: "int | None") -> bool:
        """Whether it has ended by itself; None is before there is any time to say so."""
        return self.ends_at_ms is not None and now_ms is not None and now_ms >= self.ends_at_ms

    def names(self, venue: str, region: str) -> bool:
        """Whether it stands at this venue, which lies in `region` today."""
        return self.scope.names(venue, region) and not any([lift.names(venue, region) for lift in self.lifted])


class BanList(Document):
    """`catalog/bans-EPOCH.json`."""

    bans: "tuple[ListedBan, ...]"

    BYTES_MAX = BAN_LIST_BYTES_MAX
    SHAPE = (("bans", array(record(ListedBan), HOLDS_MAX)),)

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Raises MalformedError also for more targets in all than a box bans."""
        listed = super().from_plain(value, where)
        targets = sum([len(ban.targets) for ban in listed.bans])
        if targets > BANNED_MAX:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}: {targets} targets, at most {BANNED_MAX}")
        return listed
