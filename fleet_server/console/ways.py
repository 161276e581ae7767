"""An order's way at a venue, as steps to show: ordered, delivered, in force, lifted.

Only the first step is this server's word. The instants of the others are those the box signed in its receipt; where
only a later report told it, the instant is that of the report's arrival, and the step says so.
"""

from dataclasses import dataclass

from device.protocol.orders import BAN, STOP, Order
from fleet_server import boxes, orders, venues
from fleet_server.console.frame import Frame
from fleet_server.orders import AtVenue
from fleet_server.people import Act

DONE, FORCE, BAD, OPEN = "done", "force", "bad", "open"


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is a word of `chain.`, `state` how it looks, `proof` what it rests on."""

    name: str
    state: str
    at_ms: int | None = None
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    order: str
    kind: str
    authority: str
    document: str
    text_zh: str
    text_en: str
    ends_at_ms: int | None
    venue: str
    venue_name: str
    box: str | None
    is_online: bool
    is_waiting: bool
    is_in_force: bool
    code: str
    steps: list[Step]


def ways_of_order(act: Act, frame: Frame, order: Order, limit: int) -> list[Way]:
    """One for each venue that the actor may see, by venue code."""
    return [_way(act, frame, order, row) for row in orders.at_venues(act, order.order, limit=limit)]


def ways_at_venue(act: Act, frame: Frame, venue: str, limit: int) -> list[Way]:
    """One for each order that has gone to the venue, what is in force first, then the newest."""
    ways = []
    for found in orders.list_orders(act, state="issued", venue=venue, limit=limit):
        rows = orders.at_venues(act, found.order.order, venue=venue)
        ways += [_way(act, frame, found.order, row) for row in rows]
    return sorted(ways, key=lambda way: not way.is_in_force)


def _way(act: Act, frame: Frame, order: Order, row: AtVenue) -> Way:
    venue = venues.find(act.connection, row.venue)
    box = boxes.find(act.connection, row.box) if row.box else None
    return Way(
        order=order.order,
        kind=order.kind,
        authority=order.authority,
        document=order.document,
        text_zh=order.text_zh,
        text_en=order.text_en,
        ends_at_ms=order.ends_at_ms,
        venue=row.venue,
        venue_name=venue.name if venue else row.venue,
        box=row.box,
        is_online=box is not None and boxes.is_online(box.reported_at_ms, act.now_ms),
        is_waiting=row.result is None,
        is_in_force=row.in_force_at_ms is not None and row.lifted_at_ms is None and order.kind in (STOP, BAN),
        code=row.code or "",
        steps=_steps(frame, order, row),
    )


def _steps(frame: Frame, order: Order, row: AtVenue) -> list[Step]:
    ordered = Step("ordered", DONE, row.ordered_at_ms)
    if order.kind in (STOP, BAN):
        return [ordered, _delivered(frame, row), _in_force(frame, order, row), _lifted(frame, row)]
    carried_out = Step("done", DONE, _said_at(row)) if row.in_force_at_ms is not None else Step("done", OPEN)
    return [ordered, _delivered(frame, row), carried_out]


def _delivered(frame: Frame, row: AtVenue) -> Step:
    if row.result == "rejected" and row.delivered_at_ms is None:
        return Step("rejected", BAD, _said_at(row), _proof(frame, row))
    if row.delivered_at_ms is None:
        return Step("delivered", OPEN)
    return Step("delivered", DONE, _said_at(row), _proof(frame, row))


def _in_force(frame: Frame, order: Order, row: AtVenue) -> Step:
    in_grace = row.receipt is not None and order.order in row.receipt.grace
    if row.in_force_at_ms is None:
        return Step("in-force", OPEN, proof=frame.say("chain.in_grace", s=order.grace_s) if in_grace else "")
    state = FORCE if row.lifted_at_ms is None else DONE
    if row.receipt is not None and order.order in row.receipt.holds and not in_grace:
        return Step("in-force", state, _said_at(row), _proof(frame, row))
    return Step("in-force", state, row.in_force_at_ms, frame.say("chain.by_report"))


def _lifted(frame: Frame, row: AtVenue) -> Step:
    if row.lifted_at_ms is None:
        return Step("lifted", OPEN)
    return Step("lifted", DONE, row.lifted_at_ms, frame.say("chain.by_report"))


def _said_at(row: AtVenue) -> int | None:
    """When the box says it was; without trusted time, when this server heard."""
    if row.receipt is not None and row.receipt.at_ms is not None:
        return row.receipt.at_ms
    return row.delivered_at_ms


def _proof(frame: Frame, row: AtVenue) -> str:
    if row.receipt is None:
        return frame.say("chain.by_report")
    return frame.say("chain.receipt", epoch=row.receipt.epoch, seq=row.receipt.seq)
