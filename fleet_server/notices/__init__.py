"""notices: one officer's signature, then three facts from each box: delivered, shown, acknowledged."""

from fleet_server.notices.deliveries import missing, record_receipt, record_shown
from fleet_server.notices.queries import AtVenue, NoticeFound, at_venues, count_notices, list_notices, one_notice

__all__ = [
    "AtVenue",
    "NoticeFound",
    "at_venues",
    "count_notices",
    "list_notices",
    "missing",
    "one_notice",
    "record_receipt",
    "record_shown",
]
