"""Orders: the list, and one of them with its exact text, its signers and what became of it.

The page of an order takes one thing: the receipt that a courier has brought from a box which is off line
(`receipts_api.py`). What is refused is said there, with the form once more; what is taken leads back to the page, which
says so only where the box's answer stands on it.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape
from starlette.responses import Response

from device.protocol.errors import ProtocolError
from device.protocol.limits import ENVELOPE_BYTES_MAX
from device.protocol.orders import BAN, STOP, Order, Scope
from device.protocol.policy import AuthorityPolicy
from fleet_server import catalog, orders, receipts_api, venues
from fleet_server.console import frame
from fleet_server.console.frame import Frame
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute, sentence, status_of
from fleet_server.console.ways import Way, ways_of_order
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.orders import ISSUED, OrderFound
from fleet_server.people import Act, Action, Call, form_needs, needs

ROWS_PER_PAGE = 50
WAYS_MAX = 200
TARGETS_SHOWN = 50
NAMES_MAX = 2  # venues that a list names before it only counts
STATES = ("signed", "draft", "issued", "withdrawn")
LAPSED = "lapsed"  # a draft whose time is over

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    order: str
    document: str
    kind: str
    state: str
    scope: Markup
    drafted_by: str
    signers: list[str]
    issued_at_ms: int
    expires_at_ms: int
    boxes: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    state: str
    states: tuple[str, ...]
    rows: list[RowView]
    count: int
    more: str  # address of the next page, empty on the last


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerView:
    person: str
    name: str
    keyid: str
    at_ms: int | None
    is_drafter: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """`text` is the order as its signers read it, field by field."""

    text: Order
    identity: str
    state: str
    has_end: bool
    release: str  # of a ban: which release of the catalog contains it
    scope_venues: list[tuple[str, str]]  # code and name
    targets_shown: int  # the first of them; the text that is signed has all
    signers: list[SignerView]
    is_drafter: bool  # the reader is
    command: str  # what to run in order to sign, empty if there is nothing to sign
    ways: list[Way]
    receipt_command: str  # for the receipt of a box that is off line, empty where none is awaited
    venues: int  # that the reader sees; `ways` has the first of them
    delivered: int
    in_force: int
    lifted: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptForm:
    """Shown where a receipt is awaited, or one was handed in just now: `taken` is the venue's name, `code` why not."""

    csrf: str
    bytes_max: int
    too_large: str
    taken: str = ""
    code: str = ""
    problem: str = ""


@router.get("/orders")
def list_orders(
    request: Request,
    call: Annotated[Call, needs(Action.ORDER_READ)],
    state: Annotated[str, Query(max_length=10)] = "",
    after: Annotated[str, Query(max_length=18)] = "",
) -> HTMLResponse:
    """The newest first; the filter stands in the address."""
    state = state if state in STATES else ""
    shown = frame.of(request, call.actor)
    view = read(call, Action.ORDER_READ, lambda act: _list(act, shown, names_of(call.fleet), state, after))
    return frame.page(request, call, "orders.html", view=view)


@router.get("/orders/{order}")
def show_order(
    order: str,
    request: Request,
    call: Annotated[Call, needs(Action.ORDER_READ)],
    taken: Annotated[str, Query(max_length=15)] = "",
) -> HTMLResponse:
    """`taken`: the venue whose receipt was handed in just now."""
    return _page(request, call, order, taken=taken)


@router.post("/orders/{order}")
def hand_in_receipt(
    order: receipts_api.Number,
    request: Request,
    call: Annotated[Call, form_needs(Action.ORDER_RECEIPT)],
    receipt: Annotated[UploadFile, File()],
) -> Response:
    """The form of that page. The same receipt again changes nothing."""
    try:
        taken = receipts_api.hand_in(call, order, receipt.file.read())
    except (ProblemError, ProtocolError) as error:
        return _page(request, call, order, code=error.code)
    return RedirectResponse(f"/orders/{order}?{urlencode({'taken': taken.venue})}#receipt", 303)


def _page(request: Request, call: Call, order: str, *, taken: str = "", code: str = "") -> HTMLResponse:
    shown = frame.of(request, call.actor)
    policy = policy_of(call.fleet)
    view = read(call, Action.ORDER_READ, lambda act: _order(act, shown, policy, order))
    form = ReceiptForm(
        csrf=call.csrf,
        bytes_max=ENVELOPE_BYTES_MAX,
        too_large=sentence(shown, "DOCUMENT_TOO_LARGE"),
        taken=next((way.venue_name for way in view.ways if way.venue == taken and not way.is_waiting), ""),
        code=code,
        problem=sentence(shown, code) if code else "",
    )
    page = frame.page(request, call, "order.html", view=view, form=form)
    page.status_code = status_of(code) if code else 200
    return page


def policy_of(fleet: Fleet) -> AuthorityPolicy | None:
    """None before the key ceremony."""
    try:
        return fleet.policy.current()
    except ProblemError:
        return None


def names_of(fleet: Fleet) -> dict[str, str]:
    """What officers are called, by person."""
    policy = policy_of(fleet)
    return {person.person: person.name for person in policy.persons} if policy else {}


def row_of(act: Act, shown: Frame, names: dict[str, str], found: OrderFound) -> RowView:
    """A line about an order, for this list and for the overview."""
    order = found.order
    signed = [order.drafted_by] if found.signed_at_ms is not None else []
    signed += [found.approved_by] if found.approved_by else []
    return RowView(
        order=order.order,
        document=order.document,
        kind=order.kind,
        state=_state(found, act.now_ms),
        scope=scope_in_words(act, shown, order.scope),
        drafted_by=names.get(order.drafted_by, order.drafted_by),
        signers=[names.get(person, person) for person in signed],
        issued_at_ms=found.issued_at_ms or found.drafted_at_ms,
        expires_at_ms=found.draft_until_ms,
        boxes=found.venues,
        answered=found.delivered + found.rejected,
    )


def scope_in_words(act: Act, shown: Frame, scope: Scope) -> Markup:
    if scope.region:
        return Markup("{} {}").format(shown.say("order.whole_region"), shown.region_path(scope.region))
    if len(scope.venues) > NAMES_MAX:
        return escape(shown.say("order.venues_n", n=len(scope.venues)))
    named = escape(shown.say("list.comma")).join(shown.own(name or code) for code, name in _named(act, scope))
    if not scope.rooms:
        return named
    return Markup("{} · {} {}").format(named, shown.say("order.rooms"), shown.own(" ".join(scope.rooms)))


def _list(act: Act, shown: Frame, names: dict[str, str], state: str, after: str) -> ListView:
    found = orders.list_orders(act, state=state or None, after=after, limit=ROWS_PER_PAGE + 1)
    rows = [row_of(act, shown, names, order) for order in found[:ROWS_PER_PAGE]]
    wanted = {"state": state} if state else {}
    return ListView(
        state=state,
        states=STATES,
        rows=rows,
        count=orders.count_orders(act, state=state or None),
        more=f"/orders?{urlencode({**wanted, 'after': rows[-1].order})}" if len(found) > ROWS_PER_PAGE else "",
    )


def _order(act: Act, shown: Frame, policy: AuthorityPolicy | None, number: str) -> OrderView:
    found = orders.one_order(act, number)
    state = _state(found, act.now_ms)
    ways = ways_of_order(act, shown, found.order, WAYS_MAX)
    return OrderView(
        text=found.order,
        identity=found.document,
        state=state,
        has_end=found.order.kind in (STOP, BAN),
        release=_release(act, shown, number) if found.order.kind == BAN and found.state == ISSUED else "",
        scope_venues=_named(act, found.order.scope),
        targets_shown=TARGETS_SHOWN,
        signers=_signers(act, found, policy) if policy else [],
        is_drafter=act.actor.person == found.order.drafted_by,
        command=f"frontbox-fleet order approve {number} --key officer.pem" if state == "signed" else "",
        ways=ways,
        receipt_command=f"frontbox-fleet order receipt {number} receipt.json" if _awaits_courier(act, ways) else "",
        venues=found.venues,
        delivered=found.delivered,
        in_force=found.in_force,
        lifted=found.lifted,
        rejected=found.rejected,
    )


def _awaits_courier(act: Act, ways: list[Way]) -> bool:
    """Whether the reader could hand in a receipt that comes by no other way now."""
    return bool(act.actor.regions(Action.ORDER_RECEIPT)) and any(way.is_waiting and not way.is_online for way in ways)


def _release(act: Act, shown: Frame, ban: str) -> str:
    current = catalog.current(act.connection)
    epochs = catalog.releases_with(act.connection, ban)
    if current is None or not epochs:
        return shown.say("order.release_none")
    if epochs[-1] == current.epoch:
        return shown.say("order.release_in", n=current.epoch)
    return shown.say("order.release_left", n=epochs[-1], current=current.epoch)


def _signers(act: Act, found: OrderFound, policy: AuthorityPolicy) -> list[SignerView]:
    names = {person.person: person.name for person in policy.persons}
    return [
        SignerView(
            person=signer.person,
            name=names.get(signer.person, signer.person or signer.keyid[:16]),
            keyid=signer.keyid,
            at_ms=found.signed_at_ms if signer.person == found.order.drafted_by else found.issued_at_ms,
            is_drafter=signer.person == found.order.drafted_by,
        )
        for signer in orders.signers_of(act, found.order.order, policy)
    ]


def _state(found: OrderFound, now_ms: int) -> str:
    is_over = found.state in ("draft", "signed") and now_ms > found.draft_until_ms
    return LAPSED if is_over else found.state


def _named(act: Act, scope: Scope) -> list[tuple[str, str]]:
    """Codes with names. An order's own text names its venues, so no region is asked here."""
    found = [(code, venues.find(act.connection, code)) for code in scope.venues]
    return [(code, venue.name if venue else "") for code, venue in found]
