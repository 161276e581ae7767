"""What boxes last reported; the signature is verified by whoever received the report.

A report of an earlier boot than the one on record is old news and changes nothing: a queue may deliver late.
"""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from device.protocol.limits import REPORT_EVERY_S
from device.protocol.uplink import Report
from fleet_server.boxes.model import box_reports

ONLINE_FOR_MS = 3 * REPORT_EVERY_S * 1000


def record_report(connection: Connection, report: Report, received_at_ms: int) -> bool:
    """Whether it is the newest; the box must be registered."""
    values = {
        "box": report.box,
        "report": report.encode(),
        "boot": report.boot,
        "state": report.state,
        "version": report.version,
        "received_at_ms": received_at_ms,
    }
    upsert = insert(box_reports).values(values)
    upsert = upsert.on_conflict_do_update(index_elements=["box"], set_=values, where=box_reports.c.boot <= report.boot)
    return connection.execute(upsert).rowcount > 0


def last_report(connection: Connection, box: str) -> tuple[Report, int] | None:
    """The report and when it came."""
    row = connection.execute(select(box_reports).where(box_reports.c.box == box)).one_or_none()
    return None if row is None else (Report.decode(row.report), row.received_at_ms)


def is_online(received_at_ms: int | None, now_ms: int) -> bool:
    """Whether the box has been heard of lately: the one meaning of *online*."""
    return received_at_ms is not None and now_ms - received_at_ms <= ONLINE_FOR_MS
