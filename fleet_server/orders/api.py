"""HTTP: orders, from draft to what the boxes say of them."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from device.protocol.limits import GRACE_S_MAX, ROOMS_MAX, TARGETS_MAX
from device.protocol.orders import Scope, scope
from fleet_server.http_errors import ProblemError
from fleet_server.http_fields import readable
from fleet_server.orders import drafts, issue, queries
from fleet_server.people import Act, Action, Call, needs

PAGE_MAX = 1000

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Number = Annotated[str, Path(pattern=r"^[0-9]{6}-[0-9]{4}-[0-9]{6}$")]
OrderNumber = Annotated[str, Field(pattern=r"^[0-9]{6}-[0-9]{4}-[0-9]{6}$")]
Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Instant = Annotated[int, Field(ge=0, lt=1 << 53)]
Kind = Literal["stop", "resume", "ban", "lift", "service"]
State = Literal["draft", "signed", "issued", "withdrawn"]
Readable = AfterValidator(readable)
Room = Annotated[str, Field(min_length=1, max_length=16), Readable]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Target(Body):
    by: Literal["work", "version", "file", "picture"]
    id: Annotated[str, Field(min_length=1, max_length=64)]


class NewDraft(Body):
    """What SPEC 6.1 says, without what the server fills in. `document` is the number of the paper (文书号).

    `venues` or `region`, or for a resume or lift neither: then it is for the venues of what it ends. `rooms` of a stop
    of one venue. `opening` of a service is the last one that the venue's box has reported, unless another is named.
    """

    kind: Kind
    authority: Region
    document: Annotated[str, Field(min_length=1, max_length=80), Readable]
    basis: Annotated[str, Field(min_length=1, max_length=200), Readable]
    text_zh: Annotated[str, Field(min_length=1, max_length=500), Readable]
    text_en: Annotated[str, Field(max_length=500), Readable] = ""
    venues: Annotated[list[str], Field(max_length=1000)] = []
    rooms: Annotated[list[Room], Field(max_length=ROOMS_MAX)] = []
    region: Region | None = None
    expires_at_ms: Instant | None = None
    ends_at_ms: Instant | None = None
    grace_s: Annotated[int, Field(ge=0, le=GRACE_S_MAX)] = GRACE_S_MAX
    targets: Annotated[list[Target], Field(max_length=TARGETS_MAX)] = []
    ends: Annotated[list[OrderNumber], Field(max_length=64)] = []
    opening: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None


class ImpactShown(BaseModel):
    venues: int
    boxes: int
    boxes_online: int
    rooms_busy: int
    names: list[str]


class DraftShown(BaseModel):
    """`payload` is the exact text that two officers sign; it is the order."""

    order: str
    payload: str
    document: str
    draft_until_ms: int
    impact: ImpactShown


class StateShown(BaseModel):
    order: str
    state: str


class Approval(Body):
    keyid: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sig: Annotated[str, Field(min_length=88, max_length=88)]


class SignerShown(BaseModel):
    person: str
    keyid: str


class OrderShown(BaseModel):
    """`fields` is the order as `payload` has it; the counts are of venues in the caller's regions."""

    order: str
    state: State
    kind: Kind
    authority: str
    drafted_by: str
    approved_by: str | None
    fields: dict[str, Any]
    payload: str
    document: str
    drafted_at_ms: int
    draft_until_ms: int
    signed_at_ms: int | None
    issued_at_ms: int | None
    withdrawn_at_ms: int | None
    venues: int
    delivered: int
    in_force: int
    lifted: int
    rejected: int


class AtVenueShown(BaseModel):
    """Instants are the server's; `at_ms`, `epoch`, `seq` are what the box signed in its receipt."""

    venue: str
    region: str
    box: str | None
    ordered_at_ms: int
    delivered_at_ms: int | None
    in_force_at_ms: int | None
    lifted_at_ms: int | None
    result: str | None
    code: str | None
    at_ms: int | None
    epoch: int | None
    seq: int | None
    holds: list[str]
    grace: list[str]


class OrderWithReceipts(OrderShown):
    signers: list[SignerShown]
    receipts: list[AtVenueShown]


class Orders(BaseModel):
    """One page, the newest first; ask again with `after` = the last number. `count` is of all pages."""

    orders: list[OrderShown]
    count: int


@router.post("/drafts", status_code=201)
def draft_order(body: NewDraft, call: Annotated[Call, needs(Action.ORDER_DRAFT)]) -> DraftShown:
    """Write an order with its number, and say what it would touch. Nothing happens until two persons sign."""
    policy = call.fleet.policy.current()
    wish = drafts.Wish(
        scope=_scope(body),
        targets=tuple(target.model_dump() for target in body.targets),
        ends=tuple(body.ends),
        **body.model_dump(exclude={"venues", "rooms", "region", "targets", "ends"}),
    )
    with call.writing() as act:
        act.require(body.authority)
        drafted = drafts.draft(act, wish, policy)
    call.fleet.live.publish("order", body.authority, drafted.order)
    return DraftShown(**asdict(drafted))


@router.post("", openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}})
async def hand_in_order(request: Request, call: Annotated[Call, needs(Action.ORDER_DRAFT)]) -> StateShown:
    """Hand in an envelope: a draft with the drafter's signature, or a whole order with two."""
    raw = await request.body()
    return await run_in_threadpool(_hand_in, call, raw)


@router.post("/{order}/approvals")
def approve_order(order: Number, body: Approval, call: Annotated[Call, needs(Action.ORDER_APPROVE)]) -> StateShown:
    """The second person's signature over the same text; the order goes out at once."""
    policy = call.fleet.policy.current()
    with call.writing() as act:
        issued = issue.approve(act, order, body.keyid, body.sig, policy)
    return _send(call, issued)


@router.delete("/{order}")
def withdraw_order(order: Number, call: Annotated[Call, needs(Action.ORDER_DRAFT)]) -> StateShown:
    """The drafter gives up a draft."""
    with call.writing() as act:
        issue.withdraw(act, order)
    call.fleet.live.publish("order", order[:6], order)
    return StateShown(order=order, state="withdrawn")


@router.get("")
def list_orders(
    call: Annotated[Call, needs(Action.ORDER_READ)],
    state: State | None = None,
    kind: Kind | None = None,
    venue: Annotated[str | None, Query(max_length=15)] = None,
    after: Annotated[str, Query(max_length=18)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Orders:
    """Orders of the caller's regions, and those that touch a venue there."""
    with call.reading() as act:
        found = queries.list_orders(act, state=state, kind=kind, venue=venue, after=after, limit=limit)
        count = queries.count_orders(act, state=state, kind=kind, venue=venue)
        return Orders(orders=[OrderShown(**_shown(order)) for order in found], count=count)


@router.get("/{order}")
def show_order(order: Number, call: Annotated[Call, needs(Action.ORDER_READ)]) -> OrderWithReceipts:
    """One order: its text, who has signed, and what each box says of it."""
    policy = call.fleet.policy.current()
    with call.reading() as act:
        found = queries.one_order(act, order)
        signers = [SignerShown(**asdict(signer)) for signer in queries.signers_of(act, order, policy)]
        return OrderWithReceipts(**_shown(found), signers=signers, receipts=_receipts(act, order))


@router.get("/{order}/envelope", response_class=Response)
def get_envelope(order: Number, call: Annotated[Call, needs(Action.ORDER_READ)]) -> Response:
    """The signed order as bytes; a box takes it from whoever brings it."""
    with call.reading() as act:
        return Response(queries.envelope_of(act, order), media_type="application/json")


def _hand_in(call: Call, raw: bytes) -> StateShown:
    policy = call.fleet.policy.current()
    with call.writing() as act:
        issued = issue.hand_in(act, raw, policy)
    return _send(call, issued)


def _send(call: Call, issued: issue.Issued) -> StateShown:
    for outgoing in issued.outgoing:
        call.fleet.downlink.send(outgoing.topic, outgoing.payload)
    call.fleet.live.publish("order", issued.order[:6], issued.order)
    return StateShown(order=issued.order, state=issued.state)


def _scope(body: NewDraft) -> Scope | None:
    if body.venues and body.region:
        raise ProblemError("ORDER_MALFORMED", "venues or region, not both")
    if body.rooms and (body.kind != "stop" or len(body.venues) != 1):
        raise ProblemError("ORDER_MALFORMED", "rooms are of a stop of one venue")
    if not body.venues and not body.region:
        return None
    found = scope({"region": body.region} if body.region else {"venues": sorted(set(body.venues))}, "scope")
    return found.replace(rooms=tuple(sorted(set(body.rooms))))


def _shown(found: queries.OrderFound) -> dict[str, Any]:
    order = found.order
    shown = {name: getattr(found, name) for name in queries.OrderFound.__slots__ if name != "order"}
    named = {"order": order.order, "kind": order.kind, "authority": order.authority, "drafted_by": order.drafted_by}
    return {**shown, **named, "fields": order.plain()}


def _receipts(act: Act, order: str) -> list[AtVenueShown]:
    return [
        AtVenueShown(
            **{name: value for name, value in asdict(row).items() if name not in ("order", "receipt", "sent_at_ms")},
            at_ms=row.receipt.at_ms if row.receipt else None,
            epoch=row.receipt.epoch if row.receipt else None,
            seq=row.receipt.seq if row.receipt else None,
            holds=list(row.receipt.holds) if row.receipt else [],
            grace=list(row.receipt.grace) if row.receipt else [],
        )
        for row in queries.at_venues(act, order)
    ]
