"""Drafts: the server writes the payload, the officer's own machine signs it.

The draft already is the order, byte for byte; what the first and the second person sign is the same text. Its number is
the next of the authority's year.
"""

from dataclasses import dataclass, replace

from sqlalchemy import insert, select

from device.protocol.envelope import Envelope
from device.protocol.errors import ProtocolError
from device.protocol.limits import DAY_MS
from device.protocol.orders import (
    BAN,
    CLEAR_SEAL,
    LIFT,
    RESUME,
    SERVICE,
    STOP,
    Order,
    Scope,
    decode_order,
    require_entitled,
    require_scope,
)
from device.protocol.policy import AuthorityPolicy, Person
from fleet_server.boxes import Impact, addressees, impact, last_report, require_jurisdiction
from fleet_server.http_errors import ProblemError
from fleet_server.numbering import next_order
from fleet_server.orders.approval import DRAFT, DRAFT_FOR_MS
from fleet_server.orders.ends import ended_until_ms, require_may_end, require_outlasting
from fleet_server.orders.model import order_ends, orders
from fleet_server.orders.room import keys_count, require_room
from fleet_server.people import Act

ACCEPTED_FOR_MS = 30 * DAY_MS  # how long boxes that are away may still take the order, unless the draft says otherwise


@dataclass(frozen=True, slots=True)
class Wish:
    """What the drafter wants, before it has a number. Fields as in SPEC 6.1; None where the kind has none."""

    kind: str
    authority: str
    document: str
    basis: str
    text_zh: str
    text_en: str
    expires_at_ms: int | None
    scope: Scope | None  # None: the scope of the orders that are ended
    ends_at_ms: int | None
    grace_s: int
    targets: tuple[dict[str, str], ...]
    ends: tuple[str, ...]
    opening: int | None  # of the seal; None: the last one that the box has reported


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed, and what it would touch."""

    order: str
    payload: str  # the exact text that is signed
    document: str
    draft_until_ms: int
    impact: Impact


def draft(act: Act, wish: Wish, policy: AuthorityPolicy) -> Draft:
    """Number, check and keep a draft. Raises ProtocolError with the codes of SPEC 6.2, ProblemError."""
    person = _officer(act, policy)
    scope = wish.scope or _scope_of_ended(act, wish.ends)
    number = next_order(act.connection, wish.authority, act.now_ms)
    if wish.kind == SERVICE and wish.opening is None:
        wish = replace(wish, opening=_last_opening(act, scope))
    payload = _order(act, wish, scope, number, person.person)
    order = decode_order(payload)  # as the box will read it; names the field that is wrong
    require_may_end(act.connection, order)
    require_outlasting(act.connection, order)
    require_entitled([person], order.kind, order.authority, "ORDER")
    require_scope(policy, order.order, order.authority, order.scope, "", "ORDER")
    found = addressees(act.connection, order.scope)
    require_jurisdiction(order.scope, found, order.authority)
    require_room(act.connection, order, act.now_ms)
    document = Envelope("order", payload, ()).document
    draft_until_ms = min(act.now_ms + DRAFT_FOR_MS, order.expires_at_ms)
    keep(act, order, payload, document, draft_until_ms)
    act.record(f"order:{number}", order.authority, after={"document": document})
    return Draft(
        order=number,
        payload=payload.decode(),
        document=document,
        draft_until_ms=draft_until_ms,
        impact=impact(act.connection, found, act.now_ms),
    )


def keep(act: Act, order: Order, payload: bytes, document: str, draft_until_ms: int) -> None:
    """Store an order as a draft."""
    act.connection.execute(
        insert(orders).values(
            order=order.order,
            state=DRAFT,
            kind=order.kind,
            authority=order.authority,
            scope_region=order.scope.region,
            drafted_by=order.drafted_by,
            drafted_at_ms=act.now_ms,
            draft_until_ms=draft_until_ms,
            expires_at_ms=order.expires_at_ms,
            ends_at_ms=order.ends_at_ms,
            payload=payload,
            document=document,
            banned=keys_count(order.targets),
        )
    )
    if order.ends:
        rows = [{"order": order.order, "ended": ended} for ended in order.ends]
        act.connection.execute(insert(order_ends), rows)


def _officer(act: Act, policy: AuthorityPolicy) -> Person:
    for person in policy.persons:
        if person.person == act.actor.person:
            return person
    raise ProblemError("ORDER_NOT_ENTITLED", f"{act.actor.person} is not in the authority policy")


def _scope_of_ended(act: Act, ends: tuple[str, ...]) -> Scope:
    """Where the ended orders are; a resume need not repeat it."""
    rows = act.connection.execute(select(orders.c.payload).where(orders.c.order.in_(ends), orders.c.state == "issued"))
    scopes = {decode_order(row.payload).scope for row in rows}
    if not scopes:
        raise ProblemError("ORDER_UNKNOWN", ", ".join(ends) or "scope is missing")
    if len(scopes) == 1:
        return scopes.pop().replace(rooms=())  # it is the order that is ended, and not a room
    if any(scope.region for scope in scopes):
        raise ProblemError("ORDER_MALFORMED", "the ended orders have different scopes; name one")
    return Scope(venues=tuple(sorted({venue for scope in scopes for venue in scope.venues})), region="")


def _last_opening(act: Act, scope: Scope) -> int:
    """What the box of the venue says of its seal. Raises ProblemError ORDER_MALFORMED."""
    for addressee in addressees(act.connection, scope):
        found = last_report(act.connection, addressee.box) if addressee.box else None
        if found is not None and found[0].opening:
            return found[0].opening
    raise ProblemError("ORDER_MALFORMED", "no box there has reported an opening of its seal")


def _order(act: Act, wish: Wish, scope: Scope, number: str, person: str) -> bytes:
    fields = {
        "order": number,
        "kind": wish.kind,
        "authority": wish.authority,
        "drafted_by": person,
        "document": wish.document,
        "basis": wish.basis,
        "text_zh": wish.text_zh,
        "text_en": wish.text_en,
        "issued_at_ms": act.now_ms,
        "expires_at_ms": wish.expires_at_ms
        or max(act.now_ms + ACCEPTED_FOR_MS, ended_until_ms(act.connection, wish.ends)),
        "scope": scope.plain(),
    }
    of_kind: dict[str, dict[str, object]] = {
        STOP: {"ends_at_ms": wish.ends_at_ms, "grace_s": wish.grace_s},
        BAN: {"ends_at_ms": wish.ends_at_ms, "targets": list(wish.targets)},
        RESUME: {"ends": list(wish.ends)},
        LIFT: {"ends": list(wish.ends)},
        SERVICE: {"action": CLEAR_SEAL, "opening": wish.opening},
    }
    try:
        return Order.from_plain(fields | of_kind.get(wish.kind, {}), "Order").encode()
    except ProtocolError as error:
        raise ProblemError("ORDER_MALFORMED", str(error)) from error
