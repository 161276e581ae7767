"""What people are shown of orders. Every function takes an `Act`: nobody sees what is outside the own regions.

An order is seen by those over its authority and by those over a venue that it names.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from device.protocol.envelope import parse_envelope
from device.protocol.orders import BAN, LIFT, STOP, Order, decode_order
from device.protocol.policy import AuthorityPolicy
from device.protocol.receipts import Receipt
from fleet_server.http_errors import ProblemError
from fleet_server.orders.approval import ISSUED
from fleet_server.orders.model import order_venues, orders
from fleet_server.people import Act


@dataclass(frozen=True, slots=True)
class Signer:
    """Who has signed; `person` is empty for a key that the policy does not name any more."""

    person: str
    keyid: str


@dataclass(frozen=True, slots=True)
class OrderFound:
    """An order with its text and how far it has come. Instants are this server's."""

    order: Order
    state: str
    document: str
    payload: str
    drafted_at_ms: int
    draft_until_ms: int
    signed_at_ms: int | None
    approved_by: str | None
    issued_at_ms: int | None
    withdrawn_at_ms: int | None
    venues: int
    delivered: int
    in_force: int
    lifted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class AtVenue:
    """An order at one venue: instants of this server, `receipt` as the box signed it."""

    order: str
    venue: str
    region: str
    box: str | None
    ordered_at_ms: int
    sent_at_ms: int | None
    delivered_at_ms: int | None
    in_force_at_ms: int | None
    lifted_at_ms: int | None
    result: str | None
    code: str | None
    receipt: Receipt | None


def list_orders(
    act: Act,
    *,
    state: str | None = None,
    kind: str | None = None,
    venue: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[OrderFound]:
    """The newest first; `after` is the last number of the page before."""
    query = select(orders).where(_wanted(act, state, kind, venue))
    if after:
        last = select(orders.c.drafted_at_ms).where(orders.c.order == after).scalar_subquery()
        older = orders.c.drafted_at_ms < last
        query = query.where(or_(older, and_(orders.c.drafted_at_ms == last, orders.c.order < after)))
    query = query.order_by(orders.c.drafted_at_ms.desc(), orders.c.order.desc()).limit(limit)
    return [_found(act, row) for row in act.connection.execute(query).all()]


def count_orders(act: Act, *, state: str | None = None, kind: str | None = None, venue: str | None = None) -> int:
    query = select(func.count()).select_from(orders).where(_wanted(act, state, kind, venue))
    return int(act.connection.execute(query).scalar_one())


def one_order(act: Act, number: str) -> OrderFound:
    """Raises ProblemError NOT_FOUND."""
    return _found(act, _row(act, number))


def issued_bans(act: Act) -> list[Order]:
    """Every ban and lift that was issued, in whatever region: a catalog is one for the country."""
    wanted = (orders.c.state == ISSUED, orders.c.kind.in_((BAN, LIFT)))
    still = or_(orders.c.ends_at_ms.is_(None), orders.c.ends_at_ms > act.now_ms)
    payloads = act.connection.execute(select(orders.c.payload).where(*wanted, still)).scalars()
    return [decode_order(payload) for payload in payloads]


def envelope_of(act: Act, number: str) -> bytes:
    """The signed order, for an inspector to carry to a box. Raises ProblemError NOT_FOUND, ORDER_THRESHOLD."""
    row = _row(act, number)
    if row.state != ISSUED:
        raise ProblemError("ORDER_THRESHOLD", "not issued")
    return bytes(row.envelope)


def signers_of(act: Act, number: str, policy: AuthorityPolicy) -> list[Signer]:
    """Raises ProblemError NOT_FOUND."""
    row = _row(act, number)
    if row.envelope is None:
        return []
    keyids = [signature.keyid for signature in parse_envelope(row.envelope, "order").signatures]
    persons = [policy.person_of(keyid) for keyid in keyids]
    return [Signer(person.person if person else "", keyid) for person, keyid in zip(persons, keyids, strict=True)]


def at_venues(act: Act, number: str, *, venue: str | None = None, after: str = "", limit: int = 1000) -> list[AtVenue]:
    """By venue code, those that the actor may see, or the one that is named."""
    here = and_(order_venues.c.order == number, order_venues.c.venue > after)
    if venue is not None:
        here = and_(here, order_venues.c.venue == venue)
    query = select(order_venues).where(here, act.visible(order_venues.c.region))
    return [_at_venue(row) for row in act.connection.execute(query.order_by(order_venues.c.venue).limit(limit))]


def holds_of(act: Act, venue: str) -> list[AtVenue]:
    """Stops and bans that are in force at the venue, as its box has said."""
    in_force = and_(order_venues.c.in_force_at_ms.is_not(None), order_venues.c.lifted_at_ms.is_(None))
    query = select(order_venues).join(orders).where(order_venues.c.venue == venue, orders.c.kind.in_((STOP, BAN)))
    query = query.where(in_force, act.visible(order_venues.c.region)).order_by(order_venues.c.in_force_at_ms)
    return [_at_venue(row) for row in act.connection.execute(query)]


def _wanted(act: Act, state: str | None, kind: str | None, venue: str | None) -> ColumnElement[bool]:
    wanted = [_visible(act)]
    if state:
        wanted.append(orders.c.state == state)
    if kind:
        wanted.append(orders.c.kind == kind)
    if venue:
        wanted.append(orders.c.order.in_(select(order_venues.c.order).where(order_venues.c.venue == venue)))
    return and_(*wanted)


def _visible(act: Act) -> ColumnElement[bool]:
    touched = select(order_venues.c.order).where(act.visible(order_venues.c.region))
    return or_(act.visible(orders.c.authority), orders.c.order.in_(touched))


def _row(act: Act, number: str) -> Row[Any]:
    row = act.connection.execute(select(orders).where(orders.c.order == number, _visible(act))).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return row


def _found(act: Act, row: Row[Any]) -> OrderFound:
    column = order_venues.c
    # Lifted was in force once; each venue is counted where it stands now.
    counted = select(
        func.count(),
        func.count(column.delivered_at_ms),
        func.count(column.in_force_at_ms) - func.count(column.lifted_at_ms),
        func.count(column.lifted_at_ms),
        func.count().filter(column.result == "rejected"),
    )
    numbers = act.connection.execute(counted.where(column.order == row.order, act.visible(column.region))).one()
    return OrderFound(
        order=decode_order(row.payload),
        state=row.state,
        document=row.document,
        payload=row.payload.decode(),
        drafted_at_ms=row.drafted_at_ms,
        draft_until_ms=row.draft_until_ms,
        signed_at_ms=row.signed_at_ms,
        approved_by=row.approved_by,
        issued_at_ms=row.issued_at_ms,
        withdrawn_at_ms=row.withdrawn_at_ms,
        venues=numbers[0],
        delivered=numbers[1],
        in_force=numbers[2],
        lifted=numbers[3],
        rejected=numbers[4],
    )


def _at_venue(row: Row[Any]) -> AtVenue:
    values = row._asdict()
    if row.receipt is not None:
        values["receipt"] = Receipt.decode(parse_envelope(row.receipt, "receipt").payload)
    return AtVenue(**values)
