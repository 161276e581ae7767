"""The play journal on disk: segments of frames, one writer, one sync for a group of entries (SPEC 9.5 to
9.7).

Rules:

1. `append` returns after fdatasync. An error of a write or a sync is a verdict: the file is not touched
   again before `recover`, which believes only what was durable before the error. (The kernel may drop
   the pages of a failed sync and call the next one a success, so asking again proves nothing.)
2. Nothing is overwritten. Torn bytes are copied to `torn-EPOCH-SIZE.bin`, durable, before the segment is
   cut short, and the next entries go to a new segment. The file is named by the size the journal had, so
   it is found and reported at every recovery until the BOOT that reports it is durable.
3. Reading never sees an entry that is not durable.
"""

import hashlib
import json
import threading
from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby

from device.drivers import journal_segment as segments
from device.drivers.folder import Folder
from device.drivers.journal_segment import Segment
from device.ports import DriverError, Frame, Recovered
from device.protocol import journal

HEADS_MAX = 4096  # recent chain values kept in memory; older ones are read from disk


class JournalFile:
    """The journal in one folder. `append` and `recover` belong to one thread; reading may come from
    others.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # guards what readers share with the writer
        self._segments: list[Segment] = []
        self._epoch = 1
        self._size = 0  # durable entries; 0 before recovery
        self._offset = 0  # behind the last durable frame of the last segment
        self._recovered = False
        self._heads: dict[int, bytes] = {}
        self._cursor = (-1, 0, 0)  # segment index, seq, offset: where the last reader stopped

    def recover(self) -> Recovered:
        """Find the end, set torn bytes aside, make the journal ready to append (rules 1, 2)."""
        try:
            return self._recover()
        except OSError as error:
            raise DriverError("JOURNAL_UNAVAILABLE", str(error)) from error

    def append(self, frames: Sequence[Frame]) -> None:
        if not self._recovered:
            raise DriverError("JOURNAL_UNAVAILABLE", "an earlier error has not been recovered from")
        try:
            for epoch, group in groupby(frames, lambda frame: frame.epoch):
                if epoch != self._epoch:
                    self._begin_epoch(epoch)
                self._append(list(group))
        except OSError as error:
            self._recovered = False
            raise DriverError("JOURNAL_UNAVAILABLE", str(error)) from error

    def head_at(self, size: int) -> bytes | None:
        with self._lock:
            known = self._heads.get(size)
        if known is not None or not 0 < size <= self._size:
            return known
        found = self.read(size - 1, 1, journal.FRAME_BYTES_MAX)
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

    def _append(self, frames: Sequence[Frame]) -> None:
        assert frames[0].seq == self._size, (frames[0].seq, self._size)
        group: list[bytes] = []
        offset = self._offset
        for frame in frames:
            raw = journal.frame(frame.entry, frame.chain)
            if offset + sum(map(len, group)) + len(raw) > segments.SEGMENT_BYTES:
                self._write_group(group)
                self._begin_segment(frame.seq)
                group, offset = [], 0
            group.append(raw)
        self._write_group(group)
        with self._lock:
            self._size += len(frames)
            for frame in frames:
                self._heads[frame.seq + 1] = frame.chain
            while len(self._heads) > HEADS_MAX:
                del self._heads[next(iter(self._heads))]

    def _write_group(self, group: list[bytes]) -> None:
        if group:
            name = self._segments[-1].name
            data = b"".join(group)
            self._folder.write(name, self._offset, data)
            self._folder.sync(name)
            self._offset += len(data)

    def _begin_segment(self, first: int) -> None:
        if self._segments:
            self._folder.release(self._segments[-1].name)
        segment = Segment(self._epoch, first)
        segments.create(self._folder, segment)
        with self._lock:
            self._segments = [*self._segments, segment]
            self._offset = 0

    def _begin_epoch(self, epoch: int) -> None:
        """The core found that the journal was put back (SPEC 10.2): what is there stays, under its own
        number.
        """
        with self._lock:
            self._epoch, self._size = epoch, 0
            self._heads = {}
        self._begin_segment(0)

    def _read_segment(self, seq: int, count_max: int, bytes_left: int, is_first: bool) -> list[Frame]:
        with self._lock:
            known, index, at, offset = self._segments, *self._cursor
            before = sum(segment.epoch < self._epoch for segment in known)
        wanted_index = before + bisect_right([segment.first for segment in known[before:]], seq) - 1
        if wanted_index < before:
            raise DriverError("JOURNAL_DAMAGED", f"entry {seq} is older than the oldest segment")
        if wanted_index != index or at > seq:
            at, offset = known[wanted_index].first, 0
        end = known[wanted_index + 1].first if wanted_index + 1 < len(known) else self._size
        found: list[Frame] = []
        for frame, after in segments.walk(self._folder, known[wanted_index], offset, at):
            if frame.seq >= seq:
                bytes_left -= len(frame.entry)
                if bytes_left < 0 and (found or not is_first):
                    break
                found.append(frame)
            with self._lock:
                self._cursor = (wanted_index, frame.seq + 1, after)
            if frame.seq + 1 >= end or len(found) >= count_max:
                break
        return found

    def _recover(self) -> Recovered:
        for name in self._folder.names():
            if name.endswith(".new"):
                self._folder.remove(name)
        for segment in self._segments:
            self._folder.release(segment.name)
        known = segments.segments_of(self._folder)
        if not known:
            segments.create(self._folder, Segment(1, 0))
            known = [Segment(1, 0)]
        known = self._without_empty_epoch(known)
        was_durable = self._size if self._segments and known[-1].epoch == self._epoch else None
        history = _History(self._folder, known, was_durable)
        size = history.next_seq
        last = known[-1]
        if size > 0 and not history.frames:
            raise DriverError("JOURNAL_UNAVAILABLE", "no sound entry before the end: the head is unknown")
        torn = segments.torn_bytes(history.last_raw, history.last_offset)
        if torn:
            self._set_aside(last, history, size, torn)
        with self._lock:
            self._epoch, self._size, self._offset = last.epoch, size, history.last_offset
            self._segments, self._cursor = known, (-1, 0, 0)
            self._heads = {frame.seq + 1: frame.chain for frame in history.frames[-HEADS_MAX:]}
        if torn and size > last.first:
            self._begin_segment(size)
        self._recovered = True
        kept = self._unreported(last.epoch, history.newest_boot)
        return Recovered(
            epoch=last.epoch,
            first=min(segment.first for segment in known if segment.epoch == last.epoch),
            size=size,
            head=history.frames[-1].chain if history.frames else b"",
            torn_bytes=len(kept),
            torn_sha256=hashlib.sha256(kept).hexdigest() if kept else "",
            since_boot=[frame.entry for frame in history.frames],
        )

    def _without_empty_epoch(self, known: list[Segment]) -> list[Segment]:
        """An epoch whose first entry never became durable has not begun: the core begins it again."""
        last = known[-1]
        if len(known) == 1 or last.first > 0 or segments.scan(self._folder.read(last.name), last, 1)[0]:
            return known
        torn = segments.torn_bytes(self._folder.read(last.name), 0)
        if torn:
            self._folder.replace(_torn_name(last.epoch, 0), torn)
        self._folder.remove(last.name)
        self._folder.sync_names()
        return known[:-1]

    def _unreported(self, epoch: int, newest_boot: int) -> bytes:
        """Torn bytes that were set aside when the journal was longer than its newest BOOT, oldest first."""
        names = [name for name in self._folder.names() if name.startswith(f"torn-{epoch:08d}-")]
        late = [name for name in names if newest_boot < 0 or name > _torn_name(epoch, newest_boot)]
        return b"".join(self._folder.read(name) for name in late)

    def _set_aside(self, last: Segment, history: "_History", size: int, torn: bytes) -> None:
        """Rule 2. A segment with nothing sound in it is emptied and used again: its name is still right."""
        name = _torn_name(last.epoch, size)
        kept = self._folder.read(name) if name in self._folder.names() else b""
        if not kept.endswith(torn):
            self._folder.replace(name, kept + torn)
        if size > last.first:
            self._folder.truncate(last.name, history.last_offset)
            self._folder.write(last.name, history.last_offset, b"")
            self._folder.sync(last.name)
            self._folder.release(last.name)
        else:
            segments.create(self._folder, last)


class _History:
    """Entries read back from the end to the newest BOOT, and where the last segment ends."""

    def __init__(self, folder: Folder, known: list[Segment], was_durable: int | None) -> None:
        last = known[-1]
        self.last_raw = folder.read(last.name)
        count = None if was_durable is None else max(0, was_durable - last.first)
        self.frames, self.last_offset = segments.scan(self.last_raw, last, count)
        self.next_seq = last.first + len(self.frames)
        index = _newest_boot(self.frames)
        for segment, after in zip(reversed(known[:-1]), reversed(known[1:]), strict=True):
            if index >= 0:
                break
            raw = folder.read(segment.name)
            older, _ = segments.scan(raw, segment, after.first - segment.first)
            if segment.epoch != after.epoch or len(older) != after.first - segment.first:
                break  # a damaged older segment is evidence; the uplink says so when it comes there
            index = _newest_boot(older)
            self.frames = older + self.frames
        self.frames = self.frames[max(0, index) :]
        self.newest_boot = self.frames[0].seq if index >= 0 else -1


def _newest_boot(frames: list[Frame]) -> int:
    """Index of the newest BOOT, -1 if there is none. The core writes it behind the ends of the plays
    that a cut left open, so nothing before it is needed."""
    for index in range(len(frames) - 1, -1, -1):
        # Our own entry under a sound CRC and chain; the strict reader would cost seconds over a month of
        # plays.
        if json.loads(frames[index].entry)["kind"] == "BOOT":
            return index
    return -1


def _torn_name(epoch: int, size: int) -> str:
    return f"torn-{epoch:08d}-{size:012d}.bin"
