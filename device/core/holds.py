"""Holds: what keeps a venue stopped and songs banned (SPEC 6.3).

A stop adds a hold on the venue, a ban one on its targets. A resume names the stops that it ends, a lift the
bans; neither ends the other's, since an officer may be entitled to one alone. There is no "unlock": a
replayed resume ends holds that ended long ago, and changes nothing.

1. A hold is known by its order number; the same again changes nothing.
2. Only an authority of the hold's level or above ends it.
3. An ending may overtake its hold: it is remembered, and the hold then never comes into force.
4. A hold with an end time ends by itself, by proven time only (`clock.py`).
5. Memory is bounded. Above a bound the order is rejected and nothing is changed. An ending is forgotten when
   the order it ends would be too old to be accepted, and no catalog carries its ban. What the state record says stood
   already: no bound takes it back, were it smaller than that of the version that wrote the record.
6. A stop that names rooms stops these; the venue is not locked by it.
7. What a restricted box had, or takes, is in doubt: it may have been ended, and the box has forgotten that (SPEC 6.6);
   likewise what a box takes before it knows the time. It is in force like any other, and the ending that ended it once
   ends it again, however old.

Pure: orders come here verified and addressed (`orders.py`). Instants are milliseconds of proven
time; None is before there is any, and with it no hold ends.
"""

from device.core.banned import song_keys, target_keys
from device.core.facts import Fact
from device.protocol.errors import RejectedError
from device.protocol.limits import BANNED_MAX, ENDINGS_MAX, HOLDS_MAX, ORDER_ACCEPTED_FOR_MS
from device.protocol.orders import BAN, LIFT, RESUME, STOP
from device.protocol.regions import level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from device.protocol.catalog import SongRecord
    from device.protocol.orders import Order

ENDS = {RESUME: STOP, LIFT: BAN}  # kind of order -> kind of hold that it ends


class Hold(Fact):
    """One reason to be stopped, with what the venue may read of it.

    document: number of the paper. targets: of a ban, each `by:id` with spaces between: one text, since the state record
    has it in every save. rooms: of a stop, empty is the whole venue. ends_at_ms: None lasts until it is ended.
    """

    order: str
    kind: str
    authority: str
    document: str
    text_zh: str
    text_en: str
    issued_at_ms: int
    ends_at_ms: "int | None"
    targets: str
    rooms: "list[str]"
    FIELDS = (
        "order",
        "kind",
        "authority",
        "document",
        "text_zh",
        "text_en",
        "issued_at_ms",
        "ends_at_ms",
        "targets",
        "rooms",
    )

    @property
    def targets_count(self) -> int:
        return len(self.targets.split())

    @property
    def is_of_venue(self) -> bool:
        """Whether it locks the whole venue."""
        return self.kind == STOP and not self.rooms

    def is_in_force(self, now_ms: int | None) -> bool:
        """Rule 4."""
        return self.ends_at_ms is None or now_ms is None or now_ms < self.ends_at_ms


class Ending(Fact):
    """A resume or lift that names an order: of what level, and when it came or was issued, the later."""

    kind: str
    order: str
    level: int
    at_ms: int
    FIELDS = ("kind", "order", "level", "at_ms")


def hold_of(order: "Order") -> Hold:
    """The hold that a stop or ban adds."""
    return Hold(
        order=order.order,
        kind=order.kind,
        authority=order.authority,
        document=order.document,
        text_zh=order.text_zh,
        text_en=order.text_en,
        issued_at_ms=order.issued_at_ms,
        ends_at_ms=order.ends_at_ms,
        targets=" ".join([f"{target.by}:{target.id}" for target in order.targets]),
        rooms=list(order.scope.rooms),
    )


class Holds:
    """The holds of one box, and the endings that may still meet their hold."""

    def __init__(self) -> None:
        self._holds: dict[str, Hold] = {}
        self._endings: dict[tuple[str, str], Ending] = {}
        self._banned: dict[bytes, list[Hold]] = {}
        self._banned_count = 0
        self._of_rooms: list[Hold] = []
        self._in_doubt: set[str] = set()

    def add(self, hold: Hold) -> bool:
        """Bring a hold into force; False if it is known or was ended before it came (rules 1, 3).

        Raises RejectedError `ORDER_TOO_MANY`.
        """
        if hold.order in self._holds or self._is_ended(hold):
            return False
        if len(self._holds) >= HOLDS_MAX:
            raise RejectedError("ORDER_TOO_MANY", f"{HOLDS_MAX} holds stand already")
        if self._banned_count + len(_target_keys(hold)) > BANNED_MAX:
            raise RejectedError("ORDER_TOO_MANY", f"{self._banned_count} of {BANNED_MAX} targets are banned already")
        self.restore(hold)
        return True

    def restore(self, hold: Hold) -> None:
        """Put a hold into force that is not known, without asking anything: it stands in the state record (rule 5)."""
        self._holds[hold.order] = hold
        if hold.rooms:
            self._of_rooms.append(hold)
        keys = _target_keys(hold)
        self._banned_count += len(keys)
        for key in keys:
            self._banned.setdefault(key, []).append(hold)

    def end(self, kind: str, orders: "Iterable[str]", authority: str, at_ms: int) -> "list[str]":
        """End the named holds of a kind as `authority`; returns those that it ended.

        Raises RejectedError `ORDER_TOO_MANY` before anything is changed.
        """
        named = [(kind, order) for order in orders]
        new = [key for key in named if key not in self._endings]
        if len(self._endings) + len(new) > ENDINGS_MAX:
            raise RejectedError("ORDER_TOO_MANY", f"{ENDINGS_MAX} endings are remembered already")
        ended = []
        for key in named:
            self.remember(Ending(kind=kind, order=key[1], level=level(authority), at_ms=at_ms))
            hold = self._holds.get(key[1])
            # Rule 2 is asked of what is remembered: being early gives a county no more power.
            if hold is not None and self._is_ended(hold):
                self._drop(hold)
                ended.append(hold.order)
        return ended

    def doubt(self, orders: "Iterable[str]") -> None:
        """These holds may have been ended (rule 7)."""
        self._in_doubt.update([order for order in orders if order in self._holds])

    def in_doubt(self) -> "list[str]":
        """By order number."""
        return sorted(self._in_doubt)

    def doubted(self, kind: str, orders: "Iterable[str]", authority: str) -> "list[str]":
        """Those of the orders that are holds of this kind in doubt, and that the authority may end (rules 2, 7)."""
        found = [self._holds[order] for order in orders if order in self._in_doubt]
        return [hold.order for hold in found if hold.kind == kind and level(authority) <= level(hold.authority)]

    def remember(self, ending: Ending) -> None:
        """Keep the highest level and the latest instant of all endings of one order."""
        key = (ending.kind, ending.order)
        known = self._endings.get(key, ending)
        self._endings[key] = Ending(
            kind=ending.kind,
            order=ending.order,
            level=min(ending.level, known.level),
            at_ms=max(ending.at_ms, known.at_ms),
        )

    def forget(self, now_ms: int | None, listed: "Iterable[str]" = ()) -> bool:
        """Drop holds that have ended by themselves and endings that can meet no hold any more (rules 4, 5).

        listed: bans of the catalog, which an ending can still meet.
        """
        if now_ms is None:
            return False
        over = self.over(now_ms)
        old = [
            key
            for key, ending in self._endings.items()
            if ending.at_ms + ORDER_ACCEPTED_FOR_MS < now_ms and (key[0] != BAN or key[1] not in listed)
        ]
        for hold in over:
            self._drop(hold)
        for key in old:
            del self._endings[key]
        return bool(over or old)

    def over(self, now_ms: int | None) -> "list[Hold]":
        """Holds that have ended by themselves and are not forgotten yet."""
        return [hold for hold in self._holds.values() if not hold.is_in_force(now_ms)]

    def in_force(self, now_ms: int | None) -> "list[Hold]":
        """Every hold in force, by order number."""
        if not self._holds:
            return []
        found = [hold for hold in self._holds.values() if hold.is_in_force(now_ms)]
        return sorted(found, key=lambda hold: hold.order)

    def stops(self, now_ms: int | None) -> "list[Hold]":
        """The stops in force now, of the venue and of rooms."""
        return [hold for hold in self.in_force(now_ms) if hold.kind == STOP]

    def is_locked(self, now_ms: int | None) -> bool:
        """Whether the whole venue is (SPEC 6.3 (6))."""
        return any([hold.is_of_venue for hold in self.stops(now_ms)])

    def rooms_locked(self, now_ms: int | None) -> "list[str]":
        """The rooms that stops of rooms name, in order."""
        return sorted({room for hold in self._of_rooms if hold.is_in_force(now_ms) for room in hold.rooms})

    @property
    def are_of_rooms(self) -> bool:
        """Whether any is, in force or not."""
        return bool(self._of_rooms)

    @property
    def are_of_songs(self) -> bool:
        """Whether any is, in force or not."""
        return bool(self._banned)

    def is_room_locked(self, room: str, now_ms: int | None) -> bool:
        return any([room in hold.rooms and hold.is_in_force(now_ms) for hold in self._of_rooms])

    def is_banned(self, song: "SongRecord", now_ms: int | None) -> bool:
        """Whether a ban names the song's version, work, file or picture; takes the same time for any number of bans."""
        if not self._banned:
            return False
        for key in song_keys(song):
            for hold in self._banned.get(key, ()):
                if hold.is_in_force(now_ms):
                    return True
        return False

    def is_file_banned(self, file: bytes, now_ms: int | None) -> bool:
        """Whether a ban names the file of this key, under whatever name it is played."""
        return any([hold.is_in_force(now_ms) for hold in self._banned.get(b"f" + file, ())])

    def all_holds(self) -> "list[Hold]":
        """For the state record, by order number."""
        return sorted(self._holds.values(), key=lambda hold: hold.order)

    def all_endings(self) -> "list[Ending]":
        """For the state record, by kind and order number."""
        return [self._endings[key] for key in sorted(self._endings)]

    def is_ended(self, kind: str, order: str, authority: str) -> bool:
        """Whether an ending of this hold is remembered that may end it (rules 2, 3)."""
        ending = self._endings.get((kind, order))
        return ending is not None and ending.level <= level(authority)

    def _is_ended(self, hold: Hold) -> bool:
        return self.is_ended(hold.kind, hold.order, hold.authority)

    def _drop(self, hold: Hold) -> None:
        del self._holds[hold.order]
        self._in_doubt.discard(hold.order)
        self._of_rooms = [other for other in self._of_rooms if other.order != hold.order]
        keys = _target_keys(hold)
        self._banned_count -= len(keys)
        for key in keys:
            left = [other for other in self._banned[key] if other.order != hold.order]
            if left:
                self._banned[key] = left
            else:
                del self._banned[key]


def _target_keys(hold: Hold) -> "list[bytes]":
    named = []
    for target in hold.targets.split():
        by, _, name = target.partition(":")
        named.append((by, name))
    return target_keys(named)
