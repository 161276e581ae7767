"""The end of the journal: the next entry, and what a failure does (SPEC 9.2, 9.5, 9.7).

The core hands an entry out as an Append and goes on as if it were durable; the runtime holds back whatever
stands behind it until it is. If that fails:

1. the journal is unavailable: plays are refused, documents wait, and entries that must not be lost (an end
   of play, the seal) are drafted;
2. after recovery the drafts beyond the recovered size are appended again, with their first stamp. A
   PLAY_START among them never was allowed and is left out, and the end of such a play with it (`plays.py`).
3. A journal shorter than the state record knows it to have been has lost evidence: a new epoch begins at what
   was known, so no sequence number is ever used twice.
"""

from device.core.clock import rtc_instant
from device.core.effects import Append
from device.core.facts import Fact
from device.protocol.journal import Entry, first_chain, next_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.clock import Clock
    from device.core.events import Now

DRAFTS_MAX = 1_024  # entries kept for rule 2; more than the runtime ever has in flight
RETRY_MS = 5_000  # between attempts to recover


class Stamp(Fact):
    """When an entry was made (SPEC 9.2)."""

    at_ms: "int | None"
    tq: str
    rtc_ms: int
    mono_ms: int
    boot: int
    FIELDS = ("at_ms", "tq", "rtc_ms", "mono_ms", "boot")


class Draft(Fact):
    """An entry that may have to be appended again; seq is None if it was made while the journal was unavailable."""

    seq: "int | None"
    kind: str
    body: "dict[str, Any]"
    stamp: Stamp
    FIELDS = ("seq", "kind", "body", "stamp")


class Position(Fact):
    """Epoch, size and head of a journal (SPEC 9.5)."""

    epoch: int
    size: int
    head: bytes
    FIELDS = ("epoch", "size", "head")


class JournalEnd:
    """Where the next entry goes."""

    def __init__(self, box: str) -> None:
        self.box = box
        self.boot = 0
        self.is_available = False
        self.retry_at_ms = 0
        self.position = Position(epoch=1, size=0, head=first_chain(box, 1))
        # What the fleet has acknowledged last, of whatever epoch.
        self.acked: Position | None = None
        self._drafts: list[Draft] = []

    def open(self, found: Position, known: "Position | None") -> None:
        """Go on behind what was found on disk; `known` is what the state record says was durable (rule 3)."""
        self.is_available = True
        self.position = found
        if known is None or (found.epoch, found.size) >= (known.epoch, known.size):
            return
        epoch = known.epoch + 1
        self.position = Position(epoch=epoch, size=0, head=first_chain(self.box, epoch, known.head, known.size))

    @property
    def watermark(self) -> int:
        """Entries of this epoch that the fleet has acknowledged."""
        if self.acked is None or self.acked.epoch != self.position.epoch:
            return 0
        return self.acked.size

    def append(self, kind: str, body: "dict[str, Any]", stamp: Stamp) -> "Append | None":
        """The next entry; None while the journal is unavailable, then it is a draft."""
        seq = self.position.size if self.is_available else None
        self._drafts.append(Draft(seq=seq, kind=kind, body=body, stamp=stamp))
        if len(self._drafts) > 2 * DRAFTS_MAX:
            self._drafts = self._drafts[-DRAFTS_MAX:]
        if not self.is_available:
            return None
        raw = Entry(
            box=self.box,
            epoch=self.position.epoch,
            seq=self.position.size,
            kind=kind,
            at_ms=stamp.at_ms,
            tq=stamp.tq,
            rtc_ms=stamp.rtc_ms,
            mono_ms=stamp.mono_ms,
            boot=stamp.boot,
            body=body,
        ).encode()
        before = self.position
        head = next_chain(before.head, before.size, raw)
        self.position = Position(epoch=before.epoch, size=before.size + 1, head=head)
        return Append(epoch=before.epoch, seq=before.size, entry=raw, chain=head)

    def fail(self, mono_ms: int) -> None:
        """Rule 1."""
        self.is_available = False
        self.retry_at_ms = mono_ms + RETRY_MS

    def recover(self, found: Position) -> "list[Draft]":
        """Go on behind what is durable; returns the drafts to be appended again (rule 2)."""
        lost = [draft for draft in self._drafts if draft.seq is None or draft.seq >= found.size]
        self._drafts = []
        self.open(found, self.acked)
        return lost

    def stamp(self, clock: "Clock", now: "Now") -> Stamp:
        """The stamp of an entry that is made now."""
        return Stamp(
            at_ms=clock.trusted_ms(now),
            tq=clock.quality,
            rtc_ms=rtc_instant(now),
            mono_ms=max(0, now.mono_ms),
            boot=self.boot,
        )
