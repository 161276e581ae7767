"""Receipts: what a box says, signed, about an order or notice (SPEC 6.5)."""

from device.protocol.limits import HOLDS_MAX
from device.protocol.record import Document
from device.protocol.shape import (
    BOX,
    CODE,
    COUNT,
    INSTANT,
    ORDER_NUMBER,
    SHA256,
    VENUE,
    array,
    free_text,
    maybe,
    one_of,
)


class Receipt(Document):
    """`at_ms` is trusted time or None; `epoch`, `seq` name the journal entry last written when it was made.

    grace: those of `holds` that still let songs run on (SPEC 6.4).
    """

    box: str
    venue: str
    subject: str
    id: str
    document: str
    result: str
    code: str
    holds: "tuple[str, ...]"
    grace: "tuple[str, ...]"
    at_ms: "int | None"
    epoch: int
    seq: int

    SHAPE = (
        ("box", BOX),
        ("venue", VENUE),
        ("subject", one_of("order", "notice")),
        ("id", free_text(0, 40)),
        ("document", SHA256),
        ("result", one_of("accepted", "known", "rejected")),
        ("code", CODE),
        ("holds", array(ORDER_NUMBER, HOLDS_MAX)),
        ("grace", array(ORDER_NUMBER, HOLDS_MAX)),
        ("at_ms", maybe(INSTANT)),
        ("epoch", COUNT),
        ("seq", COUNT),
    )
