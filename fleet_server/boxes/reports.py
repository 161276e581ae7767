"""What boxes last reported; the signature is verified by whoever received the report.

A report that is older than the one on record changes nothing: a queue may deliver late. Which of two is newer the lease
says first, whose number only we raise: a box whose card was wiped or put back counts its boots anew, until it has a
lease of now. Then boot, epoch and size of the journal.
"""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from device.protocol.limits import REPORT_EVERY_S
from device.protocol.uplink import Report
from fleet_server.boxes.model import box_reports

RESTRICTED = "restricted"
ONLINE_FOR_MS = 3 * REPORT_EVERY_S * 1000


def record_report(connection: Connection, report: Report, received_at_ms: int) -> bool:
    """Whether it is the newest; the box must be registered. The caller holds the write lock."""
    known = last_report(connection, report.box)
    if known is not None and _place(report) < _place(known[0]):
        return False
    values = {
        "box": report.box,
        "report": report.encode(),
        "boot": report.boot,
        "state": state_of(report),
        "version": report.version,
        "received_at_ms": received_at_ms,
    }
    upsert = insert(box_reports).values(values).on_conflict_do_update(index_elements=["box"], set_=values)
    connection.execute(upsert)
    return True


def state_of(report: Report) -> str:
    """The state that people are shown: a box that waits for us has not failed as one that cannot record (SPEC 6.6)."""
    return RESTRICTED if report.state == "failed" and "BOX_RESTRICTED" in report.faults else report.state


def last_report(connection: Connection, box: str) -> tuple[Report, int] | None:
    """The report and when it came."""
    row = connection.execute(select(box_reports).where(box_reports.c.box == box)).one_or_none()
    return None if row is None else (Report.decode(row.report), row.received_at_ms)


def is_online(received_at_ms: int | None, now_ms: int) -> bool:
    """Whether the box has been heard of lately: the one meaning of *online*."""
    return received_at_ms is not None and now_ms - received_at_ms <= ONLINE_FOR_MS


def _place(report: Report) -> tuple[int, int, int, int]:
    return report.lease, report.boot, report.journal.epoch, report.journal.size
