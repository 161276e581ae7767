"""Receipts: the box's signed answer to an order or notice (SPEC 6.5).

1. An accepted document: entry, record, then receipt, to whoever asked and to the fleet.
2. A known one: a receipt each time, and nothing else changes.
3. A rejected one: an entry and a receipt within the allowance, and an answer to whoever asked.
"""

import hashlib

from device.core import grace
from device.core.effects import LookForTargets, ReplySigned, Send
from device.core.facts import Fact
from device.core.refusals import Rejection
from device.protocol.codes import refusal
from device.protocol.envelope import parse_envelope
from device.protocol.errors import ProtocolError
from device.protocol.receipts import Receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.turn import Turn

# An officer may be newer than the policy the box has; the fleet sends again what the report misses (SPEC 10.5).
NEWER_POLICY_MAY_ACCEPT = ("SIGNER_UNKNOWN", "ORDER_THRESHOLD", "ORDER_NOT_ENTITLED", "NOTICE_NOT_ENTITLED")

ACCEPTED, KNOWN, REJECTED = "accepted", "known", "rejected"


class Subject(Fact):
    """What a receipt is about: `subject` is `order` or `notice`; id is empty where it cannot be read."""

    subject: str
    id: str
    document: str
    FIELDS = ("subject", "id", "document")


def subject_of(kind: str, raw: bytes, decode: "Any") -> Subject:
    """Name a document that was not accepted, as well as can be: its bytes are a stranger's.

    decode: reads a payload into a document with a field of the name `kind`.
    """
    name = ""
    document = hashlib.sha256(raw).digest().hex()
    try:
        envelope = parse_envelope(raw, kind)
        document = envelope.document
        name = getattr(decode(envelope.payload), kind)
    except ProtocolError:
        pass  # what could be read stands in `name` and `document`; the rejection says what is wrong
    return Subject(subject=kind, id=name, document=document)


def accepted(turn: "Turn", request: str, subject: Subject) -> None:
    """Rule 1; entry and record stand before this in the turn."""
    payload = _receipt(turn, subject, ACCEPTED, "")
    if request:
        turn.do(ReplySigned(request=request, status=200, kind="receipt", payload=payload))
    turn.do(Send(kind="receipt", payload=payload))


def known(turn: "Turn", request: str, subject: Subject, code: str) -> None:
    """Rule 2. Whoever asked at the box is answered there alone: the fleet has the first receipt."""
    payload = _receipt(turn, subject, KNOWN, code)
    if request:
        turn.do(ReplySigned(request=request, status=200, kind="receipt", payload=payload))
    else:
        turn.do(Send(kind="receipt", payload=payload))


def rejected(turn: "Turn", request: str, subject: Subject, code: str, entry: "tuple[str, dict[str, Any]]") -> None:
    """Rule 3; `entry` is kind and body of the journal entry."""
    refusals = turn.memory.refusals
    refusals.rejected(Rejection(subject=subject.subject, id=subject.id, code=code, at_ms=turn.trusted_ms))
    turn.reply(request, 422, refusal(code, request))
    allowance = refusals.of_venue if request else refusals.of_fleet
    if (request and not turn.memory.has_room) or not allowance.take(turn.now.mono_ms):
        return
    turn.append(entry[0], entry[1])
    turn.do(Send(kind="receipt", payload=_receipt(turn, subject, REJECTED, code)))
    if not request and code in NEWER_POLICY_MAY_ACCEPT:
        turn.do(LookForTargets())


def _receipt(turn: "Turn", subject: Subject, result: str, code: str) -> bytes:
    memory = turn.memory
    assert memory.claim is not None, "an unclaimed box takes no orders and notices"
    place = memory.journal.position
    return Receipt(
        box=memory.box,
        venue=memory.claim.venue,
        subject=subject.subject,
        id=subject.id,
        document=subject.document,
        result=result,
        code=code,
        holds=tuple([hold.order for hold in memory.holds.in_force(turn.proven_ms)]),
        grace=tuple(grace.sparing(turn)),
        at_ms=turn.trusted_ms,
        epoch=place.epoch,
        seq=max(0, place.size - 1),
    ).encode()
