"""One segment of the journal: a file of frames (SPEC 9.6) that was written full of zeros before its
first use.

Rules:

1. A segment is named by the epoch and the sequence number of its first entry; it has no header.
2. Frames follow each other from byte 0. The first byte that does not begin a whole, sound frame with the
   next sequence number and the right chain value ends it.
3. What stands behind that end is zeros, or it was torn by a cut.
"""

import re
from collections.abc import Iterator

from device.drivers.folder import Folder
from device.ports import Frame
from device.protocol import journal

SEGMENT_BYTES = 1 << 20
PORTION_BYTES = 1 << 16  # read at a time by those who come for a few entries
assert PORTION_BYTES > journal.FRAME_BYTES_MAX
assert SEGMENT_BYTES > 100 * journal.FRAME_BYTES_MAX

_NAME = re.compile(r"(\d{8})-(\d{12})\.fbj")


class Segment:
    """Name of one segment: epoch and first sequence number."""

    def __init__(self, epoch: int, first: int) -> None:
        self.epoch = epoch
        self.first = first
        self.name = f"{epoch:08d}-{first:012d}.fbj"


def segments_of(folder: Folder) -> list[Segment]:
    """The segments of a folder, oldest first."""
    found = [_NAME.fullmatch(name) for name in folder.names()]
    return [Segment(int(match[1]), int(match[2])) for match in found if match]


def create(folder: Folder, segment: Segment) -> None:
    """Make a segment of zeros, durable under its name. Raises OSError."""
    new = f"{segment.name}.new"
    try:
        folder.write(new, 0, bytes(SEGMENT_BYTES))
        folder.sync(new)
    finally:
        folder.release(new)
    folder.rename(new, segment.name)
    folder.sync_names()


def scan(raw: bytes, segment: Segment, known: int | None = None) -> tuple[list[Frame], int]:
    """The sound frames of a segment and the offset behind the last (rule 2).

    known: stop at this many frames. The chain value of the first one is taken as it stands.
    """
    frames: list[Frame] = []
    offset = 0
    chain = None
    while known is None or len(frames) < known:
        found = _frame_at(raw, offset, segment.epoch, segment.first + len(frames))
        if found is None:
            break
        frame, after = found
        if chain is not None and journal.next_chain(chain, frame.seq, frame.entry) != frame.chain:
            break
        frames.append(frame)
        offset, chain = after, frame.chain
    return frames, offset


def torn_bytes(raw: bytes, offset: int) -> bytes:
    """What stands behind the last sound frame, without the zeros at its end (rule 3)."""
    return raw[offset:].rstrip(b"\0")


def walk(folder: Folder, segment: Segment, offset: int, seq: int) -> Iterator[tuple[Frame, int]]:
    """Frames from a known place on, each with the offset behind it; ends at the first unsound byte."""
    buffer = b""
    start = offset
    while True:
        if len(buffer) - (offset - start) < journal.FRAME_BYTES_MAX:
            buffer, start = folder.read(segment.name, offset, PORTION_BYTES), offset
        found = _frame_at(buffer, offset - start, segment.epoch, seq)
        if found is None:
            return
        frame, after = found
        offset, seq = start + after, seq + 1
        yield frame, offset


def _frame_at(raw: bytes, offset: int, epoch: int, seq: int) -> tuple[Frame, int] | None:
    found = journal.parse_frame(raw, offset)
    if found is None:
        return None
    entry, chain, after = found
    return Frame(epoch, seq, entry, chain), after
