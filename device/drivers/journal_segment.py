"""One segment of the journal: a file of frames (SPEC 9.6) that was written full of zeros before its
first use.

Rules:

1. A segment is named by the epoch and the sequence number of its first entry; it has no header.
2. Frames follow each other from byte 0. The first byte that does not begin a whole, sound frame with the
   next sequence number and the right chain value ends it.
3. What stands behind that end is zeros, or it was torn by a cut.
4. The zeros are written ahead under the name SPARE, so that beginning a segment costs a rename.
"""

from collections.abc import Iterator

from device.drivers.folder import Folder
from device.patterns import pattern
from device.ports import Frame
from device.protocol import journal
from device.typed import NamedTuple

SEGMENT_BYTES = 1 << 20
PORTION_BYTES = 1 << 16  # read at a time by those who come for a few entries
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


def segments_of(folder: Folder) -> list[Segment]:
    """The segments of a folder, oldest first."""
    found = [_NAME.fullmatch(name) for name in folder.names()]
    return [Segment(int(match[1]), int(match[2])) for match in found if match]


def write_zeros(folder: Folder, name: str, size: int) -> None:
    """A file of zeros whose bytes are durable; its name is not yet. Raises OSError."""
    try:
        folder.write(name, 0, bytes(size))
        folder.sync(name)
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
            buffer, start = folder.read(segment.name, offset, PORTION_BYTES), offset
        found = journal.parse_frame(buffer, offset - start)
        if found is None:
            return
        entry, chain, after = found
        offset = start + after
        yield Frame(segment.epoch, seq, entry, chain), offset
        seq += 1
