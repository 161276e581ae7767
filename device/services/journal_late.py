"""What an ended epoch of the journal still owes to the fleet (SPEC 9.13), one batch at a time.

Rules:

1. One batch is under way; the next one begins behind its ack. What cannot be read is left out, and the chain begins
   anew behind it, with a value that names what is missing: so the box signs which entries it left out.
2. A nack says where the fleet stands: the chain begins anew there as well, since what stands before that is the fleet's
   word and the box signs nothing of it.
3. After TRIES_MAX answers or waits that brought nothing the epoch rests until the next session: what the fleet refuses
   must not keep back what is newer.
"""

from device.ports import EndedEpochs, Frame
from device.protocol import journal
from device.protocol.limits import ENTRY_BYTES_MAX

TRIES_MAX = 3
ACK_FOR_S_MAX = 20.0


class LateEpoch:
    """One ended epoch in one session. All calls but `begin_chain` in the event loop."""

    def __init__(self, box: str, epoch: int, size: int) -> None:
        """size: what the fleet holds of it, as far as the box knows."""
        self.epoch = epoch
        self.next = size
        self.is_finished = False
        self._box = box
        self._head: bytes | None = None  # at `next`, where that was acknowledged in this session
        self._is_anew = False  # rule 2
        self._sent: tuple[int, bytes] | None = None  # size and head of the batch under way
        self._sent_at_s = 0.0
        self._tries = 0

    @property
    def is_refused(self) -> bool:
        """Whether the last batch brought nothing, so that each entry is to be looked at (`journal_feed.py` rule 5)."""
        return self._tries > 0

    def is_ready(self, now_s: float) -> bool:
        """Whether a batch may be made now."""
        if self._sent is not None and now_s - self._sent_at_s > ACK_FOR_S_MAX:
            self._sent = None
            self._try_again()
        return self._sent is None and not self.is_finished

    def head_at(self, size: int) -> bytes | None:
        """The head of the batch under way."""
        return self._sent[1] if self._sent is not None and self._sent[0] == size else None

    def sent(self, size: int, head: bytes, now_s: float) -> None:
        self._sent, self._sent_at_s = (size, head), now_s

    def acknowledged(self, size: int) -> None:
        head = self.head_at(size)
        if head is not None:
            self.next, self._head, self._sent, self._is_anew, self._tries = size, head, None, False, 0

    def begin_again(self, size: int) -> None:
        """Rule 2. A nack of what could not be read at all bears the fleet's newest epoch, whichever was sent."""
        if self._sent is None:
            return
        self.next, self._head, self._sent, self._is_anew = size, None, None, True
        self._try_again()

    def finish(self) -> None:
        """There is nothing more to be read of it."""
        self.is_finished = True

    def begin_chain(self, ended: EndedEpochs, at: int, first: Frame) -> bytes:
        """The chain value before `first`, the first entry from `at` on that can be read. Blocks. Raises DriverError."""
        head = self._head
        if first.seq == at and head is not None:
            return head
        before = None if first.seq > at or self._is_anew else self._on_disk(ended, first)
        if before is not None and journal.next_chain(before, at, first.entry) == first.chain:
            return before
        return journal.chain_behind_gap(self._box, self.epoch, at, first.seq)

    def _on_disk(self, ended: EndedEpochs, first: Frame) -> bytes | None:
        """The value that the box had there; None where that cannot be read."""
        if first.seq == 0:
            return beginning(self._box, first)
        before = ended.read(self.epoch, first.seq - 1, 1, ENTRY_BYTES_MAX)
        return before[0].chain if before and before[0].seq == first.seq - 1 else None

    def _try_again(self) -> None:
        self._tries += 1
        self.is_finished = self._tries >= TRIES_MAX


def beginning(box: str, first: Frame) -> bytes:
    """The chain value before the first entry of an epoch, by what this says (SPEC 9.5, 9.11)."""
    if first.epoch == 1:
        return journal.first_chain(box, 1)
    place = journal.Entry.decode(first.entry).body
    return journal.first_chain(box, first.epoch, bytes.fromhex(place.get("head", "")), place.get("size", 0))
