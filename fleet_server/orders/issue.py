"""From draft to order: the first signature, the second, and out to the boxes.

Whoever hands in an envelope, by whatever way it was made, is asked SPEC 6.2 (1) to (9): `accept_order` is the same
function that the box runs. This server cannot make an order; it can only pass on what two officers have signed.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from device.crypto.p256 import verify
from device.protocol import topics
from device.protocol.envelope import Envelope, Signature, parse_envelope, verified_keyids
from device.protocol.orders import AcceptedOrder, accept_order
from device.protocol.policy import AuthorityPolicy
from fleet_server.boxes import addressees, require_jurisdiction
from fleet_server.http_errors import ProblemError
from fleet_server.mailroom import Outgoing
from fleet_server.orders import drafts
from fleet_server.orders.approval import (
    DRAFT,
    ISSUED,
    SIGNED,
    WITHDRAWN,
    Pending,
    require_approvable,
    require_open,
    require_signable,
)
from fleet_server.orders.ends import require_may_end
from fleet_server.orders.model import order_venues, orders
from fleet_server.orders.room import require_room
from fleet_server.people import Act


@dataclass(frozen=True, slots=True)
class Issued:
    """An order that stands, and what goes out after the commit; nothing goes out while it waits."""

    order: str
    state: str
    outgoing: tuple[Outgoing, ...] = ()


def hand_in(act: Act, raw: bytes, policy: AuthorityPolicy) -> Issued:
    """Take an envelope: the drafter's signature under a draft, or a whole order.

    The same envelope again gets the same answer. Raises ProblemError, ProtocolError with the codes of SPEC 6.2.
    """
    envelope = parse_envelope(raw, "order")
    row = act.connection.execute(select(orders).where(orders.c.document == envelope.document)).one_or_none()
    if row is not None and row.state in (DRAFT, SIGNED) and len(envelope.signatures) == 1:
        return _sign(act, row, envelope, policy)
    accepted = accept_order(raw, policy, verify)
    if row is not None and row.state == ISSUED:
        raise ProblemError("ORDER_REPLAYED", row.order)
    if act.now_ms > accepted.order.expires_at_ms:
        raise ProblemError("ORDER_EXPIRED", accepted.order.order)
    if act.actor.person not in [person.person for person in accepted.persons]:
        raise ProblemError("SIGNER_NOT_YOU", f"{act.actor.person} has not signed")
    act.require(accepted.order.authority)
    if row is None:
        row = _keep_foreign(act, accepted)
    else:
        require_open(_pending(row), act.now_ms)
    return _issue(act, row, accepted)


def approve(act: Act, number: str, keyid: str, sig: str, policy: AuthorityPolicy) -> Issued:
    """The second person's signature. Raises as `hand_in`."""
    row = find(act, number)
    act.require(row.authority)
    signer = policy.person_of(keyid)
    if signer is None:
        raise ProblemError("SIGNER_UNKNOWN", f"key {keyid[:16]}")
    require_approvable(_pending(row), signer.person, act.actor.person, act.now_ms)
    first = parse_envelope(row.envelope, "order")
    both = Envelope("order", first.payload, (*first.signatures, Signature(keyid=keyid, sig=sig)))
    return _issue(act, row, accept_order(both.encode(), policy, verify))


def withdraw(act: Act, number: str) -> None:
    """Give up a draft; an order that is issued can only be ended by another order."""
    row = find(act, number)
    act.require(row.authority)
    if row.state == ISSUED:
        raise ProblemError("ORDER_ALREADY_APPROVED", number)
    if row.drafted_by != act.actor.person:
        raise ProblemError("ORDER_DRAFTER", f"drafted by {row.drafted_by}")
    if row.state != WITHDRAWN:
        _set(act, number, state=WITHDRAWN, withdrawn_at_ms=act.now_ms)
        act.record(f"order:{number}", row.authority, action="order.withdraw")


def find(act: Act, number: str) -> Row[Any]:
    """Raises ProblemError NOT_FOUND where the actor may not see it."""
    row = act.connection.execute(select(orders).where(orders.c.order == number)).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return row


def _sign(act: Act, row: Row[Any], envelope: Envelope, policy: AuthorityPolicy) -> Issued:
    act.require(row.authority)
    (keyid,) = verified_keyids(envelope, policy.officers_keys(), verify)
    signer = policy.person_of(keyid)
    assert signer is not None
    require_signable(_pending(row), signer.person, act.actor.person, act.now_ms)
    if row.state == DRAFT:
        _set(act, row.order, state=SIGNED, envelope=envelope.encode(), signed_at_ms=act.now_ms)
        act.record(f"order:{row.order}", row.authority, after={"document": row.document}, action="order.sign")
    return Issued(row.order, SIGNED)


def _keep_foreign(act: Act, accepted: AcceptedOrder) -> Row[Any]:
    """An order that was drafted elsewhere: on paper, on another server, while this one was down."""
    order = accepted.order
    if act.connection.scalar(select(orders.c.order).where(orders.c.order == order.order)):
        raise ProblemError("ORDER_EQUIVOCATION", order.order)
    drafts.keep(act, order, accepted.envelope.payload, accepted.document, order.expires_at_ms)
    return find(act, order.order)


def _issue(act: Act, row: Row[Any], accepted: AcceptedOrder) -> Issued:
    order = accepted.order
    if act.now_ms > order.expires_at_ms:
        raise ProblemError("ORDER_EXPIRED", order.order)
    found = addressees(act.connection, order.scope)
    require_jurisdiction(order.scope, found, order.authority)
    require_may_end(act.connection, order)
    require_room(act.connection, order, act.now_ms)  # again: others were issued since it was drafted
    others = [person.person for person in accepted.persons if person.person != order.drafted_by]
    raw = accepted.envelope.encode()
    _set(
        act,
        row.order,
        state=ISSUED,
        envelope=raw,
        signed_at_ms=row.signed_at_ms or act.now_ms,
        approved_by=others[0],
        issued_at_ms=act.now_ms,
    )
    if found:
        act.connection.execute(
            insert(order_venues),
            [
                {
                    "order": row.order,
                    "venue": addressee.venue,
                    "region": addressee.region,
                    "box": addressee.box,
                    "ordered_at_ms": act.now_ms,
                }
                for addressee in found
            ],
        )
    act.record(f"order:{row.order}", row.authority, after={"document": row.document, "venues": len(found)})
    if order.scope.region:
        return Issued(row.order, ISSUED, (Outgoing(topics.down_all("order"), raw),))
    return Issued(
        row.order,
        ISSUED,
        tuple(Outgoing(topics.down(addressee.box, "order"), raw) for addressee in found if addressee.box),
    )


def _pending(row: Row[Any]) -> Pending:
    return Pending(row.order, row.state, row.drafted_by, row.draft_until_ms)


def _set(act: Act, number: str, **values: object) -> None:
    act.connection.execute(update(orders).where(orders.c.order == number).values(**values))
