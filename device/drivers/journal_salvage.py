"""What can still be read of a journal behind damage (SPEC 9.13).

Rules:

1. Behind bytes that are no sound frame the next sound one goes on, if it is of the epoch and says a later number: the
   frames are found by their mark and their CRC, and say their place themselves.
2. Where a frame does not continue the chain value of the frame before it somebody wrote one of the two anew: the first
   one, if what it says is no entry, else this one is damage. The frame behind it is held against the value that stands
   there.
3. A frame whose entry is not one of this box (`journal_owner.py`) is damage. What stood in its place before is not
   known, so the frame behind it is taken as it stands.
4. An epoch is only read where its end is what the next one begins behind: what was written anew to the end is not the
   box's, and nothing of it is signed. What stands beyond that end never counted.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from device.drivers import journal_torn as torn_files
from device.drivers.folder import Folder
from device.drivers.journal_bookmark import Fold
from device.drivers.journal_owner import Owner
from device.drivers.journal_room import Room
from device.drivers.journal_segment import PORTION_BYTES, Place, Segment, read_sound, walk
from device.ports import DriverError, Frame
from device.protocol import journal
from device.typed import NamedTuple


class Sound(NamedTuple):
    """A sound frame, where it begins and where the next one does."""

    frame: Frame
    offset: int
    after: int


def sound_frames(raw: bytes, segment: Segment, owner: Owner, own_to: int = 0, chain: bytes = b"") -> Iterator[Sound]:
    """The sound frames of a segment, also those behind damage (rules 1 to 3).

    own_to: the number before which every sound frame is known to be the box's own.
    chain: the value before the first one, empty where that is not known.
    """
    offset, seq = 0, segment.first
    is_adrift, before = False, b""
    while offset >= 0:
        found = journal.parse_frame(raw, offset)
        if found is not None and is_adrift:
            place = _place(found[0])
            seq, chain = max(seq, place[1]), b""
            found = found if place == (segment.epoch, seq) else None
        if found is None:
            is_adrift = True
            offset = raw.find(journal.FRAME_MAGIC, offset + 1)
            continue
        entry, head, after = found
        frame = Frame(segment.epoch, seq, entry, head)
        if seq >= own_to and not owner.wrote(frame):
            head = b""
        elif not chain or journal.next_chain(chain, seq, entry) == head or not owner.would_send(before):
            yield Sound(frame, offset, after)
        chain, seq, offset, is_adrift, before = head, seq + 1, after, False, entry


def damaged_bytes(raw: bytes, sound: Sequence[Sound]) -> bytes:
    """What stands between and behind these frames, without the zeros at its end."""
    ends = [0, *(one.after for one in sound)]
    begins = [*(one.offset for one in sound), len(raw)]
    return b"".join(raw[end:begin] for end, begin in zip(ends, begins, strict=True)).rstrip(b"\0")


def keep_damaged(folder: Folder, owner: Owner, segment: Segment) -> None:
    """Set aside what is no frame of this box in a segment that is to be dropped. Raises OSError."""
    raw, _ = read_sound(folder, segment.name)
    damaged = damaged_bytes(raw, list(sound_frames(raw, segment, owner)))
    if damaged:
        torn_files.keep(folder, segment.epoch, segment.first, damaged)


def take_behind_damage(fold: Fold, folder: Folder, owner: Owner, segment: Segment, end: int) -> None:
    """Go on with a fold that came to damage in this segment, as far as `end`. Raises OSError."""
    if fold.next.seq >= end:
        return
    for frame, offset, _ in sound_frames(read_sound(folder, segment.name)[0], segment, owner):
        if fold.next.seq <= frame.seq < end:
            fold.next = Place(segment.first, offset, frame.seq)
            fold.take(frame)


def first_at_ms(folder: Folder, known: "list[Segment]") -> int | None:
    """When the first dated entry of these segments was made; None if there is none."""
    for segment in known:
        for frame, _ in walk(folder, segment, 0, segment.first):
            at_ms = at_ms_of(frame.entry)
            if at_ms is not None:
                return at_ms
    return None


def at_ms_of(entry: bytes) -> int | None:
    """Trusted time of an entry that may be anybody's; None if it says none."""
    at_ms = _plain(entry).get("at_ms")
    return at_ms if type(at_ms) is int else None


class EndedEpochs:
    """The epochs before the one that is written, for those who send what is left of them. One reader at a time."""

    def __init__(self, folder: Folder, owner: Owner, segments: Callable[[], list[Segment]], room: Room) -> None:
        """segments: those of the journal, oldest first, the last one of the epoch that is written."""
        self._folder = folder
        self._owner = owner
        self._segments = segments
        self._room = room

    def unsent(self) -> list[int]:
        """Epochs of which the fleet does not hold everything, oldest first; quick."""
        known = self._segments()
        epochs = sorted({segment.epoch for segment in known} - {known[-1].epoch}) if known else []
        acked, ended = self._room.acked, self._room.ended
        return [epoch for epoch in epochs if epoch not in ended or acked.get(epoch, 0) < ended[epoch]]

    def watermark(self, epoch: int) -> int:
        """Entries that the fleet has acknowledged; quick."""
        return self._room.acked.get(epoch, 0)

    def read(self, epoch: int, seq: int, count_max: int, bytes_max: int) -> list[Frame]:
        """Consecutive entries from the first readable one at `seq` or behind it; empty where there is none.

        Raises DriverError JOURNAL_DAMAGED.
        """
        wanted: list[Frame] = []
        try:
            end = self._end(epoch)
            for frame in self._frames(epoch, seq):
                bytes_max -= len(frame.entry)
                is_next = not wanted or (frame.seq == wanted[-1].seq + 1 and bytes_max >= 0)
                if not is_next or frame.seq >= end or len(wanted) == count_max:
                    break
                wanted.append(frame)
        except OSError as error:
            raise DriverError("JOURNAL_DAMAGED", str(error)) from error
        return wanted

    def _frames(self, epoch: int, seq: int) -> Iterator[Frame]:
        known = [segment for segment in self._segments() if segment.epoch == epoch]
        index = max(0, bisect_right([segment.first for segment in known], max(0, seq - 1)) - 1)
        before: Frame | None = None

        for segment, after in zip(known[index:], [*known[index + 1 :], None], strict=False):
            chain = before.chain if before is not None and before.seq + 1 == segment.first else b""
            raw, _ = read_sound(self._folder, segment.name)
            for sound in sound_frames(raw, segment, self._owner, seq - 1, chain):
                if after is not None and sound.frame.seq >= after.first:
                    break  # of an append that failed, where the place took no other (`journal_segment.py` rule 6)
                before = sound.frame
                if before.seq >= seq:
                    yield before

    def _end(self, epoch: int) -> int:
        """Behind the last entry that counts; 0 where the epoch is not the box's (rule 4)."""
        end = self._room.ended.get(epoch, 1 << 53)
        opening = self._opening(epoch + 1)
        if opening is None:
            return end
        size, head = opening
        last = next(self._frames(epoch, size - 1), None) if size else None
        if last is not None and last.seq == size - 1 and last.chain != head:
            return 0
        return min(end, size)

    def _opening(self, epoch: int) -> tuple[int, bytes] | None:
        """Size and head that this epoch begins behind; None where nobody can say."""
        segment = Segment(epoch, 0)
        if segment not in self._segments():
            return None
        found = journal.parse_frame(read_sound(self._folder, segment.name, 0, PORTION_BYTES)[0])
        if found is None or not self._owner.wrote(Frame(epoch, 0, *found[:2])):
            return None
        body = json.loads(found[0])["body"]
        return body["size"], bytes.fromhex(body["head"])


def _place(entry: bytes) -> tuple[int, int]:
    """Epoch and sequence number that an entry says of itself; (0, -1) if it says none."""
    value = _plain(entry)
    epoch, seq = value.get("epoch"), value.get("seq")
    return (epoch, seq) if type(epoch) is int and type(seq) is int else (0, -1)


def _plain(entry: bytes) -> dict[str, object]:
    """The object in it; empty where there is none."""
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
