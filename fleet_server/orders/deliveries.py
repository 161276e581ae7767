"""What became of an order at each venue: ordered, delivered, in force, lifted; all but the first said by the box.

Rules (SPEC 6.5, 10.5):

1. Delivered is a receipt that names the order's number and its document, accepted or known.
2. In force is a stop or ban that stands among the holds of a receipt or report and not among those whose grace still
   lets a song run on; any other order is in force once it is delivered. Lifted is a hold that stood, is not among the
   holds any more and has an ending: an issued resume or lift for the venue that names it, or its own end. A hold that
   vanished without one is sent again.
3. What a box said earlier in its journal than what it said last changes nothing.
4. With each report, what is missing is sent again: orders without a receipt, stops and bans that are not among the
   holds and have no ending, endings of what is still among the holds. At most RESENT_MAX orders. The first report
   after the issue brings an order at once: what was published before the box had subscribed is lost. Later none within
   RESEND_AFTER_MS of the last time; one that the box rejected after RETRY_REJECTED_AFTER_MS, or when it has a newer
   authority policy than before. A box that is failed may have forgotten holds, also those that a courier brought and
   that it has told nobody of since: it is sent stops and bans even past their acceptance (SPEC 6.6), and has no lease
   until they stand (`lacks_a_hold`). An ending
   is sent past its acceptance, as long as what it ends is among the holds: the box may have forgotten it, or have taken
   an old stop before it knew the time. Where nothing is in doubt the box rejects it, and officers give a new one.
5. A box that has forgotten a hold and rejects its order, because an officer has left the policy since, takes its word
   back: the order is shown as rejected, keeps no lease back, and officers give a new one.
6. A receipt comes late, twice, or by a courier who has kept it: what the box has signed before the one that stands
   neither takes its place nor makes the order rest again.
"""

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, or_, select, true, update
from sqlalchemy.dialects.sqlite import insert as upsert

from device.protocol import topics
from device.protocol.envelope import parse_envelope
from device.protocol.orders import BAN, STOP
from device.protocol.receipts import Receipt
from device.protocol.regions import contains
from device.protocol.uplink import Report
from fleet_server.live import Event
from fleet_server.mailroom import Outcome, Outgoing, Sender
from fleet_server.orders.approval import ISSUED
from fleet_server.orders.model import hold_marks, order_ends, order_venues, orders
from fleet_server.orders.room import has_ending

TAKEN = ("accepted", "known")  # results of a receipt
RESENT_MAX = 16
FAILED = "failed"
RESEND_AFTER_MS = 2_000
RETRY_REJECTED_AFTER_MS = 600_000


def record_receipt(
    connection: Connection, sender: Sender, receipt: Receipt, envelope: bytes, now_ms: int
) -> list[Outcome]:
    """Rule 1, and rule 2 for what the receipt says of holds."""
    here = and_(order_venues.c.order == receipt.id, order_venues.c.venue == sender.venue)
    query = select(orders.c.kind, orders.c.authority, order_venues).join(order_venues)
    row = connection.execute(query.where(here, orders.c.document == receipt.document)).one_or_none()
    # None: an order of another place, which reached this box too (SPEC 11.2, v1/dn/all).
    if row is None or _is_overtaken(row, receipt):
        return record_holds(connection, sender, Standing.of_receipt(receipt), now_ms)
    values: dict[str, object] = {"box": sender.box, "code": receipt.code}
    is_taken = receipt.result in TAKEN
    if is_taken or row.delivered_at_ms is None:
        # A first answer is kept: that a copy of it was rejected as a replay later takes nothing back.
        values |= {"result": receipt.result, "receipt": envelope}
    if not is_taken:
        values["sent_at_ms"] = now_ms  # it rests from its answer on
    if is_taken and row.delivered_at_ms is None:
        values["delivered_at_ms"] = now_ms
        if row.kind not in (STOP, BAN):
            values["in_force_at_ms"] = now_ms
    has_lost = not is_taken and _takes_back(row, receipt)
    if has_lost:
        values |= {"result": receipt.result, "receipt": envelope, "delivered_at_ms": None, "in_force_at_ms": None}
    if row.delivered_at_ms is None or is_taken or has_lost:
        connection.execute(update(order_venues).where(here).values(values))
    holds = record_holds(connection, sender, Standing.of_receipt(receipt), now_ms)
    return [Event("order", row.authority, receipt.id), Event("order", row.region, receipt.id), *holds]


def _is_overtaken(row: Row[Any], receipt: Receipt) -> bool:
    """Rule 6. A rejection has an entry of its own, so what stands at the same entry is the same one."""
    if row.receipt is None:
        return False
    last = Receipt.decode(parse_envelope(row.receipt, "receipt").payload)
    if last.box != receipt.box:
        return False
    told, last_told = (receipt.epoch, receipt.seq), (last.epoch, last.seq)
    if receipt.result not in TAKEN:
        return told <= last_told
    return told < last_told and (last.result in TAKEN or _takes_back(row, last))


def _takes_back(row: Row[Any], receipt: Receipt) -> bool:
    """Rule 5, of a rejection."""
    stands = row.lifted_at_ms is not None or row.order in receipt.holds or receipt.code == "ORDER_REPLAYED"
    return row.kind in (STOP, BAN) and not stands


@dataclass(frozen=True, slots=True)
class Standing:
    """The holds of a box when its journal was at `epoch`, `size`; `grace`: those of them that still spare a song."""

    holds: tuple[str, ...]
    grace: tuple[str, ...]
    epoch: int
    size: int

    @classmethod
    def of_receipt(cls, receipt: Receipt) -> Self:
        return cls(receipt.holds, receipt.grace, receipt.epoch, receipt.seq + 1)

    @classmethod
    def of_report(cls, report: Report) -> Self:
        return cls(report.holds, report.grace, report.journal.epoch, report.journal.size)


def record_holds(connection: Connection, sender: Sender, standing: Standing, now_ms: int) -> list[Outcome]:
    """Rules 2 and 3."""
    if not _is_newer(connection, sender.box, standing.epoch, standing.size):
        return []
    at_venue = and_(order_venues.c.venue == sender.venue, orders.c.kind.in_((STOP, BAN)), orders.c.state == ISSUED)
    news: list[Outcome] = []
    query = select(order_venues, orders.c.ends_at_ms, has_ending().label("has_ending")).join(orders).where(at_venue)
    open_rows = or_(order_venues.c.lifted_at_ms.is_(None), order_venues.c.order.in_(standing.holds))
    for row in connection.execute(query.where(open_rows)).all():
        change = _change(row, standing, now_ms)
        if change:
            here = and_(order_venues.c.order == row.order, order_venues.c.venue == sender.venue)
            connection.execute(update(order_venues).where(here).values(change))
            news.append(Event("order", row.region, row.order))
    return news


def missing(connection: Connection, sender: Sender, report: Report, now_ms: int) -> list[Outcome]:
    """Rule 4."""
    if not sender.venue:
        return []
    _add_by_region(connection, sender, now_ms)
    rested = and_(
        or_(order_venues.c.sent_at_ms.is_(None), order_venues.c.sent_at_ms <= now_ms - RESEND_AFTER_MS),
        or_(
            order_venues.c.result.is_(None),
            order_venues.c.result != "rejected",
            order_venues.c.sent_at_ms.is_(None),
            order_venues.c.sent_at_ms <= now_ms - RETRY_REJECTED_AFTER_MS,
        ),
    )
    rows = connection.execute(
        select(order_venues.c.order, orders.c.envelope)
        .join(orders)
        .where(order_venues.c.venue == sender.venue, orders.c.state == ISSUED, rested, _is_wanted(report, now_ms))
        .order_by(order_venues.c.ordered_at_ms)
        .limit(RESENT_MAX)
    ).all()
    numbers = [row.order for row in rows]
    here = and_(order_venues.c.venue == sender.venue, order_venues.c.order.in_(numbers))
    connection.execute(update(order_venues).where(here).values(sent_at_ms=now_ms, box=sender.box))
    return [Outgoing(topics.down(sender.box, "order"), row.envelope) for row in rows]


def forget_rejections(connection: Connection, sender: Sender) -> None:
    """Rule 4: the box has a newer policy, which may name the officers whom it did not know."""
    here = and_(order_venues.c.venue == sender.venue, order_venues.c.result == "rejected")
    connection.execute(update(order_venues).where(here).values(sent_at_ms=None))


def lacks_a_hold(connection: Connection, sender: Sender, report: Report, now_ms: int) -> bool:
    """Whether a failed box may have forgotten a hold that stands by our books (SPEC 6.6)."""
    _add_by_region(connection, sender, now_ms)
    taken = or_(order_venues.c.result.is_(None), order_venues.c.result != "rejected")
    found = (
        select(order_venues.c.order)
        .join(orders)
        .where(order_venues.c.venue == sender.venue, orders.c.state == ISSUED, taken)
        .where(_is_lost(report, now_ms), _may_be_taken(report, now_ms))
        .limit(1)
    )
    return connection.scalar(found) is not None


def _is_wanted(report: Report, now_ms: int) -> ColumnElement[bool]:
    ends = exists().where(order_ends.c.order == order_venues.c.order, order_ends.c.ended.in_(report.holds))
    is_new = and_(orders.c.expires_at_ms > now_ms, order_venues.c.delivered_at_ms.is_(None))
    is_lost = and_(_is_lost(report, now_ms), _may_be_taken(report, now_ms))
    return or_(is_new, ends.correlate(order_venues), is_lost)


def _is_lost(report: Report, now_ms: int) -> ColumnElement[bool]:
    """A stop or ban that nothing has ended and that is not among the holds."""
    lasts = or_(orders.c.ends_at_ms.is_(None), orders.c.ends_at_ms > now_ms)
    absent = and_(order_venues.c.lifted_at_ms.is_(None), order_venues.c.order.not_in(report.holds))
    return and_(orders.c.kind.in_((STOP, BAN)), absent, lasts, ~has_ending())


def _may_be_taken(report: Report, now_ms: int) -> ColumnElement[bool]:
    return true() if report.state == FAILED else orders.c.expires_at_ms > now_ms


def _change(row: Row[Any], standing: Standing, now_ms: int) -> dict[str, object]:
    if row.order in standing.holds:
        is_new = row.in_force_at_ms is None or row.lifted_at_ms is not None
        if row.order in standing.grace:
            in_force_at_ms = None if is_new else row.in_force_at_ms
        else:
            in_force_at_ms = now_ms if is_new else row.in_force_at_ms
        delivered_at_ms = row.delivered_at_ms or now_ms  # its receipt may be lost; the report says the same
        values = {"in_force_at_ms": in_force_at_ms, "lifted_at_ms": None, "delivered_at_ms": delivered_at_ms}
        return {name: value for name, value in values.items() if getattr(row, name) != value}
    if row.in_force_at_ms is None and not _stood(row):
        return {}
    has_ended = row.ends_at_ms is not None and row.ends_at_ms <= now_ms
    if has_ended or row.has_ending:
        return {"in_force_at_ms": row.in_force_at_ms or now_ms, "lifted_at_ms": now_ms}
    return {"in_force_at_ms": None} if row.in_force_at_ms is not None else {}


def _stood(row: Row[Any]) -> bool:
    """Whether the box said that the hold stood, though its grace has never ended."""
    if row.receipt is None:
        return False
    holds = Receipt.decode(parse_envelope(row.receipt, "receipt").payload).holds
    return row.order in holds


def _add_by_region(connection: Connection, sender: Sender, now_ms: int) -> None:
    """Orders to a region reach venues that came to it later too."""
    known = select(order_venues.c.order).where(order_venues.c.venue == sender.venue)
    wanted = and_(orders.c.scope_region != "", orders.c.state == ISSUED, orders.c.expires_at_ms > now_ms)
    query = select(orders.c.order, orders.c.scope_region).where(wanted, orders.c.order.not_in(known))
    for row in connection.execute(query).all():
        if contains(row.scope_region, sender.region):
            place = {"venue": sender.venue, "region": sender.region, "box": sender.box}
            connection.execute(insert(order_venues).values(order=row.order, ordered_at_ms=now_ms, **place))


def _is_newer(connection: Connection, box: str, epoch: int, size: int) -> bool:
    mark = connection.execute(select(hold_marks).where(hold_marks.c.box == box)).one_or_none()
    if mark is not None and (epoch, size) < (mark.epoch, mark.size):
        return False
    values = {"epoch": epoch, "size": size}
    connection.execute(upsert(hold_marks).values(box=box, **values).on_conflict_do_update(set_=values))
    return True
