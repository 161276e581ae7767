"""Whether the boxes have room for one hold more (SPEC 6.3 (5)): what a box must reject is neither drafted nor issued.

By this server's books: a hold stands at a venue from its issue until its end, an issued ending there, or its lifting,
and unless the box has rejected it or can take it no more. The box asks again, of what it has.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from device.protocol.limits import BANNED_MAX, HOLDS_MAX
from device.protocol.orders import BAN, STOP, Order, Target
from fleet_server.http_errors import ProblemError
from fleet_server.orders.approval import ISSUED
from fleet_server.orders.model import order_ends, order_venues, orders
from fleet_server.people import below

_ending = orders.alias("ending")
_ending_venue = order_venues.alias("ending_venue")


def keys_count(targets: Iterable[Target]) -> int:
    """What these take of a box's BANNED_MAX: a picture is banned as a file too, and nothing counts twice."""
    keys = set()
    for target in targets:
        keys.add(("file" if target.by == "picture" else target.by, target.id))
        if target.by == "picture":
            keys.add(("picture", target.id))
    return len(keys)


def require_room(connection: Connection, order: Order, now_ms: int) -> None:
    """Raises ProblemError `HOLDS_TOO_MANY`; an order that adds no hold needs no room."""
    if order.kind not in (STOP, BAN):
        return
    here = order_venues.c
    scope = order.scope
    meant = below(scope.region, here.region) if scope.region else here.venue.in_(scope.venues)
    holds, banned = func.count(), func.coalesce(func.sum(orders.c.banned), 0)
    new = keys_count(order.targets)
    no_room = or_(holds + 1 > HOLDS_MAX, banned + new > BANNED_MAX)
    query = select(here.venue, holds.label("holds"), banned.label("banned")).join(orders)
    query = query.where(meant, here.order != order.order, orders.c.kind.in_((STOP, BAN)), orders.c.state == ISSUED)
    query = query.where(or_(orders.c.ends_at_ms.is_(None), orders.c.ends_at_ms > now_ms), here.lifted_at_ms.is_(None))
    query = query.where(or_(here.result.is_(None), here.result != "rejected"))
    query = query.where(or_(here.delivered_at_ms.is_not(None), orders.c.expires_at_ms > now_ms), ~has_ending())
    full = connection.execute(query.group_by(here.venue).having(no_room).order_by(here.venue).limit(1)).one_or_none()
    if full is not None:
        counts = f"{full.holds} of {HOLDS_MAX} orders, {full.banned} and {new} more of {BANNED_MAX} targets"
        raise ProblemError("HOLDS_TOO_MANY", f"{full.venue}: {counts}")


def has_ending() -> ColumnElement[bool]:
    """An issued resume or lift names the order of the row, and is for its venue too."""
    named = and_(order_ends.c.ended == order_venues.c.order, order_ends.c.order == _ending.c.order)
    there = and_(_ending_venue.c.order == _ending.c.order, _ending_venue.c.venue == order_venues.c.venue)
    return exists().where(named, there, _ending.c.state == ISSUED).correlate(order_venues)
