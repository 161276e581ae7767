"""One segment of the journal: a file of frames (SPEC 9.6) that was written full of zeros before its
first use.

Rules:

1. A segment is named by the epoch and the sequence number of its first entry; it has no header.
2. Frames follow each other from byte 0. The first byte that does not begin a whole, sound frame with the
   next sequence number and the right chain value ends it.
3. What stands behind that end is zeros, or it was torn by a cut.
4. The zeros are written ahead under the name SPARE, so that beginning a segment costs a rename.
5. A block that cannot be read counts as zeros, and all others are read.
6. Where a place takes no write the journal goes on in a new segment that begins with the next entry. Of each segment
   only the entries before the first one of the next count, so what stands behind them is nobody's.
7. A file that takes no write keeps its blocks, under a name of HELD, so that no other file gets them.
8. An epoch above EPOCH_BELIEVED_MAX counts only where the box can have come to it: by a bookmark, which bears the
   card's code, or by one behind the other. Nobody can name a file so that none is left behind it, and behind one that
   was forged there the box goes on, and finds that again.
"""

import errno
from collections.abc import Iterator

from device.drivers.folder import Folder
from device.patterns import pattern
from device.ports import Frame
from device.protocol import journal
from device.protocol.limits import EPOCH_BELIEVED_MAX, EPOCHS_AHEAD_MAX
from device.typed import NamedTuple

SEGMENT_BYTES = 1 << 20
PORTION_BYTES = 1 << 16  # read at a time by those who come for a few entries
BLOCK_BYTES = 4_096  # what a file system reads at once
HELD = tuple([f"bad-{number}.bin" for number in range(8)])
SPARE = "spare.new"  # `.new` is rubbish to a recovery: it cannot know whether the zeros are durable
assert PORTION_BYTES > journal.FRAME_BYTES_MAX
assert SEGMENT_BYTES > 100 * journal.FRAME_BYTES_MAX

_NAME = pattern(r"(\d{8})-(\d{12})\.fbj")


class Segment(NamedTuple):
    """Name of one segment: epoch and first sequence number."""

    epoch: int
    first: int

    @property
    def name(self) -> str:
        return f"{self.epoch:08d}-{self.first:012d}.fbj"


class Place(NamedTuple):
    """Where a frame begins: the segment's first sequence number, the offset in it, the frame's own number."""

    first: int
    offset: int
    seq: int


class Refusals:
    """Where a write failed last. `bad`: a place that has done so twice; once may have been a moment's."""

    def __init__(self) -> None:
        self._last: tuple[Segment, int] | None = None
        self.bad: tuple[Segment, int] | None = None

    def note(self, error: OSError, place: tuple[Segment, int]) -> None:
        """A disk that is full or was given up is not bad."""
        if error.errno == errno.EIO:
            self.bad = place if place == self._last else None
            self._last = place


def segments_of(folder: Folder, noted: int = 0) -> list[Segment]:
    """The segments of a folder, oldest first; `noted` is the newest epoch that the box itself has noted (rule 8)."""
    found = [_NAME.fullmatch(name) for name in folder.names()]
    named = sorted(Segment(int(match[1]), int(match[2])) for match in found if match)
    latest = max(EPOCH_BELIEVED_MAX, noted + EPOCHS_AHEAD_MAX + 1)  # a nack names the one before
    believed: list[Segment] = []
    for segment in named:
        if segment.epoch > latest and not (believed and segment.epoch <= believed[-1].epoch + 1):
            break
        believed.append(segment)
    return believed


def remove_rubbish(folder: Folder) -> None:
    """What a beginning has left that came to nothing. Raises OSError."""
    for name in folder.names():
        if name.endswith(".new"):
            folder.remove(name)


def write_zeros(folder: Folder, name: str, size: int) -> None:
    """A file of zeros whose bytes are durable; its name is not yet. Raises OSError."""
    try:
        folder.write(name, 0, bytes(size))
        folder.sync(name)
    except OSError as error:
        if error.errno == errno.EIO:
            _hold(folder, name)
        raise
    finally:
        folder.release(name)


def create(folder: Folder, segment: Segment, size: int, is_spare_ready: bool = False) -> None:
    """Make a segment of zeros, durable under its name, of the spare one if there is one. Raises OSError."""
    new = SPARE
    if not is_spare_ready:
        new = f"{segment.name}.new"
        write_zeros(folder, new, size)
    folder.rename(new, segment.name)
    folder.sync_names()


def read_sound(folder: Folder, name: str, offset: int = 0, length: int = -1) -> tuple[bytes, list[int]]:
    """A file, or a part of it, and where in it blocks stand that cannot be read (rule 5). Raises OSError."""
    try:
        return folder.read(name, offset, length), []
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    size = folder.size(name)
    end = size if length < 0 else min(size, offset + length)
    parts, unread, at = list[bytes](), list[int](), offset
    while at < end:
        count = min(end, at - at % BLOCK_BYTES + BLOCK_BYTES) - at
        try:
            parts.append(folder.read(name, at, count))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            parts.append(bytes(count))
            unread.append(at - offset)
        at += count
    return b"".join(parts), unread


def go_on(folder: Folder, last: Segment, size: int, segment_bytes: int) -> Segment:
    """The segment behind one that takes no more entries than these (rules 6, 7). Raises OSError."""
    folder.release(last.name)
    following = Segment(last.epoch, size)
    if following == last:
        _hold(folder, last.name)
    create(folder, following, segment_bytes)
    return following


def _hold(folder: Folder, name: str) -> None:
    """Rule 7, for so many files; what comes then gives its blocks away."""
    names = folder.names()
    free = [held for held in HELD if held not in names]
    if free and name in names:
        folder.rename(name, free[0])


def scan(
    raw: bytes, segment: Segment, count: int | None = None, begin: Place | None = None, chain: bytes = b""
) -> tuple[list[Frame], int]:
    """The sound frames of a segment and the offset behind the last (rule 2).

    count: stop at this many frames. begin: where to begin, with the chain value before it; else the chain
    value of the first frame is taken as it stands.
    """
    frames: list[Frame] = []
    offset, seq = (begin.offset, begin.seq) if begin else (0, segment.first)
    while count is None or len(frames) < count:
        found = journal.parse_frame(raw, offset)
        if found is None:
            break
        entry, head, after = found
        if chain and journal.next_chain(chain, seq, entry) != head:
            break
        frames.append(Frame(segment.epoch, seq, entry, head))
        offset, chain, seq = after, head, seq + 1
    return frames, offset


def torn_bytes(raw: bytes, offset: int) -> bytes:
    """What stands behind the last sound frame, without the zeros at its end (rule 3)."""
    rest = raw[offset:]
    return b"" if rest == bytes(len(rest)) else rest.rstrip(b"\0")  # a comparison is ten times as fast


def walk(folder: Folder, segment: Segment, offset: int, seq: int) -> Iterator[tuple[Frame, int]]:
    """Frames from a known place on, each with the offset behind it; ends at the first unsound byte."""
    buffer = b""
    start = offset
    while True:
        if len(buffer) - (offset - start) < journal.FRAME_BYTES_MAX:
            (buffer, _), start = read_sound(folder, segment.name, offset, PORTION_BYTES), offset
        found = journal.parse_frame(buffer, offset - start)
        if found is None:
            return
        entry, chain, after = found
        offset = start + after
        yield Frame(segment.epoch, seq, entry, chain), offset
        seq += 1
