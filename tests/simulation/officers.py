"""The officers: what they order, and what a box must therefore do. The books of the checkers, not of the box."""

import random
from collections.abc import Collection, Mapping
from typing import Any

from device.protocol.limits import DAY_MS
from device.protocol.orders import BAN, LIFT, RESUME, SERVICE, STOP, Order, Scope, Target
from device.protocol.receipts import Receipt
from device.protocol.regions import level
from tests import builders
from tests.builders import PROVINCE, REGION
from tests.simulation.fleet import Issued, left_by
from tests.simulation.venue import ROOMS

SIGNERS = {REGION: (builders.ZHANG, builders.LI), PROVINCE: (builders.CHEN, builders.ZHOU)}
DRAFTERS = {REGION: "zhang", PROVINCE: "chen"}
ENDING_OF = {RESUME: STOP, LIFT: BAN}
DAYS_TO_ACCEPT = {STOP: (10, 60), BAN: (10, 60), RESUME: (1, 10, 60), LIFT: (1, 10, 60), SERVICE: (1, 10)}
ROUGHLY_MS = 420_000  # how far a box may lag: a lease may be held back as long as its nonce lasts, and clocks drift


class Officers:
    """Two authorities, one above the other, that sign orders with fresh numbers."""

    def __init__(self, chance: random.Random, songs: tuple[str, ...]) -> None:
        self.orders: dict[str, Order] = {}
        self._chance = chance
        self._songs = songs

    def order(self, kind: str, now_ms: int, **changes: Any) -> Issued:
        """Sign one order; what it is about is left to chance unless `changes` says it."""
        authority = changes.pop("authority", self._chance.choice((REGION, REGION, PROVINCE)))
        number = len(self.orders) + 1
        fields: dict[str, Any] = {
            "number": number,
            "authority": authority,
            "drafted_by": DRAFTERS[authority],
            "issued_at_ms": now_ms - 1000,
            "expires_at_ms": now_ms + self._chance.choice(DAYS_TO_ACCEPT[kind]) * DAY_MS,
        }
        if kind == STOP:
            if self._chance.random() < 0.4:
                rooms = tuple(self._chance.sample(ROOMS, self._chance.randint(1, 3)))
                fields["scope"] = Scope(venues=(builders.VENUE,), region="", rooms=rooms)
            fields["grace_s"] = self._chance.choice((0, 10, 600))
            fields["ends_at_ms"] = now_ms + self._chance.choice((3_600_000, DAY_MS, 3 * DAY_MS, 15 * DAY_MS))
        elif kind == BAN:
            song = self._chance.choice(self._songs)
            by, name = self._chance.choice((("version", song), ("work", f"w-{song}")))
            fields["targets"] = (Target(by=by, id=name),)
            fields["ends_at_ms"] = self._chance.choice((None, now_ms + 2 * DAY_MS))
        elif kind != SERVICE:
            fields["ends"] = tuple(self._standing(ENDING_OF[kind], authority))
        fields |= changes
        fields["expires_at_ms"] = max(fields["expires_at_ms"], self._taken_until_ms(fields.get("ends", ())))
        order = builders.order(kind, **fields)
        self.orders[order.order] = order
        raw = builders.order_envelope(kind, signers=SIGNERS[authority], **fields)
        return Issued(order.order, kind, raw, order.expires_at_ms, order.ends)

    def _standing(self, kind: str, authority: str) -> list[str]:
        """Most orders of a kind, and one number that is still to come: an ending may overtake."""
        mine = level(authority)
        known = [name for name, order in self.orders.items() if order.kind == kind and mine <= level(order.authority)]
        named = [name for name in known[-40:] if self._chance.random() < 0.7]
        if self._chance.random() < 0.2 or not named:
            named.append(f"{REGION}-2026-{len(self.orders) + 2:06d}")
        return named

    def _taken_until_ms(self, ends: Collection[str]) -> int:
        """A server drafts no ending that expires before what it ends (SPEC 6.1)."""
        return max([self.orders[name].expires_at_ms for name in ends if name in self.orders], default=0)


class Standing:
    """What holds a box, by the orders that officers signed and those that the box said it accepted.

    Between a decision of the box and its receipt lies the disk, so both bounds are kept: what surely holds the box,
    and what may.
    """

    def __init__(self, orders: dict[str, Order]) -> None:
        self._orders = orders
        self.accepted_at_ms: dict[str, int] = {}
        self._ended = Endings(orders)
        self._ended_there = Endings(orders)

    def signed(self, number: str) -> None:
        """Officers have signed this; it is under way to the box."""
        self._ended.take(number)

    def accepted(self, receipt: Receipt, true_ms: int) -> None:
        """The box has signed that it accepted an order; the last time counts, for its grace may begin anew."""
        self.accepted_at_ms[receipt.id] = true_ms
        self._ended_there.take(receipt.id, left_by(self._orders[receipt.id], receipt))

    def forgot(self) -> None:
        """The record of the box was put back: what it knew to be ended may hold it until the fleet says so again."""
        self._ended_there = Endings(self._orders)

    def may_be_cleared(self, opening: int) -> bool:
        """Whether officers have signed a service for this opening of the seal."""
        return any(order.kind == SERVICE and order.opening == opening for order in self._orders.values())

    def must_be_over(self, confirmed: set[str], left: Mapping[str, set[str]]) -> set[str]:
        """What was ended by orders that the box has confirmed to the fleet: in contact none of it stands.

        left: by such an order what it named, and the box has said that it left.
        """
        ended = Endings(self._orders)
        for number in confirmed:
            ended.take(number, left.get(number, set()))
        return {order.order for order in self._orders.values() if ended.has(order)}

    def numbers(self) -> list[str]:
        """Every order that was signed."""
        return list(self._orders)

    def surely_in_force(self, kind: str, true_ms: int) -> list[Order]:
        """What the box must obey: it said so, nobody signed an end, and the end by itself is not near."""
        at_ms = true_ms + ROUGHLY_MS
        return [
            order
            for order in self._of(kind, at_ms)
            if order.order in self.accepted_at_ms and not self._ended.has(order)
        ]

    def may_be_in_force(self, kind: str, true_ms: int) -> list[Order]:
        """What the box may obey: it is signed, and the box has not said that it ended it."""
        return [order for order in self._of(kind, true_ms - ROUGHLY_MS) if not self._ended_there.has(order)]

    def wanted(self, true_ms: int) -> frozenset[str]:
        """Holds that the fleet expects to see in a report."""
        found = [*self._of(STOP, true_ms + ROUGHLY_MS), *self._of(BAN, true_ms + ROUGHLY_MS)]
        return frozenset(order.order for order in found if not self._ended.has(order))

    def _of(self, kind: str, true_ms: int) -> list[Order]:
        return [
            order
            for order in self._orders.values()
            if order.kind == kind and (order.ends_at_ms is None or order.ends_at_ms > true_ms)
        ]


class Endings:
    """Which holds are ended by some of the orders: once ended stays so, in whatever sequence they come."""

    def __init__(self, orders: dict[str, Order]) -> None:
        self._orders = orders
        self._levels: dict[tuple[str, str], int] = {}  # kind and order -> level of who ended it

    def take(self, number: str, left: Collection[str] = ()) -> None:
        """left: what it named, and did not end."""
        order = self._orders[number]
        for named in set(order.ends).difference(left):
            key = (ENDING_OF[order.kind], named)
            self._levels[key] = min(level(order.authority), self._levels.get(key, 99))

    def has(self, order: Order) -> bool:
        return self._levels.get((order.kind, order.order), 99) <= level(order.authority)
