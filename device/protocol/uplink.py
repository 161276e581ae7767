"""What goes between box and fleet server about the journal and the box's state (SPEC 10)."""

from device.protocol.codec import dumps
from device.protocol.envelope import Envelope, envelope_from_plain
from device.protocol.errors import MalformedError
from device.protocol.limits import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    ENTRY_BYTES_MAX,
    FAULTS_MAX,
    HOLDS_MAX,
    JOURNAL_EPOCH_MAX,
    NOTICES_MAX,
    PLAYS_OPEN_MAX,
)
from device.protocol.record import VERSION, Document, Record, fields_of, versioned
from device.protocol.shape import (
    BOX,
    CODE,
    COUNT,
    INSTANT,
    NONCE,
    NOTICE_NUMBER,
    ORDER_NUMBER,
    SHA256,
    VENUE,
    array,
    free_text,
    integer,
    maybe,
    one_of,
    or_empty,
    record,
)
from device.protocol.updates import UPDATE_STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BOX_STATES = ("unclaimed", "in-service", "ready", "locked", "closed", "expired", "failed")
SEAL_STATES = INTACT, OPEN, WAS_OPENED = "intact", "open", "was-opened"


def _entry_text(value: "Any", where: str) -> bytes:
    raw = value.encode() if isinstance(value, str) else b""
    if not 1 <= len(raw) <= ENTRY_BYTES_MAX:
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be the text of an entry")
    return raw


_BATCH_SHAPE = (
    ("box", BOX),
    ("epoch", integer(1, JOURNAL_EPOCH_MAX)),
    ("from", COUNT),
    ("entries", array(_entry_text, BATCH_ENTRIES_MAX, 1)),
    ("checkpoint", lambda value, _where: envelope_from_plain(value, "checkpoint")),
)


class Batch:
    """Consecutive entries, as exact bytes, and the checkpoint at their end (SPEC 10.1)."""

    def __init__(self, box: str, epoch: int, first: int, entries: "tuple[bytes, ...]", checkpoint: Envelope) -> None:
        self.box = box
        self.epoch = epoch
        self.first = first
        self.entries = entries
        self.checkpoint = checkpoint

    @property
    def size(self) -> int:
        """The journal's size at the end of this batch."""
        return self.first + len(self.entries)

    @classmethod
    def decode(cls, raw: bytes) -> "Batch":
        """Raises MalformedError."""
        fields = fields_of(versioned(raw, BATCH_BYTES_MAX, "Batch"), _BATCH_SHAPE, "Batch")
        return cls(fields["box"], fields["epoch"], fields["from"], fields["entries"], fields["checkpoint"])

    def encode(self) -> bytes:
        """Raises MalformedError `DOCUMENT_TOO_LARGE`: then send fewer entries."""
        value = {
            "v": VERSION,
            "box": self.box,
            "epoch": self.epoch,
            "from": self.first,
            "entries": [entry.decode() for entry in self.entries],
            "checkpoint": self.checkpoint.plain(),
        }
        raw = dumps(value)
        if len(raw) > BATCH_BYTES_MAX or not 1 <= len(self.entries) <= BATCH_ENTRIES_MAX:
            raise MalformedError("DOCUMENT_TOO_LARGE", f"batch of {len(raw)} bytes, {len(self.entries)} entries")
        return raw


class Ack(Document):
    """What the server has committed: `size` entries, the last with chain value `head` (SPEC 10.3)."""

    box: str
    epoch: int
    result: str
    size: int
    head: str
    code: str
    at_ms: int

    SHAPE = (
        ("box", BOX),
        ("epoch", integer(1, JOURNAL_EPOCH_MAX)),
        ("result", one_of("ack", "nack")),
        ("size", COUNT),
        ("head", SHA256),
        ("code", CODE),
        ("at_ms", INSTANT),
    )


class JournalState(Record):
    """Where a box's journal stands; `watermark` is the size that the server has acknowledged."""

    epoch: int
    size: int
    head: str
    watermark: int

    SHAPE = (("epoch", integer(1, JOURNAL_EPOCH_MAX)), ("size", COUNT), ("head", SHA256), ("watermark", COUNT))


class UpdateState(Record):
    """Where the last rollout leg stands on the box (SPEC 13.3)."""

    rollout: str
    version: str
    state: str
    code: str

    SHAPE = (
        ("rollout", free_text(0, 40)),
        ("version", free_text(0, 32)),
        ("state", one_of(*UPDATE_STATES)),
        ("code", CODE),
    )


def _refused(value: "Any", where: str) -> "dict[str, int]":
    if not isinstance(value, dict) or len(value) > 64:
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be an object of counts")
    return {CODE(code, where): COUNT(count, f"{where}.{code}") for code, count in value.items()}


class Ladder(Record):
    """On which rung of the lease's ladder the box stands, and when the next ones come, by its own time (SPEC 7.2)."""

    standing: str
    full_until_ms: int
    core_from_ms: int
    stop_at_ms: int

    SHAPE = (
        ("standing", one_of("full", "warning", "core", "expired")),
        ("full_until_ms", INSTANT),
        ("core_from_ms", INSTANT),
        ("stop_at_ms", INSTANT),
    )


class Report(Document):
    """The heartbeat (SPEC 10.4). `venue` is empty while unclaimed; `nonce` is empty if no lease is wanted.

    grace: those of `holds` that still let songs run on. opening: number of the seal's last opening, or 0.
    """

    box: str
    venue: str
    at_ms: "int | None"
    tq: str
    boot: int
    version: str
    slot: str
    state: str
    holds: "tuple[str, ...]"
    grace: "tuple[str, ...]"
    catalog_epoch: int
    policy_epoch: int
    lease: int
    ladder: "Ladder | None"
    nonce: str
    journal: JournalState
    notices: "tuple[str, ...]"
    update: "UpdateState | None"
    seal: str
    opening: int
    rooms_busy: int
    refused: "dict[str, int]"
    faults: "tuple[str, ...]"

    SHAPE = (
        ("box", BOX),
        ("venue", or_empty(VENUE)),
        ("at_ms", maybe(INSTANT)),
        ("tq", one_of("signed", "held", "none")),
        ("boot", COUNT),
        ("version", free_text(1, 32)),
        ("slot", one_of("a", "b")),
        ("state", one_of(*BOX_STATES)),
        ("holds", array(ORDER_NUMBER, HOLDS_MAX)),
        ("grace", array(ORDER_NUMBER, HOLDS_MAX)),
        ("catalog_epoch", COUNT),
        ("policy_epoch", COUNT),
        ("lease", COUNT),
        ("ladder", maybe(record(Ladder))),
        ("nonce", or_empty(NONCE)),
        ("journal", record(JournalState)),
        ("notices", array(NOTICE_NUMBER, NOTICES_MAX)),
        ("update", maybe(record(UpdateState))),
        ("seal", one_of(*SEAL_STATES)),
        ("opening", COUNT),
        ("rooms_busy", integer(0, PLAYS_OPEN_MAX)),
        ("refused", _refused),
        ("faults", array(CODE, FAULTS_MAX)),
    )
