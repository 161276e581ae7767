"""What an ended epoch of the journal still owes to the fleet (SPEC 9.13), one batch at a time.

Rules:

1. One batch is under way; the next one begins behind its ack. What cannot be read is left out, and the chain begins
   anew behind it, with a value that names what is missing: so the box signs which entries it left out.
2. A nack says where the fleet stands, and with which head: the chain begins anew there as well, unless that is the
   box's own head, since what stands before is the fleet's word and the box signs nothing of it.
3. The fleet takes a batch whole or not at all, and may know an earlier end than the card has: where it refuses one from
   its beginning on, the next holds half as many, and behind an ack twice as many again.
4. After TRIES_MAX other answers or waits that brought nothing the epoch rests until the next session: what the fleet
   refuses must not keep back what is newer.
"""

from device.ports import EndedEpochs, Frame
from device.protocol import journal
from device.protocol.limits import BATCH_ENTRIES_MAX, ENTRY_BYTES_MAX

TRIES_MAX = 3
ACK_FOR_S_MAX = 20.0


class LateEpoch:
    """One ended epoch in one session. All calls but `begin_chain` in the event loop."""

    def __init__(self, box: str, epoch: int, size: int) -> None:
        """size: what the fleet holds of it, as far as the box knows."""
        self.epoch = epoch
        self.next = size
        self.is_finished = False
        self.is_refused = False  # the last batch brought nothing: each entry is looked at (`journal_feed.py` rule 5)
        self.count_max = BATCH_ENTRIES_MAX  # rule 3
        self._box = box
        self._head: bytes | None = None  # at `next`, where that was acknowledged in this session
        self._theirs: bytes | None = None  # rule 2
        self._sent: tuple[int, bytes] | None = None  # size and head of the batch under way
        self._sent_count = 0
        self._sent_at_s = 0.0
        self._tries = 0

    def is_ready(self, now_s: float) -> bool:
        """Whether a batch may be made now."""
        if self._sent is not None and now_s - self._sent_at_s > ACK_FOR_S_MAX:
            self._sent = None
            self._try_again()
        return self._sent is None and not self.is_finished

    def head_at(self, size: int) -> bytes | None:
        """The head of the batch under way."""
        return self._sent[1] if self._sent is not None and self._sent[0] == size else None

    def sent(self, size: int, count: int, head: bytes, now_s: float) -> None:
        self._sent, self._sent_count, self._sent_at_s = (size, head), count, now_s

    def acknowledged(self, size: int) -> None:
        head = self.head_at(size)
        if head is not None:
            self.next, self._head, self._theirs, self._sent = size, head, None, None
            self._tries, self.is_refused = 0, False
            self.count_max = min(BATCH_ENTRIES_MAX, 2 * self.count_max)

    def begin_again(self, size: int, head: bytes) -> None:
        """Rules 2, 3. A nack of what could not be read at all bears the fleet's newest epoch, whichever was sent."""
        if self._sent is None:
            return
        is_from_beginning = size == self.next
        if not is_from_beginning or head != self._head:
            self._head = None
        self.next, self._theirs, self._sent = size, head, None
        if is_from_beginning and self._sent_count > 1:
            self.count_max, self.is_refused = self._sent_count // 2, True
        else:
            self._try_again()

    def finish(self) -> None:
        """There is nothing more to be read of it."""
        self.is_finished = True

    def begin_chain(self, ended: EndedEpochs, at: int, first: Frame) -> bytes:
        """The chain value before `first`, the first entry from `at` on that can be read. Blocks. Raises DriverError."""
        head = self._head
        if first.seq == at and head is not None:
            return head
        before = None if first.seq > at else self._on_disk(ended, first)
        is_theirs = self._theirs in (None, before)
        if before is not None and is_theirs and journal.next_chain(before, at, first.entry) == first.chain:
            return before
        return journal.chain_behind_gap(self._box, self.epoch, at, first.seq)

    def _on_disk(self, ended: EndedEpochs, first: Frame) -> bytes | None:
        """The value that the box had there; None where that cannot be read."""
        if first.seq == 0:
            return beginning(self._box, first)
        before = ended.read(self.epoch, first.seq - 1, 1, ENTRY_BYTES_MAX)
        return before[0].chain if before and before[0].seq == first.seq - 1 else None

    def _try_again(self) -> None:
        self._tries, self.is_refused = self._tries + 1, True
        self.is_finished = self._tries >= TRIES_MAX


def beginning(box: str, first: Frame) -> bytes:
    """The chain value before the first entry of an epoch, by what this says (SPEC 9.5, 9.11)."""
    if first.epoch == 1:
        return journal.first_chain(box, 1)
    place = journal.Entry.decode(first.entry).body
    return journal.first_chain(box, first.epoch, bytes.fromhex(place.get("head", "")), place.get("size", 0))
