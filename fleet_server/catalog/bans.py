"""Which bans the next release carries (SPEC 8.7): those in force by the orders that were issued.

An order reaches boxes for ORDER_ACCEPTED_FOR_MS at most; a box that is new, or that lost its record, learns of an older
ban from the catalog alone. A lift leaves its ban out of the next release; where it lifts a part of it, the release says
where.

Pure.
"""

from collections.abc import Iterable

from device.protocol.bans import ListedBan
from device.protocol.errors import RejectedError
from device.protocol.limits import BANNED_MAX, HOLDS_MAX, LIFTED_MAX
from device.protocol.orders import BAN, LIFT, Order
from device.protocol.regions import contains, level
from fleet_server.orders import keys_count


def in_force(orders: Iterable[Order], now_ms: int) -> tuple[ListedBan, ...]:
    """The bans of issued orders of any kind, by number.

    Raises RejectedError `CATALOG_BANS_TOO_MANY`: more than a box takes.
    """
    given = list(orders)
    lifts = [order for order in given if order.kind == LIFT]
    found = [_listed(order, lifts) for order in sorted(given, key=lambda order: order.order) if order.kind == BAN]
    bans = tuple(ban for ban in found if not ban.is_over(now_ms) and not _is_lifted(ban))
    targets = sum(max(keys_count(ban.targets), len(ban.targets)) for ban in bans)
    if len(bans) > HOLDS_MAX or targets > BANNED_MAX or any(len(ban.lifted) > LIFTED_MAX for ban in bans):
        raise RejectedError("CATALOG_BANS_TOO_MANY", f"{len(bans)} bans of {targets} targets")
    return bans


def is_current(listed: Iterable[ListedBan], orders: Iterable[Order], now_ms: int) -> bool:
    """Whether a release that was prepared with these bans still carries what is in force."""
    return tuple(ban for ban in listed if not ban.is_over(now_ms)) == in_force(orders, now_ms)


def _listed(ban: Order, lifts: Iterable[Order]) -> ListedBan:
    lifted = {
        lift.scope: None  # once each, in the order of their numbers
        for lift in sorted(lifts, key=lambda lift: lift.order)
        if ban.order in lift.ends and level(lift.authority) <= level(ban.authority)
    }
    return ListedBan(
        order=ban.order,
        authority=ban.authority,
        ends_at_ms=ban.ends_at_ms,
        scope=ban.scope,
        lifted=tuple(lifted),
        targets=ban.targets,
    )


def _is_lifted(ban: ListedBan) -> bool:
    """Whether lifts cover all of its scope, as far as the orders alone say; else the boxes see it venue by venue."""
    if ban.scope.region:
        return any(lift.region and contains(lift.region, ban.scope.region) for lift in ban.lifted)
    lifted = {venue for lift in ban.lifted for venue in lift.venues}
    return lifted.issuperset(ban.scope.venues)
