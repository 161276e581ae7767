"""Entries that follow each other, as a box writes them: boots, starts and ends of plays, dated.

book = Book()
writer.append(book.next("BOOT", "PLAY_START"))
"""

import json
import random
from collections.abc import Sequence
from typing import Any

from device.drivers.journal_owner import Owner
from device.ports import Frame
from device.protocol import journal
from tests import builders

BOX = "KTV-0001"
NOON_MS = 1_790_000_000_000


class Anybody(Owner):
    """Takes the short entries of these tests for its own; those of the box are forged in `test_forged_entries.py`."""

    def entry_of(self, frame: Frame) -> dict[str, Any] | None:
        return None if b'"body": 7' in frame.entry else dict(json.loads(frame.entry))

    def would_send(self, _entry: bytes) -> bool:
        return True


ANYBODY = Anybody(BOX, builders.BoardSecret())
OWNER = Owner(builders.BOX, builders.BoardSecret())
KINDS = ("PLAY_START",) * 10 + ("PLAY_END",) * 8 + ("REFUSED", "REFUSED", "BOOT")


class Book:
    """Writes on where it stands. `running`: plays that began and have not ended, by room. `mono_ms`: the stamp of what
    comes next, if it is to have one.
    """

    def __init__(
        self, chance: random.Random | None = None, kinds: Sequence[str] = KINDS, mono_ms: int | None = None
    ) -> None:
        self.chance = chance or random.Random(0)
        self.kinds = kinds
        self.epoch, self.size = 1, 0
        self.chain = journal.first_chain(BOX, 1)
        self.at_ms = NOON_MS
        self.running: dict[str, str] = {}
        self.mono_ms = mono_ms

    @classmethod
    def behind(cls, epoch: int, size: int, chain: bytes) -> "Book":
        """One that goes on where a journal ends."""
        book = cls()
        book.epoch, book.size = epoch, size
        book.chain = chain or journal.first_chain(BOX, epoch)
        return book

    def next(self, *kinds: str) -> list[Frame]:
        return [self._frame(kind) for kind in kinds]

    def some(self, count: int) -> list[Frame]:
        """Whatever a venue does; the first entry of all is a BOOT."""
        return [self._frame(self._kind()) for _ in range(count)]

    def begin_epoch(self) -> None:
        """Behind where it stands now, as the core does when the journal was put back."""
        self.epoch += 1
        self.chain = journal.first_chain(BOX, self.epoch, self.chain, self.size)
        self.size = 0

    def go_back(self, epoch: int, size: int, chain: bytes, running: dict[str, str]) -> None:
        """Forget what was never durable."""
        self.epoch, self.size, self.chain, self.running = epoch, size, chain, running

    def _kind(self) -> str:
        if self.epoch == 1 and self.size == 0:
            return "BOOT"
        return self.chance.choice(self.kinds)

    def _frame(self, kind: str) -> Frame:
        room, song = f"K{self.chance.randrange(6)}", "x" * self.chance.randrange(60)
        body: dict[str, object] = {"room": room, "song": song, "kind": "guest"}
        if (kind == "PLAY_START" and room in self.running) or (kind == "BOOT" and self.running):
            kind = "PLAY_END"
        if kind == "PLAY_END":
            room = room if room in self.running else self.chance.choice(sorted(self.running) or [""])
            kind = kind if room else "REFUSED"
        if kind == "PLAY_END":
            body = {"play": self.running.pop(room), "counted": True}
        elif kind == "PLAY_START":
            self.running[room] = f"{self.epoch}-{self.size}"
        elif kind == "BOOT":
            self.running.clear()
        self.at_ms += 1_000
        entry = {"at_ms": self.at_ms, "body": body, "boot": 1, "epoch": self.epoch, "kind": kind, "seq": self.size}
        if self.mono_ms is not None:
            entry["mono_ms"] = self.mono_ms
        raw = json.dumps(entry, separators=(",", ":")).encode()
        self.chain = journal.next_chain(self.chain, self.size, raw)
        frame = Frame(self.epoch, self.size, raw, self.chain)
        self.size += 1
        return frame
