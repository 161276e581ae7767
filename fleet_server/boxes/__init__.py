"""boxes: the register of boxes, their certificates and claims, and what they last reported."""

from fleet_server.boxes.addressing import Addressee, Impact, addressees, impact, require_jurisdiction
from fleet_server.boxes.certificates import certificate_of, key_of
from fleet_server.boxes.reports import ONLINE_FOR_MS, RESTRICTED, is_online, last_report, record_report, state_of
from fleet_server.boxes.standing import OFFLINE, STATES, Standing, count_by_state, list_standings, standing_of
from fleet_server.boxes.status import Status
from fleet_server.boxes.store import Box, at_venue, count, find, find_at_venue, list_boxes, one

__all__ = [
    "OFFLINE",
    "ONLINE_FOR_MS",
    "RESTRICTED",
    "STATES",
    "Addressee",
    "Box",
    "Impact",
    "Standing",
    "Status",
    "addressees",
    "at_venue",
    "certificate_of",
    "count",
    "count_by_state",
    "find",
    "find_at_venue",
    "impact",
    "is_online",
    "key_of",
    "last_report",
    "list_boxes",
    "list_standings",
    "one",
    "record_report",
    "require_jurisdiction",
    "standing_of",
    "state_of",
]
