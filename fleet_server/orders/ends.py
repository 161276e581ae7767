"""What a resume or lift names (SPEC 6.1, 6.3), asked by this server's books before anybody signs.

1. Only an authority of its level or above ends an order, and whose an order is stands in its number: ORDER_ENDS_ABOVE.
2. A resume ends stops, a lift bans: ORDER_ENDS_KIND. Of a number that is still to come nobody knows.
3. It may be taken as long as what it ends.

A box takes what breaks rules 1 and 2, and ends nothing by it; here it would count as the ending of what still stands.
"""

from sqlalchemy import Connection, func, select

from device.protocol.orders import BAN, LIFT, RESUME, STOP, Order
from device.protocol.regions import level
from fleet_server.http_errors import ProblemError
from fleet_server.orders.approval import ISSUED
from fleet_server.orders.model import orders

ENDS = {RESUME: STOP, LIFT: BAN}


def require_may_end(connection: Connection, order: Order) -> None:
    """Rules 1 and 2. Raises ProblemError."""
    above = [ended for ended in order.ends if level(ended[:6]) < level(order.authority)]
    if above:
        raise ProblemError("ORDER_ENDS_ABOVE", ", ".join(above))
    kind = ENDS.get(order.kind)
    of_other_kinds = select(orders.c.order).where(orders.c.order.in_(order.ends), orders.c.kind != kind)
    others = connection.scalars(of_other_kinds.order_by(orders.c.order)).all()
    if others:
        raise ProblemError("ORDER_ENDS_KIND", ", ".join(others))


def require_outlasting(connection: Connection, order: Order) -> None:
    """Rule 3: else whoever has the stop brings it to a box that was away, and no resume ends it any more."""
    until_ms = ended_until_ms(connection, order.ends)
    if order.expires_at_ms < until_ms:
        raise ProblemError("ORDER_MALFORMED", f"expires_at_ms: what it ends may still be taken until {until_ms}")


def ended_until_ms(connection: Connection, ends: tuple[str, ...]) -> int:
    """Until when a box may still take one of the ended orders; 0 without any."""
    latest = select(func.max(orders.c.expires_at_ms)).where(orders.c.order.in_(ends), orders.c.state == ISSUED)
    return connection.scalar(latest) or 0
