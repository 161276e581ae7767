"""Is this batch the continuation of that journal? (SPEC 10.2) Pure: no clock, no storage.

    read = read_batch(payload, "KTV-AAAA0001", key, verify)      # what the batch says, and that the box says it
    grown = continue_journal(read, known)                        # what of it is new, and the new head

Rules:

1. Box of the topic = of the batch = of the checkpoint = of every entry, and so the epoch; sequence numbers run from
   `from` without gap; the checkpoint's size is their end: BATCH_IDENTITY.
2. The checkpoint is signed by the box's key: SIGNATURE_INVALID, SIGNER_UNKNOWN.
3. `from` beyond the known size is BATCH_GAP. The chain value at `from` is our own; entries that we have must lead to
   the same chain values, or the box has two histories: BATCH_FORK. The chain must end in the checkpoint's head:
   BATCH_CHAIN.
4. A new epoch begins behind the place that its first entry, `EPOCH`, names (SPEC 9.11), whether we know that place or
   not: a box that lost what it had not sent must be heard all the same. What is missing is an incident
   (`ingest.py`). An old epoch does not grow any more, and its number is not used again: BATCH_EPOCH.
5. Whole or not at all: any error leaves the journal as it was.

Whose fault it is: rules 1, 2 and an unsound document are those of a sender we cannot name; rules 3 and 4 are signed by
the box and therefore open an incident against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from device.protocol.envelope import require_signature
from device.protocol.errors import RejectedError
from device.protocol.journal import Checkpoint, Entry, first_chain, next_chain
from device.protocol.keys import Key
from device.protocol.uplink import Batch

if TYPE_CHECKING:
    from device.protocol.keys import Verify


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch whose document is sound and whose checkpoint the box has signed."""

    batch: Batch
    entries: tuple[Entry, ...]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Position:
    """A size of a journal and the chain value there."""

    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class KnownJournal:
    """What we have of a box's journal in the batch's epoch.

    chains: chain value by sequence number, from one before the batch's first entry to the last we have.
    is_last_epoch: whether this may still grow.
    """

    position: Position
    chains: Mapping[int, bytes]
    is_last_epoch: bool = True


@dataclass(frozen=True, slots=True)
class Growth:
    """The new part of a batch: entries with their chain values; both empty if everything was known."""

    entries: tuple[Entry, ...]
    texts: tuple[bytes, ...]
    chains: tuple[bytes, ...]
    position: Position


class ForkError(RejectedError):
    """The box says something else about an entry than it said before: the first such entry, as it says it now."""

    def __init__(self, seq: int, text: bytes) -> None:
        super().__init__("BATCH_FORK", f"entry {seq} differs from the one received before")
        self.seq = seq
        self.text = text


def read_batch(raw: bytes, box: str, key: Key, verify: "Verify") -> ReadBatch:
    """Rules 1 and 2. Raises ProtocolError."""
    batch = Batch.decode(raw)
    checkpoint = Checkpoint.decode(batch.checkpoint.payload)
    entries = tuple(Entry.decode(text) for text in batch.entries)
    if (batch.box, checkpoint.box) != (box, box):
        raise RejectedError("BATCH_IDENTITY", f"topic of {box}, batch of {batch.box}, checkpoint of {checkpoint.box}")
    if (checkpoint.epoch, checkpoint.size) != (batch.epoch, batch.size):
        raise RejectedError("BATCH_IDENTITY", f"batch ends at {batch.size}, its checkpoint stands at {checkpoint.size}")
    for seq, entry in enumerate(entries, batch.first):
        if (entry.box, entry.epoch, entry.seq) != (box, batch.epoch, seq):
            raise RejectedError("BATCH_IDENTITY", f"entry {seq} says {entry.box} {entry.epoch}-{entry.seq}")
    require_signature(batch.checkpoint, [key], verify)
    return ReadBatch(batch, entries, checkpoint)


def continue_journal(read: ReadBatch, known: KnownJournal) -> Growth:
    """Rules 3 and 4. Raises RejectedError, ForkError for a fork."""
    batch, size = read.batch, known.position.size
    if batch.first > size:
        raise RejectedError("BATCH_GAP", f"from {batch.first}, known up to {size}")
    chain = known.chains[batch.first - 1]
    chains: list[bytes] = []
    for seq, text in enumerate(batch.entries, batch.first):
        chain = next_chain(chain, seq, text)
        chains.append(chain)
        if seq < size and known.chains[seq] != chain:
            raise ForkError(seq, text)
    if chain.hex() != read.checkpoint.head:
        raise RejectedError("BATCH_CHAIN", f"the chain at {batch.size} is not the checkpoint's head")
    known_count = min(size - batch.first, len(chains))
    if known_count == len(chains):
        return Growth((), (), (), known.position)
    if not known.is_last_epoch:
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} has ended at {size}")
    return Growth(
        read.entries[known_count:],
        batch.entries[known_count:],
        tuple(chains[known_count:]),
        Position(batch.size, chain),
    )


def open_epoch(read: ReadBatch, last_epoch: int) -> tuple[KnownJournal, Position | None]:
    """The empty journal of a new epoch, and what it begins behind: None for epoch 1 (rule 4).

    The place is the box's own word: the chain begins with it, and the checkpoint signs the chain.

    Args:
        read: the batch in the new epoch.
        last_epoch: the newest epoch known; 0 for a box that has sent nothing yet.

    Raises:
        RejectedError: BATCH_EPOCH; BATCH_GAP if the batch is not the first of its epoch.
    """
    batch, opening = read.batch, read.entries[0]
    if batch.epoch <= last_epoch:
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} after {last_epoch}")
    if batch.first > 0:
        raise RejectedError("BATCH_GAP", f"from {batch.first}, nothing known of epoch {batch.epoch}")
    if (opening.kind == "EPOCH") != (batch.epoch > 1):
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} begins with {opening.kind}")
    behind = None
    start = first_chain(batch.box, batch.epoch)
    if batch.epoch > 1:
        behind = Position(opening.body["size"], bytes.fromhex(opening.body["head"]))
        start = first_chain(batch.box, batch.epoch, behind.head, behind.size)
    return KnownJournal(Position(0, start), {-1: start}), behind
