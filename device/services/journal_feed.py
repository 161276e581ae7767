"""Which journal entries go up next (SPEC 10): what ended epochs still owe, the oldest first, then the current one from
the watermark on, in batches, a few unacknowledged at a time.

Rules:

1. Only the fleet's signed ack moves a watermark, and the core alone judges acks; here it is told.
2. At most BATCHES_OPEN_MAX batches are sent beyond the watermark. Without an ack for ACK_FOR_S_MAX sending
   begins again at the watermark: the broker may have lost what it acknowledged.
3. A batch holds what fits (SPEC 17); its checkpoint is signed when it is made.
4. Signed is only what continues the chain: an entry that does not is damaged (JOURNAL_DAMAGED).
5. Where the fleet refuses, each entry is looked at as the fleet does: one that is none was put there by somebody else,
   and is damaged too. Before that it is the fleet's to judge: it may be of a version that was taken back again.
6. That an epoch has ended is said once an entry behind it is durable: a disk that takes no writes at a start, or none
   of a new epoch, leaves it open which epoch goes on.
"""

import itertools
from collections.abc import Callable, Sequence

from device.core.effects import Append, MoveWatermark, SendFrom
from device.ports import DriverError, Frame, Journal
from device.protocol.envelope import Envelope
from device.protocol.errors import MalformedError
from device.protocol.journal import Entry, next_chain
from device.protocol.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX
from device.protocol.uplink import Batch
from device.services.journal_late import ACK_FOR_S_MAX, LateEpoch, beginning
from device.typed import NamedTuple

BATCHES_OPEN_MAX = 8
ENTRIES_BYTES = BATCH_BYTES_MAX * 3 // 4  # escapes and the checkpoint need the rest, nearly always

MakeCheckpoint = Callable[[int, int, bytes, bool], Envelope]  # epoch, size, head, whether the epoch has ended


class Place(NamedTuple):
    """Where the next batch begins."""

    epoch: int
    seq: int


class Made(NamedTuple):
    """A batch, its bytes and the head at its end."""

    batch: Batch
    raw: bytes
    head: bytes


class JournalFeed:
    """Position of the uplink in the journal. All calls but `batch_from` in the event loop."""

    def __init__(self, box: str, journal: Journal, checkpoint: MakeCheckpoint) -> None:
        self._box = box
        self._journal = journal
        self._checkpoint = checkpoint
        self._epoch = 0  # of the entry that was made durable last in this life
        self._size = 0
        self._watermark = 0
        self._next = 0
        self._open: list[int] = []
        self._progress_at_s = 0.0
        self._is_refused = False  # rule 5
        self._owing: list[LateEpoch] = []  # oldest first

    def grown(self, effect: Append) -> None:
        if effect.epoch != self._epoch:
            self._watermark = self._next = 0
            self._open = []
            self._epoch = effect.epoch
            self._look_back()
        self._size = effect.seq + 1

    def moved(self, effect: MoveWatermark, now_s: float) -> None:
        self._journal.acknowledged(effect.epoch, effect.size)
        if effect.epoch != self._epoch:
            for late in self._owing:
                if late.epoch == effect.epoch:
                    late.acknowledged(effect.size)
            return
        self._is_refused = False
        self._watermark = effect.size
        self._next = max(self._next, effect.size)
        self._open = [end for end in self._open if end > effect.size]
        self._progress_at_s = now_s

    def send_from(self, effect: SendFrom) -> None:
        """The fleet's wish after a gap; it may lie below the watermark. What cannot be read has no epoch to name."""
        self._is_refused = True
        if effect.epoch == self._epoch:
            self._next = min(effect.size, self._size)
            self._open = []
        for late in self._owing:
            if late.epoch == effect.epoch:
                late.begin_again(effect.size, effect.head)

    def begin_again(self, now_s: float) -> None:
        """At each connect."""
        self._look_back()
        self._begin_at_watermark(now_s)

    def head_at(self, epoch: int, size: int) -> bytes | None:
        """The box's own head there; None where there is none, and of an ended epoch all but what was sent last."""
        for late in self._owing:
            if late.epoch == epoch:
                return late.head_at(size)
        return self._journal.head_at(size)

    def wanted(self, now_s: float) -> Place | None:
        """Where the next batch begins; None while there is nothing to send or too much is open."""
        while self._owing:
            late = self._owing[0]
            if late.is_ready(now_s):
                return Place(late.epoch, late.next)
            if not late.is_finished:
                return None
            self._owing.pop(0)
        if self._open and now_s - self._progress_at_s > ACK_FOR_S_MAX:
            self._begin_at_watermark(now_s)
        if self._next >= self._size or len(self._open) >= BATCHES_OPEN_MAX:
            return None
        return Place(self._epoch, self._next)

    def sent(self, made: Made, now_s: float) -> None:
        batch = made.batch
        if batch.epoch != self._epoch:
            for late in self._owing:
                if late.epoch == batch.epoch:
                    late.sent(batch.size, len(batch.entries), made.head, now_s)
        elif batch.first == self._next:
            self._next = batch.size
            if not self._open:
                self._progress_at_s = now_s
            self._open.append(batch.size)

    def nothing_more(self, epoch: int) -> None:
        """`batch_from` found nothing that can be read."""
        for late in self._owing:
            if late.epoch == epoch:
                late.finish()

    def batch_from(self, place: Place) -> Made | None:
        """Read and sign; blocks, so in a thread. None where an ended epoch has nothing more. Raises DriverError."""
        late = next((late for late in self._owing if late.epoch == place.epoch), None)
        if late is not None:
            return self._late_batch(late)
        if place.epoch != self._epoch:
            return None
        frames = self._journal.read(place.seq, BATCH_ENTRIES_MAX, ENTRIES_BYTES)
        if self._is_refused:
            frames = list(itertools.takewhile(_is_entry, frames))
        if not frames:
            raise DriverError("JOURNAL_DAMAGED", f"entry {place.seq} is none that the fleet takes")
        before = self._journal.head_at(place.seq) if place.seq else beginning(self._box, frames[0])
        made = self._fitting(place.epoch, frames, before)
        if made.head != frames[len(made.batch.entries) - 1].chain:
            raise DriverError("JOURNAL_DAMAGED", f"entries from {place.seq} on are not what was written")
        return made

    def _late_batch(self, late: LateEpoch) -> Made | None:
        ended, at = self._journal.ended, late.next
        while frames := ended.read(late.epoch, at, late.count_max, ENTRIES_BYTES):
            sound = list(itertools.dropwhile(lambda frame: late.is_refused and not _is_entry(frame), frames))
            if sound:
                sound = list(itertools.takewhile(lambda frame: not late.is_refused or _is_entry(frame), sound))
                return self._fitting(late.epoch, sound, late.begin_chain(ended, late.next, sound[0]))
            at = frames[-1].seq + 1
        return None

    def _look_back(self) -> None:
        ended = self._journal.ended
        unsent = [epoch for epoch in ended.unsent() if epoch < self._epoch]  # rule 6
        self._owing = [LateEpoch(self._box, epoch, ended.watermark(epoch)) for epoch in unsent]

    def _begin_at_watermark(self, now_s: float) -> None:
        self._next = self._watermark
        self._open = []
        self._progress_at_s = now_s

    def _fitting(self, epoch: int, frames: Sequence[Frame], chain: bytes | None) -> Made:
        """As many of the frames as a batch holds. chain: the value before them, None where it cannot be known."""
        while True:
            head = _head(frames, chain)
            size = frames[-1].seq + 1
            checkpoint = self._checkpoint(epoch, size, head, epoch != self._epoch)
            batch = Batch(self._box, epoch, frames[0].seq, tuple(frame.entry for frame in frames), checkpoint)
            try:
                return Made(batch, batch.encode(), head)
            except MalformedError:
                if len(frames) == 1:
                    raise
                frames = frames[: len(frames) // 2]


def _is_entry(frame: Frame) -> bool:
    try:
        Entry.decode(frame.entry)
    except MalformedError:
        return False
    return True


def _head(frames: Sequence[Frame], chain: bytes | None) -> bytes:
    """Where the chain ends over these frames."""
    head = chain
    for frame in frames:
        head = frame.chain if head is None else next_chain(head, frame.seq, frame.entry)
    assert head is not None, "a batch has entries"
    return head
