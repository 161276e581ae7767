"""boxes: the register of boxes, their certificates and claims, and what they last reported."""

from fleet_server.boxes.certificates import certificate_of, key_of
from fleet_server.boxes.reports import is_online, last_report, record_report
from fleet_server.boxes.status import Status
from fleet_server.boxes.store import Box, at_venue, count, find, find_at_venue, list_boxes, one

__all__ = [
    "Box",
    "Status",
    "at_venue",
    "certificate_of",
    "count",
    "find",
    "find_at_venue",
    "is_online",
    "key_of",
    "last_report",
    "list_boxes",
    "one",
    "record_report",
]
