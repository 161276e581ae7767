"""What became of a notice at each venue: three facts of the box (SPEC 12.1).

Delivered is its receipt; shown and acknowledged are entries of its journal. With each report, what is missing is sent
again: at most RESENT_MAX notices; with the first report at once, later none within RESEND_AFTER_MS, one that the box
has answered only after RETRY_ANSWERED_AFTER_MS.
"""

from sqlalchemy import Connection, and_, insert, or_, select, update

from device.protocol import topics
from device.protocol.journal import Entry
from device.protocol.receipts import Receipt
from device.protocol.regions import contains
from device.protocol.uplink import Report
from fleet_server.live import Event
from fleet_server.mailroom import Outcome, Outgoing, Sender
from fleet_server.notices.model import notice_venues, notices

RESENT_MAX = 8
RESEND_AFTER_MS = 2_000
RETRY_ANSWERED_AFTER_MS = 600_000


def record_receipt(connection: Connection, sender: Sender, receipt: Receipt, now_ms: int) -> list[Outcome]:
    """The first answer is kept; a later one does not take delivery back."""
    here = and_(notice_venues.c.notice == receipt.id, notice_venues.c.venue == sender.venue)
    is_this = select(notices.c.notice).where(notices.c.notice == receipt.id, notices.c.document == receipt.document)
    if connection.scalar(is_this) is None:
        return []
    values: dict[str, object] = {"result": receipt.result, "code": receipt.code, "box": sender.box}
    values["sent_at_ms"] = now_ms  # it rests from its answer on
    if receipt.result in ("accepted", "known"):
        values["delivered_at_ms"] = now_ms
    undelivered = notice_venues.c.delivered_at_ms.is_(None)
    connection.execute(update(notice_venues).where(here, undelivered).values(values))
    return [Event("notice", sender.region or "000000", receipt.id)]


def record_shown(connection: Connection, sender: Sender, entries: tuple[Entry, ...], now_ms: int) -> None:
    """An observer of new entries: what was shown and acknowledged, when, by the box's clock."""
    for entry in entries:
        if entry.kind != "SHOWN":
            continue
        is_shown = entry.body["what"] == "shown"
        column = notice_venues.c.shown_at_ms if is_shown else notice_venues.c.acknowledged_at_ms
        here = and_(notice_venues.c.notice == entry.body["notice"], notice_venues.c.venue == sender.venue)
        at_ms = now_ms if entry.at_ms is None else entry.at_ms
        connection.execute(update(notice_venues).where(here, column.is_(None)).values({column.name: at_ms}))


def missing(connection: Connection, sender: Sender, report: Report, now_ms: int) -> list[Outcome]:
    """Notices that the box should have and does not name."""
    if not sender.venue:
        return []
    _add_by_region(connection, sender, now_ms)
    column = notice_venues.c
    fresh = or_(
        column.sent_at_ms.is_(None),
        and_(column.result.is_(None), column.sent_at_ms <= now_ms - RESEND_AFTER_MS),
        column.sent_at_ms <= now_ms - RETRY_ANSWERED_AFTER_MS,
    )
    lacks = and_(column.acknowledged_at_ms.is_(None), column.notice.not_in(report.notices))
    here = column.venue == sender.venue
    query = select(column.notice, notices.c.envelope).join(notices).where(here, fresh, lacks)
    rows = connection.execute(query.where(notices.c.show_until_ms > now_ms).limit(RESENT_MAX)).all()
    sent = column.notice.in_([row.notice for row in rows])
    connection.execute(update(notice_venues).where(here, sent).values(sent_at_ms=now_ms, box=sender.box))
    return [Outgoing(topics.down(sender.box, "notice"), row.envelope) for row in rows]


def _add_by_region(connection: Connection, sender: Sender, now_ms: int) -> None:
    """Notices to a region reach venues that came to it later too."""
    known = select(notice_venues.c.notice).where(notice_venues.c.venue == sender.venue)
    wanted = and_(notices.c.scope_region != "", notices.c.show_until_ms > now_ms, notices.c.notice.not_in(known))
    for row in connection.execute(select(notices.c.notice, notices.c.scope_region).where(wanted)).all():
        if contains(row.scope_region, sender.region):
            place = {"venue": sender.venue, "region": sender.region, "box": sender.box}
            connection.execute(insert(notice_venues).values(notice=row.notice, **place))
