"""Which journal entries go up next (SPEC 10): from the watermark on, in batches, a few unacknowledged at
a time.

Rules:

1. Only the fleet's signed ack moves the watermark, and the core alone judges acks; here it is told.
2. At most BATCHES_OPEN_MAX batches are sent beyond the watermark. Without an ack for ACK_FOR_S_MAX sending
   begins again at the watermark: the broker may have lost what it acknowledged.
3. A batch holds what fits (SPEC 17); its checkpoint is signed when it is made.
"""

from collections.abc import Callable

from device.core.effects import Append, MoveWatermark, SendFrom
from device.ports import Frame, Journal
from device.protocol.envelope import Envelope
from device.protocol.errors import MalformedError
from device.protocol.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX
from device.protocol.uplink import Batch

BATCHES_OPEN_MAX = 8
ACK_FOR_S_MAX = 20.0
ENTRIES_BYTES = BATCH_BYTES_MAX * 3 // 4  # escapes and the checkpoint need the rest, nearly always

MakeCheckpoint = Callable[[int, int, bytes], Envelope]


class JournalFeed:
    """Position of the uplink in the journal. All calls but `batch_from` in the event loop."""

    def __init__(self, box: str, journal: Journal, checkpoint: MakeCheckpoint) -> None:
        self._box = box
        self._journal = journal
        self._checkpoint = checkpoint
        self._epoch = 1
        self._size = 0
        self._watermark = 0
        self._next = 0
        self._open: list[int] = []
        self._progress_at_s = 0.0

    def grown(self, effect: Append) -> None:
        if effect.epoch != self._epoch:
            self._watermark = self._next = 0
            self._open = []
        self._epoch, self._size = effect.epoch, effect.seq + 1

    def moved(self, effect: MoveWatermark, now_s: float) -> None:
        self._journal.acknowledged(effect.epoch, effect.size)
        self._watermark = effect.size
        self._next = max(self._next, effect.size)
        self._open = [end for end in self._open if end > effect.size]
        self._progress_at_s = now_s

    def send_from(self, effect: SendFrom) -> None:
        """The fleet's wish after a gap; it may lie below the watermark."""
        self._next = min(effect.size, self._size)
        self._open = []

    def begin_again(self, now_s: float) -> None:
        """At each connect, and when acks stay away (rule 2)."""
        self._next = self._watermark
        self._open = []
        self._progress_at_s = now_s

    def wanted(self, now_s: float) -> int | None:
        """Sequence number the next batch begins with; None while there is nothing to send or too much is
        open.
        """
        if self._open and now_s - self._progress_at_s > ACK_FOR_S_MAX:
            self.begin_again(now_s)
        if self._next >= self._size or len(self._open) >= BATCHES_OPEN_MAX:
            return None
        return self._next

    def sent(self, batch: Batch, now_s: float) -> None:
        if batch.first == self._next:
            self._next = batch.size
            if not self._open:
                self._progress_at_s = now_s
            self._open.append(batch.size)

    def batch_from(self, seq: int) -> tuple[Batch, bytes]:
        """Read and sign; blocks, so in a thread. Raises DriverError."""
        frames = list(self._journal.read(seq, BATCH_ENTRIES_MAX, ENTRIES_BYTES))
        while True:
            batch = self._batch_of(frames)
            try:
                return batch, batch.encode()
            except MalformedError:
                if len(frames) == 1:
                    raise
                frames = frames[: len(frames) // 2]

    def _batch_of(self, frames: list[Frame]) -> Batch:
        size = frames[-1].seq + 1
        checkpoint = self._checkpoint(self._epoch, size, frames[-1].chain)
        entries = tuple(frame.entry for frame in frames)
        return Batch(self._box, self._epoch, frames[0].seq, entries, checkpoint)
