"""The play journal on disk: segments of frames, one writer, one sync for a group of entries (SPEC 9.5 to
9.7, 9.12).

Rules:

1. `append` returns after fdatasync. An error of a write or a sync, or one that nobody waits for any more, is a verdict:
   the file is not touched before `recover`, which believes only what was durable before. (The kernel may drop the
   pages of a failed sync and call the next one a success.) A place that fails twice is left (`journal_segment.py` 6).
2. Nothing is overwritten but torn bytes, with zeros, and these are set aside first (`journal_torn.py`).
3. Reading never sees an entry that is not durable.
4. What can wait is done by `tend`, beside the writer: zeros for the next segment, bookmarks, and dropping
   what the fleet has held for long enough (`journal_room.py`).
"""

import errno
import hashlib
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from device.drivers import journal_recovery
from device.drivers import journal_segment as segments
from device.drivers import journal_torn as torn_files
from device.drivers.folder import Folder
from device.drivers.journal_bookmark import SLOTS, Fold
from device.drivers.journal_owner import Owner
from device.drivers.journal_recovery import Found
from device.drivers.journal_room import Room
from device.drivers.journal_salvage import EndedEpochs, first_at_ms, keep_damaged, take_behind_damage
from device.drivers.journal_segment import SPARE, Refusals, Segment
from device.ports import DriverError, Frame, Framed, Recovered
from device.protocol import journal
from device.protocol.limits import CHECKPOINT_ENTRIES, CHECKPOINT_EVERY_S, JOURNAL_BYTES_MAX, JOURNAL_KEPT_MS

HEADS_MAX = 4096  # recent chain values kept in memory; older ones are read from disk
RESERVE_SEGMENTS = 16  # some 30,000 entries: the ends of plays, orders, leases and boots of a venue that is full
BOOKMARK_PAUSE_S = 1.0  # at least, so that a burst of plays is not one of bookmarks
TEND_AGAIN_S = 5.0  # after an error
FULL_AGAIN_S = 30.0  # between two segments' worth of zeros written to a disk that was full


class JournalFile:
    """The journal in one folder. `append` and `recover` belong to one thread, `tend` may have another, readers any."""

    def __init__(
        self,
        folder: Folder,
        owner: Owner,
        *,
        segment_bytes: int = segments.SEGMENT_BYTES,
        quota_bytes: int = JOURNAL_BYTES_MAX,
        reserve: int = RESERVE_SEGMENTS,
        kept_ms: int = JOURNAL_KEPT_MS,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._owner = owner
        self._segment_bytes = segment_bytes
        self._kept_ms = kept_ms
        self._mono_s = mono_s
        self._lock = threading.Lock()  # guards what readers and `tend` share with the writer
        self._tending = threading.Lock()  # held by `tend` and `recover`, each with its files
        self._segments: list[Segment] = []
        self._epoch = 1
        self._size = 0  # durable entries; 0 before recovery
        self._found = 0  # of them, those that recovery found: somebody else may have written them
        self._written = 0  # with those of the append under way
        self._offset = 0  # behind the last durable frame of the last segment
        self._durable: tuple[int, int] | None = None  # epoch and size that `append` or `recover` answered last
        self._recovered = False
        self._refusals = Refusals()
        self._heads: deque[bytes] = deque(maxlen=HEADS_MAX)
        self._cursor = (Segment(0, -1), 0, 0)  # segment, seq, offset: where the last reader stopped
        self._room = Room(quota_bytes // segment_bytes, reserve)
        self.ended = EndedEpochs(folder, owner, lambda: self._segments, self._room)
        self._alarm = ""
        self._fold = Fold(Segment(1, 0))
        self._slot = 0
        self._is_spare_ready = False
        self._may_drop = False
        self._spent = 0  # segments, when the room was last looked at
        self._marked = (0, 0.0)  # size and instant of the last bookmark
        self._not_before_s = 0.0
        self._no_zeros_before_s = 0.0

    @property
    def alarm(self) -> str:
        """JOURNAL_NEARLY_FULL, JOURNAL_FULL or nothing (SPEC 9.12); quick."""
        return self._alarm

    @property
    def needs_tending(self) -> bool:
        """Whether `tend` has something to do; quick."""
        now_s = self._mono_s()
        if not self._recovered or now_s < self._not_before_s:
            return False
        is_spare_due = not self._is_spare_ready and now_s >= self._no_zeros_before_s
        return is_spare_due or self._may_drop or self._is_bookmark_due(now_s)

    def acknowledged(self, epoch: int, size: int) -> None:
        """The fleet holds every entry of `epoch` below `size`; quick. The core alone judges acks."""
        with self._lock:
            self._room.acknowledge(epoch, size)
            self._look_at_room()

    def recover(self) -> Recovered:
        """Find the end, set torn bytes aside, make the journal ready to append (rules 1, 2)."""
        try:
            with self._tending:
                return self._recover()
        except OSError as error:
            raise DriverError("JOURNAL_UNAVAILABLE", str(error)) from error

    def append(self, frames: Sequence[Framed], counts: Callable[[], bool] = lambda: True) -> None:
        if not self._recovered:
            raise DriverError("JOURNAL_UNAVAILABLE", "an earlier error has not been recovered from")
        try:
            if frames[-1].epoch == self._epoch:
                self._append(frames)
            else:
                for epoch, group in groupby(frames, lambda frame: frame.epoch):
                    if epoch != self._epoch:
                        self._begin_epoch(epoch)
                    self._append(list(group))
            with self._lock:
                if not counts():
                    raise TimeoutError("the disk stood still for too long")
                self._durable = (self._epoch, self._written)
                self._size = self._written
                self._heads.extend([frame.chain for frame in frames if frame.epoch == self._epoch])
        except OSError as error:
            self._recovered = False
            self._refusals.note(error, (self._segments[-1], self._offset))
            raise DriverError("JOURNAL_UNAVAILABLE", str(error)) from error

    def tend(self, proven_ms: float = float("inf")) -> None:
        """Rule 4; blocks. proven_ms: what is old by trusted time must be so by this instant, too.

        Raises DriverError JOURNAL_UNAVAILABLE: nothing is lost, it is tried again."""
        try:
            with self._tending:
                if self._recovered:
                    self._write_spare()
                    self._write_bookmark()
                    self._drop_spent(proven_ms)
        except OSError as error:
            self._not_before_s = self._mono_s() + TEND_AGAIN_S
            raise DriverError("JOURNAL_UNAVAILABLE", str(error)) from error

    def head_at(self, size: int) -> bytes | None:
        """Chain value when this epoch had `size` entries; None if it never had, or has dropped them."""
        with self._lock:
            back = self._size - size
            if 0 <= back < len(self._heads):
                return self._heads[-1 - back]
            if not 0 < size <= self._size:
                return None
        try:
            found = self.read(size - 1, 1, journal.FRAME_BYTES_MAX)
        except DriverError:
            return None
        return found[0].chain if found else None

    def read(self, seq: int, count_max: int, bytes_max: int) -> Sequence[Frame]:
        """Entries from `seq` on (rule 3). Raises DriverError JOURNAL_DAMAGED where one should be and is
        not.
        """
        wanted: list[Frame] = []
        bytes_read = 0
        try:
            while seq < self._size and len(wanted) < count_max:
                part = self._read_segment(seq, count_max - len(wanted), bytes_max - bytes_read, not wanted)
                if not part and wanted:
                    break
                if not part:
                    raise DriverError("JOURNAL_DAMAGED", f"entry {seq} cannot be read")
                wanted += part
                bytes_read += sum(len(frame.entry) for frame in part)
                seq = part[-1].seq + 1
        except OSError as error:
            raise DriverError("JOURNAL_DAMAGED", str(error)) from error
        return wanted

    # Writing.

    def _append(self, frames: Sequence[Framed]) -> None:
        assert frames[0].seq == self._written, (frames[0].seq, self._written)
        raw = [journal.frame(frame.entry, frame.chain) for frame in frames]
        begun = 0
        if self._offset + sum(map(len, raw)) > self._segment_bytes:
            end = self._offset
            for index, one in enumerate(raw):
                if end + len(one) > self._segment_bytes:
                    self._write_group(raw[begun:index])
                    self._begin_segment(frames[index].seq)
                    begun, end = index, 0
                end += len(one)
        self._write_group(raw[begun:])
        self._written = frames[-1].seq + 1

    def _write_group(self, group: list[bytes]) -> None:
        if group:
            data = b"".join(group)
            self._folder.append(self._segments[-1].name, self._offset, data)
            self._offset += len(data)

    def _begin_segment(self, first: int) -> None:
        if self._room.is_out(self._segments):
            raise OSError(errno.ENOSPC, "the journal is as large as it may become")
        self._folder.release(self._segments[-1].name)
        segment = Segment(self._epoch, first)
        if not self._is_spare_ready and self._mono_s() < self._no_zeros_before_s:
            raise OSError(errno.ENOSPC, "the disk was full a moment ago")
        with self._minding_space():
            segments.create(self._folder, segment, self._segment_bytes, self._is_spare_ready)
        # Not before the name is another's: what `tend` finds under SPARE it fills with zeros.
        self._is_spare_ready = False
        with self._lock:
            self._segments = [*self._segments, segment]
            self._offset = 0
            self._may_drop = True
            self._look_at_room()

    def _begin_epoch(self, epoch: int) -> None:
        """The core found that the journal was put back (SPEC 9.11): what is there stays, under its own
        number.
        """
        with self._lock:
            self._room.ended[self._epoch] = self._written
            self._epoch, self._size, self._written, self._found = epoch, 0, 0, 0
            self._heads.clear()
        self._begin_segment(0)

    def _look_at_room(self) -> None:
        if self._segments:
            self._alarm = self._room.alarm(self._segments)
            spent = len(self._room.spent(self._segments))
            self._may_drop = self._may_drop or spent != self._spent
            self._spent = spent

    # Reading.

    def _read_segment(self, seq: int, count_max: int, bytes_left: int, is_first: bool) -> list[Frame]:
        with self._lock:
            known, size, (segment, at, offset) = self._segments, self._size, self._cursor
        of_epoch = [found for found in known if found.epoch == known[-1].epoch]
        index = bisect_right([found.first for found in of_epoch], seq) - 1
        if index < 0:
            raise DriverError("JOURNAL_DAMAGED", f"entry {seq} is older than the oldest segment")
        if of_epoch[index] != segment or at > seq:
            segment, at, offset = of_epoch[index], of_epoch[index].first, 0
        end = of_epoch[index + 1].first if index + 1 < len(of_epoch) else size
        found: list[Frame] = []
        for frame, after in segments.walk(self._folder, segment, offset, at):
            if frame.seq >= seq:
                bytes_left -= len(frame.entry)
                if bytes_left < 0 and (found or not is_first):
                    break
                if frame.seq < self._found and not self._owner.wrote(frame):
                    break
                found.append(frame)
            at, offset = frame.seq + 1, after
            if at >= end or len(found) >= count_max:
                break
        with self._lock:
            self._cursor = (segment, at, offset)
        return found

    # Tending.

    def _is_bookmark_due(self, now_s: float) -> bool:
        marked, at_s = self._marked
        entries, seconds = self._size - marked, now_s - at_s
        if entries >= CHECKPOINT_ENTRIES:
            return seconds >= BOOKMARK_PAUSE_S
        return entries != 0 and seconds >= CHECKPOINT_EVERY_S

    def _write_spare(self) -> None:
        if not self._is_spare_ready and self._mono_s() >= self._no_zeros_before_s:
            with self._minding_space():
                segments.write_zeros(self._folder, SPARE, self._segment_bytes)
            self._is_spare_ready = True

    @contextmanager
    def _minding_space(self) -> Iterator[None]:
        """Zeros that a full disk does not take are not offered again every second: that would only wear the card."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._no_zeros_before_s = self._mono_s() + FULL_AGAIN_S
            raise

    def _write_bookmark(self) -> None:
        now_s = self._mono_s()
        if not self._is_bookmark_due(now_s):
            return
        with self._lock:
            known, size = self._segments, self._size
            self._fold.acked, self._fold.ended = dict(self._room.acked), dict(self._room.ended)
        if size > 0:
            self._fold_on(known, size)
            name = SLOTS[self._slot]
            self._folder.write(name, 0, self._fold.encode(self._owner))
            self._folder.sync(name)
            self._slot = 1 - self._slot
        self._marked = (size, now_s)

    def _fold_on(self, known: list[Segment], size: int) -> None:
        """Take the durable entries since the last bookmark, also of an epoch that has ended since."""
        fold = self._fold
        for segment, after in zip(known, [*known[1:], None], strict=True):
            if segment < (fold.epoch, fold.next.first):
                continue
            if segment > (fold.epoch, fold.next.first):
                fold.enter(segment)
            end = size if after is None else after.first
            if after is not None and after.epoch > segment.epoch:
                end = self._room.ended.get(segment.epoch, 0)
            for frame, _ in segments.walk(self._folder, segment, fold.next.offset, fold.next.seq):
                if fold.next.seq >= end:
                    break
                fold.take(frame)
            take_behind_damage(fold, self._folder, self._owner, segment, end)
            if fold.next.seq < end and after is None:
                raise OSError(errno.EIO, f"entry {fold.next.seq} cannot be read back")

    def _drop_spent(self, proven_ms: float) -> None:
        """One name at a time, each durably gone before the next: so a cut leaves no hole."""
        self._may_drop = False
        while True:
            with self._lock:
                known, fold = self._segments, self._fold
                spent = self._room.spent(known)
                is_crowded = self._room.is_crowded(known)
            needed = fold.last if is_crowded else fold.recent
            if not spent or spent[0] >= (fold.epoch, needed.first):
                return
            oldest = spent[0]
            if not is_crowded and not self._is_old(known[known.index(oldest) :], proven_ms):
                return
            with self._lock:
                self._segments = [segment for segment in self._segments if segment != oldest]
            keep_damaged(self._folder, self._owner, oldest)
            self._folder.remove(oldest.name)
            self._folder.sync_names()
            with self._lock:
                self._look_at_room()

    def _is_old(self, known: list[Segment], proven_ms: float) -> bool:
        """By trusted time, which a lease key alone may put anywhere, and no more than `proven_ms`."""
        now_ms, made_ms = self._fold.at_ms, first_at_ms(self._folder, known[1:])
        return now_ms is not None and made_ms is not None and min(now_ms, proven_ms) - made_ms >= self._kept_ms

    # Recovery.

    def _recover(self) -> Recovered:
        segments.remove_rubbish(self._folder)
        for name in (*SLOTS, *(segment.name for segment in self._segments)):
            self._folder.release(name)
        self._is_spare_ready = False
        known, found = journal_recovery.recover(
            self._folder, self._owner, self._segment_bytes, self._durable, self._refusals.bad
        )
        last = known[-1]
        self._remember(known, found)
        self._recovered = True
        kept = torn_files.unreported(self._folder, last.epoch, found.fold.newest_boot)
        return Recovered(
            epoch=last.epoch,
            first=min(segment.first for segment in known if segment.epoch == last.epoch),
            size=found.size,
            head=found.fold.head if found.size else b"",
            torn_bytes=len(kept),
            torn_sha256=hashlib.sha256(kept).hexdigest() if kept else "",
            damaged_at=found.damaged_at,
            since_boot=found.entries,
        )

    def _remember(self, known: list[Segment], found: Found) -> None:
        last, fold = known[-1], found.fold
        with self._lock:
            self._epoch, self._size, self._written, self._found = last.epoch, found.size, found.size, found.size
            self._durable = (last.epoch, found.size)
            self._segments, self._offset = known, found.offset
            self._cursor = (Segment(0, -1), 0, 0)
            self._heads.clear()
            self._heads.extend(found.heads[-HEADS_MAX:])
            for epoch, size in fold.acked.items():
                self._room.acknowledge(epoch, size)
            self._room.ended.update(fold.ended)
            self._fold, self._marked = fold, (found.size, self._mono_s())
            self._may_drop = True
            self._look_at_room()
