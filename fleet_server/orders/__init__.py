"""orders: drafts, two signatures, issue, and what the boxes say of them."""

from fleet_server.orders.approval import ISSUED
from fleet_server.orders.deliveries import (
    Standing,
    forget_rejections,
    lacks_a_hold,
    missing,
    record_holds,
    record_receipt,
)
from fleet_server.orders.queries import (
    AtVenue,
    OrderFound,
    Signer,
    at_venues,
    count_orders,
    envelope_of,
    holds_of,
    issued_bans,
    list_orders,
    one_order,
    signers_of,
)
from fleet_server.orders.room import keys_count

__all__ = [
    "ISSUED",
    "AtVenue",
    "OrderFound",
    "Signer",
    "Standing",
    "at_venues",
    "count_orders",
    "envelope_of",
    "forget_rejections",
    "holds_of",
    "issued_bans",
    "keys_count",
    "lacks_a_hold",
    "list_orders",
    "missing",
    "one_order",
    "record_holds",
    "record_receipt",
    "signers_of",
]
