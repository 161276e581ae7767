"""Orders, by whatever courier: what the box does about one (SPEC 6.2-6.5).

Who may order what is `device.protocol.orders`, asked alike by the fleet server. Here stands what depends on
the box's memory, time and place:

1. SPEC 6.2 (8): a known number with the same content is answered again and changes nothing; with other
   content it is an equivocation.
2. SPEC 6.2 (9), (10): not past its acceptance by proven time, and addressed to this venue. A restricted box takes
   an old stop or ban all the same: it may be one that its record has forgotten. It may as well be one that was ended,
   so whatever such a box has or takes is in doubt, also what it takes later and was issued before it healed; and an old
   resume or lift ends what is in doubt, and nothing else. A box that no lease has told the time since it started takes
   for new what was ended long ago: in doubt as well, and so is what is late by trusted time and not by proven time.
3. What is known is forgotten once it could not be accepted any more, and is bounded. A restricted box forgets only to
   have room: else an old stop, given every second, would be an entry and a step of the counter each time.
4. Entry, then record, then receipt. Songs that must stop are cut before any of them.
"""

from device.core import cuts, grace, receipts, reopen
from device.core.clock import SIGNED
from device.core.facts import Fact
from device.core.holds import ENDS, hold_of
from device.core.plays import BAN as CUT_BY_BAN
from device.core.plays import LOCK, end_plays, push_cuts
from device.protocol.catalog import file_key
from device.protocol.errors import ProtocolError, RejectedError, SignatureError
from device.protocol.orders import BAN, SERVICE, STOP, accept_order, decode_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import OrderReceived
    from device.core.memory import Memory
    from device.core.plays import Play
    from device.core.turn import Turn
    from device.protocol.orders import AcceptedOrder, Order

KNOWN_ORDERS_MAX = 4_096
ENDS_IN_ENTRY_MAX = 24  # an entry is bounded; the document it names has the whole list
TARGETS_IN_PUSH_MAX = 8  # an event must fit into one frame of the serial line
TARGETS_PUSHED_MAX = 64  # of a longer list the VOD server hears the length, and asks of each song that waits


class KnownOrder(Fact):
    """An order that was accepted."""

    order: str
    document: str
    expires_at_ms: int
    FIELDS = ("order", "document", "expires_at_ms")


class KnownOrders:
    """The orders that were accepted and could come again."""

    def __init__(self) -> None:
        self._known: dict[str, KnownOrder] = {}

    def code_of(self, order: str, document: str) -> str:
        """SPEC 6.2 (8); empty if the order is not known."""
        known = self._known.get(order)
        if known is None:
            return ""
        return "ORDER_REPLAYED" if known.document == document else "ORDER_EQUIVOCATION"

    def require_room(self, now_ms: int | None) -> None:
        """Raises RejectedError `ORDER_TOO_MANY`."""
        if len(self._known) >= KNOWN_ORDERS_MAX:
            self.forget(now_ms)
        if len(self._known) >= KNOWN_ORDERS_MAX:
            raise RejectedError("ORDER_TOO_MANY", f"{KNOWN_ORDERS_MAX} orders are known already")

    def add(self, known: KnownOrder) -> None:
        self._known[known.order] = known

    def forget(self, now_ms: int | None) -> None:
        """Rule 3."""
        if now_ms is not None:
            old = [known.order for known in self._known.values() if known.expires_at_ms < now_ms]
            for order in old:
                del self._known[order]

    def all(self) -> "list[KnownOrder]":
        """For the state record, by order number."""
        return [self._known[order] for order in sorted(self._known)]


def order_received(turn: "Turn", event: "OrderReceived") -> None:
    """Obey an order, answer it again, or reject it."""
    memory = turn.memory
    if memory.claim is None:
        turn.refuse(event.request, 403, "BOX_UNCLAIMED")
        return
    if not memory.journal.is_available:
        # No receipt without a durable entry; the fleet sends again what the report misses (SPEC 10.5).
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")
        return
    try:
        found = _accept(memory, memory.claim.region, event.raw)
        subject = receipts.Subject(subject="order", id=found.order.order, document=found.document)
        if memory.orders.code_of(subject.id, subject.document) == "ORDER_REPLAYED":
            receipts.known(turn, event.request, subject, "ORDER_REPLAYED")
            return
        _require_new(turn, found, memory.claim.venue, memory.claim.region)
        _take(turn, found.order)
    except ProtocolError as error:
        _reject(turn, event, error.code)
        return
    memory.clock.officers_signed(found.order.issued_at_ms, turn.now)
    memory.orders.add(KnownOrder(order=subject.id, document=subject.document, expires_at_ms=found.order.expires_at_ms))
    _carry_out(turn, event.request, found.order, subject)


def _accept(memory: "Memory", region: str, raw: bytes) -> "AcceptedOrder":
    """SPEC 6.2 (1) to (7). Raises ProtocolError."""
    if memory.content.policy is None:
        raise SignatureError("SIGNER_UNKNOWN", "no authority policy is loaded")
    return accept_order(raw, memory.content.policy, memory.verify, region)


def _require_new(turn: "Turn", found: "AcceptedOrder", venue: str, region: str) -> None:
    """SPEC 6.2 (8) to (10). Raises RejectedError."""
    order, now_ms = found.order, turn.proven_ms
    if turn.memory.orders.code_of(order.order, found.document):
        raise RejectedError("ORDER_EQUIVOCATION", f"{order.order} was accepted with other content")
    if _is_late(turn, order) and not _may_be_late(turn, order):
        raise RejectedError("ORDER_EXPIRED", f"{order.order} at {order.expires_at_ms}, now {now_ms}")
    if not order.scope.names(venue, region):
        raise RejectedError("ORDER_NOT_ADDRESSED", f"{order.order} is not for {venue} in {region}")


def _is_late(turn: "Turn", order: "Order") -> bool:
    return turn.proven_ms is not None and turn.proven_ms > order.expires_at_ms


def _may_be_late(turn: "Turn", order: "Order") -> bool:
    """Rule 2."""
    if order.kind in ENDS:
        return bool(_ended(turn, order))
    return turn.memory.damage.is_restricted and order.kind != SERVICE


def _ended(turn: "Turn", order: "Order") -> "list[str]":
    """The orders that a resume or lift ends now."""
    if not _is_late(turn, order):
        return list(order.ends)
    return turn.memory.holds.doubted(ENDS[order.kind], order.ends, order.authority)


def _take(turn: "Turn", order: "Order") -> None:
    """Add or end holds, or clear the seal; raises RejectedError before anything is changed."""
    memory, now_ms = turn.memory, turn.proven_ms
    memory.orders.require_room(now_ms)
    if order.kind == SERVICE:
        memory.seal.clear(order.opening)
    elif order.kind in ENDS:
        at_ms = max(order.issued_at_ms, now_ms or 0)
        ended = _ended(turn, order)
        memory.holds.end(ENDS[order.kind], ended, order.authority, at_ms)
        reopen.resumed(memory, ended)
    else:
        hold = hold_of(order)
        if hold.is_in_force(turn.proven_ms) and memory.holds.add(hold) and _is_in_doubt(turn, order):
            memory.holds.doubt([hold.order])


def _is_in_doubt(turn: "Turn", order: "Order") -> bool:
    """Rule 2: this box may have forgotten what ended the order, or cannot know yet that it is too old."""
    memory = turn.memory
    if memory.damage.is_restricted or order.issued_at_ms <= memory.damage.healed_at_ms:
        return True
    return memory.clock.quality != SIGNED or (turn.trusted_ms or 0) > order.expires_at_ms


def _carry_out(turn: "Turn", request: str, order: "Order", subject: receipts.Subject) -> None:
    """Rule 4."""
    memory = turn.memory
    running = memory.plays.running()
    cut: list[Play] = []
    reason = LOCK
    if order.kind == STOP:
        grace.begin(turn, order.order, order.grace_s)
        cut = [play for play in running if _is_due(turn, play)]
    elif order.kind == BAN:
        reason = CUT_BY_BAN
        cut = [play for play in running if _is_banned(turn, play)]
    push_cuts(turn, cut, reason)
    turn.append("ORDER", _body(subject, order.kind, receipts.ACCEPTED, "", order.ends))
    end_plays(turn, cut, reason)
    turn.save()
    receipts.accepted(turn, request, subject)
    if order.kind == BAN:
        _push_ban(turn, order)
    cuts.follow(turn)


def _is_due(turn: "Turn", play: "Play") -> bool:
    at_ms = grace.lock_at_mono_ms(turn, play)
    return at_ms is not None and turn.now.mono_ms >= at_ms


def _is_banned(turn: "Turn", play: "Play") -> bool:
    """By what the catalog says of the song, or by the file that the VOD server named when it asked."""
    holds = turn.memory.holds
    if play.file and holds.is_file_banned(file_key(play.file), turn.proven_ms):
        return True
    return play.record is not None and holds.is_banned(play.record, turn.proven_ms)


def _push_ban(turn: "Turn", order: "Order") -> None:
    """The VOD server takes the targets out of its queues; so many at a time as a serial frame holds."""
    count = len(order.targets)
    named = order.targets if count <= TARGETS_PUSHED_MAX else ()
    for start in range(0, len(named) or 1, TARGETS_IN_PUSH_MAX):
        part = [target.plain() for target in named[start : start + TARGETS_IN_PUSH_MAX]]
        turn.push({"type": "ban", "order": order.order, "targets_count": count, "targets": part})


def _reject(turn: "Turn", event: "OrderReceived", code: str) -> None:
    subject = receipts.subject_of("order", event.raw, decode_order)
    entry = ("ORDER", _body(subject, "", receipts.REJECTED, code, ()))
    receipts.rejected(turn, event.request, subject, code, entry)


def _body(subject: receipts.Subject, kind: str, result: str, code: str, ends: "tuple[str, ...]") -> "dict[str, object]":
    return {
        "order": subject.id,
        "document": subject.document,
        "kind": kind,
        "result": result,
        "code": code,
        "ends": list(ends[:ENDS_IN_ENTRY_MAX]),
    }
