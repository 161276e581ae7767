"""HTTP: a receipt that a courier brings back from a box that is off line (SPEC 6.5).

It is read and filed by the very functions that take receipts from the broker (`reports.read_receipt`): the signature of
the box is what counts, and not who brings it. Before that it is asked what the address of the page already says:

1. The order is one that the courier may see, and the box stands in a region of theirs; else it is as if neither were.
2. The receipt is of this order, by its number and its document, and of a venue that the order is for: RECEIPT_OTHER.

What is refused is a dead letter, as from the broker, and a row of the audit. The same receipt again changes nothing.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from device.protocol.envelope import parse_envelope
from device.protocol.errors import ProtocolError
from device.protocol.receipts import Receipt
from fleet_server import boxes, orders
from fleet_server.http_errors import ProblemError
from fleet_server.live import Event
from fleet_server.mailroom import Sender, dead_letters
from fleet_server.messages import find_sender
from fleet_server.people import Act, Action, Call, needs
from fleet_server.reports import read_receipt

KIND = "receipt by courier"  # of a dead letter

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Number = Annotated[str, Path(pattern=r"^[0-9]{6}-[0-9]{4}-[0-9]{6}$")]


class ReceiptTaken(BaseModel):
    """What this server now shows of the order at that venue; instants are the server's."""

    order: str
    venue: str
    box: str | None
    result: str | None
    code: str | None
    delivered_at_ms: int | None
    in_force_at_ms: int | None
    lifted_at_ms: int | None


@router.post(
    "/{order}/receipts",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def hand_in_receipt(
    order: Number, request: Request, call: Annotated[Call, needs(Action.ORDER_RECEIPT)]
) -> ReceiptTaken:
    """Hand in what a box answered to whoever brought it the order: its signed receipt, an envelope."""
    raw = await request.body()
    return await run_in_threadpool(hand_in, call, order, raw)


def hand_in(call: Call, number: str, raw: bytes) -> ReceiptTaken:
    """Rules 1 and 2, for whoever may hand it in. Raises ProblemError, ProtocolError."""
    box = ""  # as long as nothing says whose it is, and that the courier may know of that box
    try:
        with call.reading() as act:
            found = orders.one_order(act, number)
            receipt = Receipt.decode(parse_envelope(raw, "receipt").payload)
            _require_in_region(act, receipt.box)
            box = receipt.box
            sender = _require_active(act, box)
            filing = read_receipt(sender, raw)
            _require_of(act, found, sender, receipt)
    except ProtocolError as error:
        _set_aside(call, number, box, raw, error)
        raise
    with call.writing() as act:
        outcomes = filing(act.connection, act.now_ms)
        (row,) = orders.at_venues(act, number, venue=sender.venue)
        act.record(f"order:{number}", sender.region, after={"box": box, "result": receipt.result})
    for outcome in outcomes:
        assert isinstance(outcome, Event), "a receipt sends nothing down"
        call.fleet.live.tell(outcome)
    return ReceiptTaken(**{name: getattr(row, name) for name in ReceiptTaken.model_fields})


def _require_in_region(act: Act, box: str) -> None:
    """Rule 1. Raises ProblemError NOT_FOUND, NOT_PERMITTED."""
    found = boxes.find(act.connection, box)
    if found is None:
        raise ProblemError("NOT_FOUND")
    act.require(found.region)


def _require_active(act: Act, box: str) -> Sender:
    """As the mailroom asks it of a topic. Raises ProtocolError BOX_REVOKED."""
    sender = find_sender(act.connection, box)
    if sender is None:
        raise ProtocolError("BOX_REVOKED", "no active box of this name")
    return sender


def _require_of(act: Act, found: orders.OrderFound, sender: Sender, receipt: Receipt) -> None:
    """Rule 2. Raises ProtocolError RECEIPT_OTHER."""
    number = found.order.order
    is_of_this = (receipt.subject, receipt.id, receipt.document) == ("order", number, found.document)
    if not is_of_this or not orders.at_venues(act, number, venue=sender.venue):
        raise ProtocolError("RECEIPT_OTHER", f"{receipt.subject} {receipt.id} at {sender.venue}")


def _set_aside(call: Call, number: str, box: str, raw: bytes, error: ProtocolError) -> None:
    """Counted where what the broker brings is counted, and with whoever brought it."""
    with call.writing() as act:
        dead_letters.keep(act.connection, box, KIND, raw, error, act.now_ms)
        after = {"box": box, "code": error.code}
        act.record(f"order:{number}", number[:6], after=after, action="order.receipt_refused")
