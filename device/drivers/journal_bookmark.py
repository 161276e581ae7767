"""Bookmarks: so that a start need not read a month of plays to find the ones that were running.

A bookmark names one durable entry of the journal by place and chain value, and says what recovery would
otherwise have to read everything before it for. Rules:

1. It is never believed over the journal: unless the frame it names stands where it says with that chain
   value, or where no bookmark is sound, recovery reads back to the newest BOOT (`journal_file.py`).
2. Two files are written in turn, each in place: a cut can spoil one, and the other is a little older.
3. Nothing waits for a bookmark. A journal without one is only slower to open.
4. It bears the card's code (`journal_owner.py`), so nobody else can have made one: the entries that chain to the one
   it names are the box's own.
"""

import json
from collections import deque

from device.drivers.folder import Folder
from device.drivers.journal_owner import Owner
from device.drivers.journal_segment import Place, Segment, read_sound
from device.ports import Frame
from device.protocol import journal
from device.protocol.limits import CHECKPOINT_ENTRIES, INTEGER_MAX
from device.typed import Any

SLOTS = ("bookmark-a", "bookmark-b")
RECENT_ENTRIES = 1_024  # read back all the same: an end of play told again after a restart is found in them


class Fold:
    """What the entries up to a place come to. One thread at a time.

    starts: the PLAY_START entries of plays that run, by play. newest_boot: sequence number, -1 if none was
    seen. at_ms: trusted time of the newest entry that has one. next, last: where the next entry stands, and
    where the last one taken does.
    """

    def __init__(self, segment: Segment) -> None:
        self.starts: dict[str, bytes] = {}
        self.newest_boot = -1
        self.at_ms: int | None = None
        self.head = b""
        self.acked: dict[int, int] = {}  # by epoch: what the fleet held when the bookmark was made
        self.ended: dict[int, int] = {}  # by epoch that has ended: how many entries it has, where that is known
        self._places: deque[Place] = deque()
        self.enter(segment)
        self.last = self.next

    def enter(self, segment: Segment) -> None:
        """The next entry is the first of this segment."""
        self.epoch = segment.epoch
        self.next = Place(segment.first, 0, segment.first)
        if self._places and segment.first == 0:
            self._places.clear()  # of the epoch before
            self.newest_boot = -1

    def take(self, frame: Frame, entry: dict[str, Any] | None = None) -> None:
        """The next entry, which the box wrote; `entry` is what stands in it, where that was read already."""
        entry = entry or json.loads(frame.entry)
        kind = entry["kind"]
        if kind == "PLAY_START":
            self.starts[journal.play_id(frame.epoch, frame.seq)] = frame.entry
        elif kind == "PLAY_END":
            self.starts.pop(entry["body"]["play"], None)
        elif kind == "BOOT":
            # The core writes it behind the ends of the plays that a cut left open.
            self.starts.clear()
            self.newest_boot = frame.seq
        self.at_ms = entry.get("at_ms") or self.at_ms
        self.pass_by(frame)

    def pass_by(self, frame: Frame) -> None:
        """The next entry, which is somebody else's: it has a place in the chain and nothing to say."""
        place = self.next
        if not self._places or place.seq - self._places[-1].seq >= CHECKPOINT_ENTRIES:
            self._places.append(place)
            while len(self._places) > 1 and self._places[1].seq <= place.seq - RECENT_ENTRIES:
                self._places.popleft()
        self.last, self.head = place, frame.chain
        size = journal.FRAME_HEADER_BYTES + len(frame.entry) + journal.CHAIN_BYTES
        self.next = Place(place.first, place.offset + size, place.seq + 1)

    @property
    def recent(self) -> Place:
        """Where the entries begin that recovery reads again: at least RECENT_ENTRIES back, or all."""
        return self._places[0] if self._places else self.next

    def encode(self, owner: Owner) -> bytes:
        """One line and its code in the next; what a longer bookmark before it left behind them is ignored."""
        value = {
            "epoch": self.epoch,
            "last": self.last,
            "head": self.head.hex(),
            "recent": self.recent,
            "boot": self.newest_boot,
            "starts": [(play, entry.decode()) for play, entry in self.starts.items()],
            "acked": sorted(self.acked.items()),
            "ended": sorted(self.ended.items()),
        }
        return owner.with_code(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def decode(cls, raw: bytes, owner: Owner) -> "Fold | None":
        """The fold up to and without the entry it names: recovery takes that one again. None if unsound."""
        line = owner.of_code(raw)
        if line is None:
            return None
        try:
            value = json.loads(line)
            last = Place(*_numbers(value["last"]))
            fold = cls(Segment(*_numbers([value["epoch"], last.first])))
            fold.next = fold.last = last
            fold.head = bytes.fromhex(value["head"])
            (fold.newest_boot,) = _numbers([value["boot"]])
            fold.acked, fold.ended = _sizes(value["acked"]), _sizes(value["ended"])
            fold.starts = dict(_start_of(play, entry) for play, entry in value["starts"])
            fold._places.append(Place(*_numbers(value["recent"])))
        except (KeyError, TypeError, ValueError):
            return None  # of another version
        return fold


def _start_of(play: str, text: str) -> tuple[str, bytes]:
    """Raises KeyError, TypeError, ValueError if this entry does not begin this play, or lacks what recovery reads."""
    entry = json.loads(text)
    _numbers([entry["boot"], entry.get("mono_ms", 0), entry["at_ms"] or 0])
    words = [entry["body"][name] for name in ("room", "song", "kind")]
    is_start = entry["kind"] == "PLAY_START" and play == journal.play_id(*_numbers([entry["epoch"], entry["seq"]]))
    if not is_start or not all(isinstance(word, str) for word in words):
        raise ValueError(play)
    return play, text.encode()


def _sizes(rows: list[list[object]]) -> dict[int, int]:
    """By epoch. Raises TypeError, ValueError."""
    return {epoch: size for epoch, size in map(_numbers, rows)}


def _numbers(values: list[object]) -> list[int]:
    """Raises TypeError, ValueError where one is no number that a bookmark has."""
    if not all(type(value) is int and -1 <= value <= INTEGER_MAX for value in values):
        raise ValueError(values)
    return [value for value in values if type(value) is int]


def read_bookmarks(folder: Folder, owner: Owner, epoch: int) -> list[Fold]:
    """The sound bookmarks of this epoch, the newest first. Raises OSError."""
    of_epoch = [fold for fold in _sound(folder, owner) if fold.epoch == epoch]
    return sorted(of_epoch, key=lambda fold: fold.next.seq, reverse=True)


def noted_epoch(folder: Folder, owner: Owner) -> int:
    """The newest epoch that a sound bookmark stands in; 0 without one. Raises OSError."""
    return max([fold.epoch for fold in _sound(folder, owner)], default=0)


def _sound(folder: Folder, owner: Owner) -> list[Fold]:
    names = folder.names()
    found = [Fold.decode(read_sound(folder, slot)[0], owner) for slot in SLOTS if slot in names]
    return [fold for fold in found if fold is not None]
