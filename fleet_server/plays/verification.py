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
   (`ingest.py`). An epoch before the last grows only where the checkpoint says that it has ended, and no further than
   the place that the next one begins behind: BATCH_EPOCH, and BATCH_FORK where it has another head there.
5. In an ended epoch a batch may leave out what the box cannot read (SPEC 9.13): its chain begins anew at `from`, with
   a value that says which entries those are. They must be exactly the ones that are missing here, so neither the box
   nor anybody on the way can leave out others by it. The hole is an incident, and stays one: BATCH_GAP for its entries.
6. Whole or not at all: any error leaves the journal as it was.

Whose fault it is: rules 1, 2 and an unsound document are those of a sender we cannot name; rules 3 and 4 are signed by
the box and therefore open an incident against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from device.protocol.envelope import require_signature
from device.protocol.errors import RejectedError
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, next_chain
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

    chains: chain value by sequence number, from one before the batch's first entry to the last we have; without
        those of holes, and so with the last one before a hole that the batch begins behind.
    is_last_epoch: whether this may still grow.
    end: the place that the next epoch begins behind; None where that is not known, or its head proves nothing.
    has_holes: whether entries are missing here for good.
    """

    position: Position
    chains: Mapping[int, bytes]
    is_last_epoch: bool = True
    end: Position | None = None
    has_holes: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """The new part of a batch: entries with their chain values; both empty if everything was known.

    missing: how many entries before them nobody will see (rule 5).
    """

    entries: tuple[Entry, ...]
    texts: tuple[bytes, ...]
    chains: tuple[bytes, ...]
    position: Position
    missing: int = 0


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
    """Rules 3 to 5. Raises RejectedError, ForkError for a fork."""
    batch, size = read.batch, known.position.size
    for seq, text in enumerate(batch.entries, batch.first):
        if seq < size:
            _require_same(read, known, seq, text)
    chains = _chains(read, known)
    known_count = max(0, min(size - batch.first, len(chains)))
    if known_count == len(chains):
        return Growth((), (), (), known.position)
    _require_room(read, known, chains)
    return Growth(
        read.entries[known_count:],
        batch.entries[known_count:],
        tuple(chains[known_count:]),
        Position(batch.size, chains[-1]),
        max(0, batch.first - size),
    )


def _require_same(read: ReadBatch, known: KnownJournal, seq: int, text: bytes) -> None:
    """An entry that we have is the one that we have."""
    if seq not in known.chains:
        raise RejectedError("BATCH_GAP", f"entry {seq} is missing here for good")
    ours = known.chains[seq]
    if seq - 1 in known.chains and next_chain(known.chains[seq - 1], seq, text) == ours:
        return
    if next_chain(_behind_gap(read, known, seq), seq, text) != ours:
        raise ForkError(seq, text)


def _chains(read: ReadBatch, known: KnownJournal) -> list[bytes]:
    """The chain values of the batch's entries that end in the checkpoint's head."""
    batch, size = read.batch, known.position.size
    begins = [known.chains[batch.first - 1]] if batch.first <= size and batch.first - 1 in known.chains else []
    # What continues no chain but adds to one that we have could not be told from it later.
    is_apart = batch.first >= size or batch.size <= size
    if read.checkpoint.ended and is_apart:
        begins.append(_behind_gap(read, known, batch.first))
    for chain in begins:
        chains: list[bytes] = []
        for seq, text in enumerate(batch.entries, batch.first):
            chain = next_chain(chain, seq, text)  # noqa: PLW2901 - each begins with another
            chains.append(chain)
        if chain.hex() == read.checkpoint.head:
            return chains
    if batch.first > size:
        raise RejectedError("BATCH_GAP", f"from {batch.first}, known up to {size}")
    raise RejectedError("BATCH_CHAIN", f"the chain at {batch.size} is not the checkpoint's head")


def _behind_gap(read: ReadBatch, known: KnownJournal, seq: int) -> bytes:
    """The chain value before an entry if all that is missing here before it cannot be read on the box (rule 5)."""
    missing = 1 + max(other for other in known.chains if other < seq)
    return chain_behind_gap(read.batch.box, read.batch.epoch, missing, seq)


def _require_room(read: ReadBatch, known: KnownJournal, chains: list[bytes]) -> None:
    """Rule 4: whether this epoch may grow so far."""
    batch, size, end = read.batch, known.position.size, known.end
    if known.is_last_epoch:
        return
    if not read.checkpoint.ended or (end is not None and batch.size > end.size):
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} has ended at {end.size if end else size}")
    is_whole = not known.has_holes and batch.first <= size
    if end is not None and batch.size == end.size and is_whole and chains[-1] != end.head:
        raise ForkError(batch.size - 1, batch.entries[-1])


def open_epoch(read: ReadBatch, last_epoch: int) -> tuple[KnownJournal, Position | None]:
    """The empty journal of a new epoch, and what it begins behind: None for epoch 1 (rule 4).

    The place is the box's own word: the chain begins with it, and the checkpoint signs the chain. Where the box cannot
    read the beginning of an ended epoch, nobody knows it any more: None as well.

    Args:
        read: the batch in the new epoch.
        last_epoch: the newest epoch known; 0 for a box that has sent nothing yet.

    Raises:
        RejectedError: BATCH_EPOCH; BATCH_GAP if the batch is not the first of its epoch.
    """
    batch, opening = read.batch, read.entries[0]
    if batch.epoch <= last_epoch and not read.checkpoint.ended:
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} after {last_epoch}")
    if batch.first > 0 and read.checkpoint.ended:
        start = first_chain(batch.box, batch.epoch)
        return KnownJournal(Position(0, start), {-1: start}, batch.epoch > last_epoch), None
    if batch.first > 0:
        raise RejectedError("BATCH_GAP", f"from {batch.first}, nothing known of epoch {batch.epoch}")
    if (opening.kind == "EPOCH") != (batch.epoch > 1):
        raise RejectedError("BATCH_EPOCH", f"epoch {batch.epoch} begins with {opening.kind}")
    behind = None
    start = first_chain(batch.box, batch.epoch)
    if batch.epoch > 1:
        behind = Position(opening.body["size"], bytes.fromhex(opening.body["head"]))
        start = first_chain(batch.box, batch.epoch, behind.head, behind.size)
    return KnownJournal(Position(0, start), {-1: start}, batch.epoch > last_epoch), behind
