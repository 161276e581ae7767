"""The watermark: how much of the journal the fleet has acknowledged (SPEC 10.3).

Only a signed ack whose head is the box's own at that size moves it, and it never falls. A nack may ask for
entries below it: they are sent again, which the fleet compares.
"""

from device.core.effects import MoveWatermark, SendFrom
from device.core.journal import Position
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import ProtocolError, RejectedError, SignatureError
from device.protocol.uplink import Ack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import AckReceived
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
    if ack.result == "nack":
        turn.do(SendFrom(size=min(ack.size, journal.position.size)))
    elif ack.size > journal.watermark:
        journal.acked = Position(epoch=ack.epoch, size=ack.size, head=bytes.fromhex(ack.head))
        memory.is_unsaved = True
        turn.do(MoveWatermark(epoch=ack.epoch, size=ack.size))


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
    if ack.epoch != place.epoch:
        raise RejectedError("BATCH_EPOCH", f"epoch {ack.epoch}, not {place.epoch}")
    if ack.result == "ack":
        own = memory.head_at(ack.size) if ack.size <= place.size else None
        if own is None or own.hex() != ack.head:
            raise RejectedError("BATCH_FORK", f"at size {ack.size} the fleet has another head")
    return ack
