"""The end of the journal: the next entry, and what a failure does (SPEC 9.2, 9.5, 9.7).

The core hands an entry out as an Append and goes on as if it were durable; the runtime holds back whatever
stands behind it until it is. If that fails:

1. the journal is unavailable: plays are refused, documents wait, and entries that must not be lost (an end
   of play, the seal) are drafted;
2. after recovery the drafts beyond the recovered size are appended again, with their first stamp. A
   PLAY_START among them never was allowed and is left out, and the end of such a play with it (`plays.py`). No other
   end is ever left out, however much comes behind it: its play is open in what is durable, so there are as many as
   rooms. Of each other kind of entry the first and the last are kept (SPEC 9.10).
3. A journal shorter than it is known to have been has lost evidence: a new epoch begins behind what was known, so
   no sequence number is ever used twice. Known are what became durable since the start, what the state record says,
   what the fleet has acknowledged, and what the fleet holds where it says so in a nack. Likewise where the record knows
   another chain (`start.py`). The first entry of the epoch, `EPOCH`, names that place, and says why.
4. An entry that cannot be read any more ends an epoch behind its end as it is known: nothing behind the damage waits
   for it. What that epoch still has goes up beside the new one (SPEC 9.13).
5. What one sync makes durable was made within GROUP_MS_MAX, by its own stamps: by them a start knows what a cut can
   have torn (SPEC 9.13). Drafts of a long outage are several groups.
"""

from device.core.clock import rtc_instant
from device.core.effects import Append
from device.core.facts import Fact
from device.protocol.journal import DAMAGED, LOST, first_chain, next_chain, own_entry_bytes
from device.protocol.limits import GROUP_MS_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.clock import Clock
    from device.core.events import Now

DRAFTS_MAX = 4_096  # above all that rule 2 ever keeps: the ends of all plays, and OF_KIND_MAX of each other kind
OF_KIND_MAX = 100  # the first half and the last half of them
RETRY_MS = 1_000  # between attempts to recover
OF_PLAYS = ("PLAY_START", "PLAY_END")
EPOCHS_AT_ONCE_MAX = 4  # that nacks and damage may begin between two starts: nobody fills a card with them


class Stamp(Fact):
    """When an entry was made (SPEC 9.2)."""

    at_ms: "int | None"
    tq: str
    rtc_ms: int
    mono_ms: int
    boot: int
    FIELDS = ("at_ms", "tq", "rtc_ms", "mono_ms", "boot")

    def __init__(self, at_ms: "int | None", tq: str, rtc_ms: int, mono_ms: int, boot: int) -> None:
        # Made for every entry, as are the two below.
        self.at_ms = at_ms
        self.tq = tq
        self.rtc_ms = rtc_ms
        self.mono_ms = mono_ms
        self.boot = boot


class Draft(Fact):
    """An entry that may have to be appended again; place is epoch and sequence number, None if it was made while the
    journal was unavailable.
    """

    place: "tuple[int, int] | None"
    kind: str
    body: "dict[str, Any]"
    stamp: Stamp
    FIELDS = ("place", "kind", "body", "stamp")

    def __init__(self, place: "tuple[int, int] | None", kind: str, body: "dict[str, Any]", stamp: Stamp) -> None:
        self.place = place
        self.kind = kind
        self.body = body
        self.stamp = stamp


class Position(Fact):
    """Epoch, size and head of a journal (SPEC 9.5)."""

    epoch: int
    size: int
    head: bytes
    FIELDS = ("epoch", "size", "head")

    def __init__(self, epoch: int, size: int, head: bytes) -> None:
        self.epoch = epoch
        self.size = size
        self.head = head


class JournalEnd:
    """Where the next entry goes."""

    def __init__(self, box: str) -> None:
        self.box = box
        self.boot = 0
        self.first = 0  # oldest entry of this epoch on the disk when the box started
        self._epochs_begun = 0
        self.is_available = False
        self.is_recovering = False  # asked for, and not answered
        self.retry_at_ms = 0
        self.position = Position(epoch=1, size=0, head=first_chain(box, 1))
        # What the fleet has acknowledged last, of whatever epoch.
        self.acked: Position | None = None
        self._known: Position | None = None  # the furthest place that was durable once (rule 3)
        self._in_flight: list[Draft] = []  # handed out, and not durable yet
        self._waiting: list[Draft] = []  # made while the journal was unavailable
        self._group_ms = 0  # when the first entry of the group was made (rule 5)

    def open(self, found: Position, known: "Position | None", damaged_at: "int | None") -> "dict[str, Any] | None":
        """Go on behind what was found on disk, or in a new epoch (rules 3, 4): then the body of its first entry.

        known: what the state record says was durable. damaged_at: the first entry before `found` that cannot be read.
        """
        self.is_available = True
        self.is_recovering = False
        self.position = found
        self._known = _furthest([self._known, known, self.acked])
        behind = _furthest([found, self._known])
        assert behind is not None, "it is one of the two"
        if damaged_at is not None and behind.epoch == found.epoch:
            return self.begin_epoch(behind, DAMAGED, damaged_at)
        if behind is found:
            return None
        return self.begin_epoch(behind, LOST, found.size if behind.epoch == found.epoch else 0)

    def begin_epoch(self, behind: Position, reason: str, at: int) -> "dict[str, Any]":
        """The next entry is the first of the epoch behind this place, whatever stands on disk; gives its body."""
        self._known = behind
        self.first = 0
        epoch = behind.epoch + 1
        self.position = Position(epoch=epoch, size=0, head=first_chain(self.box, epoch, behind.head, behind.size))
        return {"size": behind.size, "head": behind.head.hex(), "reason": reason, "at": at}

    def may_begin_epoch(self) -> bool:
        """Whether a nack or damage may begin another one; counts it."""
        self._epochs_begun += 1
        return self._epochs_begun <= EPOCHS_AT_ONCE_MAX

    @property
    def watermark(self) -> int:
        """Entries of this epoch that the fleet has acknowledged."""
        if self.acked is None or self.acked.epoch != self.position.epoch:
            return 0
        return self.acked.size

    def append(self, kind: str, body: "dict[str, Any]", stamp: Stamp, is_checked: bool = False) -> "Append | None":
        """The next entry; None while the journal is unavailable, then it is a draft. is_checked: `own_entry_bytes`."""
        if not self.is_available:
            self._waiting.append(Draft(None, kind, body, stamp))
            if len(self._waiting) > DRAFTS_MAX:
                self._waiting = _first_and_last(self._waiting)
            return None
        before = self.position
        epoch, seq = before.epoch, before.size
        is_apart = not self._in_flight or not 0 <= stamp.mono_ms - self._group_ms <= GROUP_MS_MAX
        if is_apart:
            self._group_ms = stamp.mono_ms
        self._in_flight.append(Draft((epoch, seq), kind, body, stamp))
        raw = own_entry_bytes(
            {
                "box": self.box,
                "epoch": epoch,
                "seq": seq,
                "kind": kind,
                "at_ms": stamp.at_ms,
                "tq": stamp.tq,
                "rtc_ms": stamp.rtc_ms,
                "mono_ms": stamp.mono_ms,
                "boot": stamp.boot,
                "body": body,
            },
            is_checked,
        )
        head = next_chain(before.head, seq, raw)
        self.position = Position(epoch, seq + 1, head)
        return Append(epoch, seq, raw, head, is_apart)

    def kept(self, entry: Append) -> None:
        """This entry is durable, and so are all before it."""
        place = (entry.epoch, entry.seq)
        self._known = Position(entry.epoch, entry.seq + 1, entry.chain)
        self._in_flight = [draft for draft in self._in_flight if draft.place is not None and draft.place > place]

    def fail(self, mono_ms: int) -> None:
        """Rule 1."""
        self.is_available = self.is_recovering = False
        self.retry_at_ms = mono_ms + RETRY_MS

    def must_recover(self, mono_ms: int) -> bool:
        """True once, then again after an answer and RETRY_MS."""
        if self.is_available or self.is_recovering or mono_ms < self.retry_at_ms:
            return False
        self.is_recovering = True
        return True

    def recover(self, found: Position, damaged_at: "int | None") -> "tuple[dict[str, Any] | None, list[Draft]]":
        """Go on behind what is durable: as `open`, and the drafts to be appended again (rule 2)."""
        durable = (found.epoch, found.size)
        lost = [draft for draft in self._in_flight if draft.place is not None and draft.place >= durable]
        begun = [draft.body for draft in lost if draft.kind == "EPOCH"]
        lost = _first_and_last([draft for draft in lost + self._waiting if draft.kind != "EPOCH"])
        self._in_flight, self._waiting = [], []
        opening = self.open(found, None, damaged_at)
        if opening is None and begun:  # nothing on disk says anew that its epoch was edited
            body = begun[-1]
            behind = Position(found.epoch, body["size"], bytes.fromhex(body["head"]))
            opening = self.begin_epoch(behind, body["reason"], body["at"])
        return opening, lost

    def stamp(self, clock: "Clock", now: "Now") -> Stamp:
        """The stamp of an entry that is made now."""
        return Stamp(clock.trusted_ms(now), clock.quality, rtc_instant(now), max(0, now.mono_ms), self.boot)


def _first_and_last(drafts: "list[Draft]") -> "list[Draft]":
    """All starts and ends of plays, and of each other kind, and what became of it, OF_KIND_MAX (rule 2)."""
    left: dict[tuple[str, object], int] = {}
    for draft in drafts:
        left[_kind_of(draft)] = left.get(_kind_of(draft), 0) + 1
    count = dict(left)
    kept: list[Draft] = []
    for draft in drafts:
        kind = _kind_of(draft)
        left[kind] -= 1
        is_first = count[kind] - left[kind] <= OF_KIND_MAX // 2
        if draft.kind in OF_PLAYS or is_first or left[kind] < OF_KIND_MAX // 2:
            kept.append(draft)
    return kept


def _kind_of(draft: Draft) -> "tuple[str, object]":
    return draft.kind, draft.body.get("result")


def _furthest(places: "list[Position | None]") -> "Position | None":
    """The first of those that nothing is beyond."""
    found = None
    for place in places:
        if place is not None and (found is None or (place.epoch, place.size) > (found.epoch, found.size)):
            found = place
    return found
