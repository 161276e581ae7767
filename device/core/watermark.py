"""The watermark: how much of the journal the fleet has acknowledged (SPEC 10.3).

Only a signed ack whose head is the box's own at that size moves it, and it never falls. A nack may ask for
entries below it: they are sent again, which the fleet compares.

A nack may also show that what the box has is not its journal, or not all of it: the fleet holds more of it, something
else, or wants what is gone. Nothing that was sent could ever be acknowledged then, so a new epoch begins (SPEC 9.11).
So it does where an entry that is to be sent cannot be read (SPEC 9.13).

An epoch that has ended is sent on until the fleet has what is left of it. Its acks move no watermark but its own, and
its nacks begin nothing: they only say where to go on.
"""

from device.core.effects import MoveWatermark, SendFrom
from device.core.journal import Position
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import ProtocolError, RejectedError, SignatureError
from device.protocol.journal import DAMAGED, FLEET
from device.protocol.limits import EPOCHS_AHEAD_MAX, JOURNAL_EPOCH_MAX
from device.protocol.uplink import Ack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import AckReceived, JournalDamaged
    from device.core.memory import Memory
    from device.core.turn import Turn


def ack_received(turn: "Turn", event: "AckReceived") -> None:
    """Move the watermark, or send again. The record follows at a tick: the fleet repeats an ack it must."""
    memory = turn.memory
    journal = memory.journal
    try:
        ack = _accept(memory, event.raw)
    except ProtocolError as error:
        memory.refusals.count(error.code)
        return
    if ack.epoch < journal.position.epoch:
        if ack.result == "ack":
            turn.do(MoveWatermark(epoch=ack.epoch, size=ack.size))
        else:
            turn.do(SendFrom(epoch=ack.epoch, size=ack.size, head=bytes.fromhex(ack.head)))
    elif ack.result == "nack":
        _go_back(turn, ack)
    elif ack.size > journal.watermark:
        journal.acked = Position(epoch=ack.epoch, size=ack.size, head=bytes.fromhex(ack.head))
        memory.is_unsaved = True
        turn.do(MoveWatermark(epoch=ack.epoch, size=ack.size))


def journal_damaged(turn: "Turn", event: "JournalDamaged") -> None:
    """An entry that is to be sent cannot be read: a new epoch begins behind the end (`journal.py` rule 4)."""
    journal = turn.memory.journal
    place = journal.position
    is_here = event.epoch == place.epoch and event.seq < place.size
    if is_here and journal.is_available and journal.may_begin_epoch():
        turn.append("EPOCH", journal.begin_epoch(place, DAMAGED, event.seq))
        turn.save()


def _go_back(turn: "Turn", ack: Ack) -> None:
    """Send again, or begin an epoch behind the further of what the fleet holds and what is here."""
    journal = turn.memory.journal
    place = journal.position
    theirs = Position(epoch=ack.epoch, size=ack.size, head=bytes.fromhex(ack.head))
    is_same = ack.epoch == place.epoch and ack.size <= place.size
    own = turn.memory.head_at(ack.epoch, ack.size) if is_same and ack.size > 0 else None
    if is_same and ack.size >= journal.first and own in (None, theirs.head):
        turn.do(SendFrom(epoch=ack.epoch, size=ack.size, head=theirs.head))
    elif journal.is_available and journal.may_begin_epoch():
        behind = place if is_same and ack.size < journal.first else theirs
        turn.append("EPOCH", journal.begin_epoch(behind, FLEET, behind.size))
        turn.save()


def _accept(memory: "Memory", raw: bytes) -> Ack:
    """Raises ProtocolError."""
    if memory.content.policy is None:
        raise SignatureError("SIGNER_UNKNOWN", "no authority policy is loaded")
    envelope = parse_envelope(raw, "ack")
    require_signature(envelope, memory.content.policy.service_keys("ack"), memory.verify)
    ack = Ack.decode(envelope.payload)
    place = memory.journal.position
    if ack.box != memory.box:
        raise RejectedError("BATCH_IDENTITY", f"for {ack.box}")
    latest = min(place.epoch + EPOCHS_AHEAD_MAX, JOURNAL_EPOCH_MAX - 1)
    is_ahead = ack.result == "nack" and place.epoch < ack.epoch <= latest
    if ack.epoch > place.epoch and not is_ahead:
        raise RejectedError("BATCH_EPOCH", f"epoch {ack.epoch}, not {place.epoch}")
    if ack.result == "ack":
        is_beyond = ack.epoch == place.epoch and ack.size > place.size
        own = None if is_beyond else memory.head_at(ack.epoch, ack.size)
        if own is None or own.hex() != ack.head:
            raise RejectedError("BATCH_FORK", f"at size {ack.size} the fleet has another head")
    return ack
