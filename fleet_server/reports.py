"""The readers of reports and receipts, and the comparison that makes up for everything that got lost (SPEC 10.4, 10.5).

A report is stored, its holds are taken down, and whatever the box should have and does not name is sent again: a lease
if it asks for one, orders, notices, and what other domains add (a rollout leg).
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from device.crypto.p256 import verify
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import RejectedError
from device.protocol.receipts import Receipt
from device.protocol.uplink import Report
from fleet_server import boxes, leases, notices, orders
from fleet_server.live import Event
from fleet_server.mailroom import Filing, Outcome, Sender

# What another domain has to say to a report.
Answer = Callable[[Connection, Sender, Report, int], Sequence[Outcome]]


class Reports:
    """The reader of reports, with the answers in the order in which they are sent."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self._answers = answers

    def read(self, sender: Sender, payload: bytes) -> Filing:
        """Raises ProtocolError."""
        envelope = parse_envelope(payload, "report")
        require_signature(envelope, [sender.key], verify)
        report = Report.decode(envelope.payload)
        if report.box != sender.box:
            raise RejectedError("BATCH_IDENTITY", f"topic of {sender.box}, report of {report.box}")
        return lambda connection, now_ms: self._file(connection, sender, report, now_ms)

    def _file(self, connection: Connection, sender: Sender, report: Report, now_ms: int) -> list[Outcome]:
        before = boxes.last_report(connection, sender.box)
        outcomes: list[Outcome] = []
        # Old news changes nothing here, but is answered: it may be of a box whose old card was put back, which waits
        # for its lease. A report that somebody kept and sent again gets a lease that no box takes.
        if boxes.record_report(connection, report, now_ms):
            if before is not None and before[0].policy_epoch < report.policy_epoch:
                orders.forget_rejections(connection, sender)
            leases.note_refused(connection, sender, before[0] if before else None, report, now_ms)
            outcomes.append(Event("box", sender.region or "000000", sender.box))
            outcomes += orders.record_holds(connection, sender, orders.Standing.of_report(report), now_ms)
        for answer in self._answers:
            outcomes += answer(connection, sender, report, now_ms)
        return outcomes


def read_receipt(sender: Sender, payload: bytes) -> Filing:
    """The reader of receipts. Raises ProtocolError."""
    envelope = parse_envelope(payload, "receipt")
    require_signature(envelope, [sender.key], verify)
    receipt = Receipt.decode(envelope.payload)
    if receipt.box != sender.box:
        raise RejectedError("BATCH_IDENTITY", f"topic of {sender.box}, receipt of {receipt.box}")
    if receipt.venue != sender.venue:  # kept since before its box was claimed anew; it says nothing of this place
        raise RejectedError("BATCH_IDENTITY", f"box at {sender.venue}, receipt of {receipt.venue}")

    def filing(connection: Connection, now_ms: int) -> Sequence[Outcome]:
        if receipt.subject == "notice":
            return notices.record_receipt(connection, sender, receipt, now_ms)
        return orders.record_receipt(connection, sender, receipt, payload, now_ms)

    return filing
