"""What a boot finds: journal, state record, counter, and whether the end before it was an orderly one.

1. The mark of an orderly end is removed, durably, before the core hears of it: it counts once, and of a journal that
   is there. A box that has neither journal nor record, and has never counted, has had no end before.
2. A damaged state record is set aside and counts as none; the core knows that a journal without one is damage.
"""

import os
from collections.abc import Callable

from device.core.events import Started
from device.core.recovery import recovered
from device.log import Log
from device.ports import Board, DriverError, Journal, StateStore
from device.protocol.journal import first_chain
from device.typed import Protocol

_CLEAN = "clean"
_log = Log(__name__)


class MarkFiles(Protocol):
    """What is needed of a folder. Calls raise OSError."""

    def names(self) -> list[str]: ...
    def remove(self, name: str) -> None: ...
    def sync_names(self) -> None: ...
    def replace(self, name: str, data: bytes) -> None: ...


class BootFacts:
    """Of one box with its disk and board."""

    def __init__(
        self,
        box: str,
        version: str,
        security_epoch: int,
        board: Board,
        journal: Journal,
        store: StateStore,
        marks: MarkFiles,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """chance: so many unguessable bytes."""
        self._box = box
        self._version = version
        self._security_epoch = security_epoch
        self._board = board
        self._journal = journal
        self._store = store
        self._marks = marks
        self._chance = chance

    def read(self) -> Started:
        """Everything at once; blocks. Raises DriverError, OSError: nothing is lost, ask again."""
        found = self._journal.recover()
        state = self._load_state()
        counter = self._board.counter.read()
        is_marked = _CLEAN in self._marks.names()
        if is_marked:
            self._marks.remove(_CLEAN)
            self._marks.sync_names()
        past = recovered(found.since_boot)
        return Started(
            version=self._version,
            security_epoch=self._security_epoch,
            slot=self._board.slots.running(),
            clean=is_marked if found.size else state is None and counter == 0,
            torn_bytes=found.torn_bytes,
            torn_sha256=found.torn_sha256,
            counter=counter,
            seed=self._chance(32),
            journal_epoch=found.epoch,
            journal_first=found.first,
            journal_size=found.size,
            journal_head=found.head or first_chain(self._box, found.epoch),
            journal_damaged_at=found.damaged_at,
            last_at_ms=past.last_at_ms,
            last_boot=past.last_boot,
            open_plays=past.open_plays,
            ended_plays=past.ended_plays,
            state=state,
        )

    def mark_orderly_end(self) -> None:
        """At CloseDown and Reboot, when journal and state are durable."""
        try:
            self._marks.replace(_CLEAN, b"")
        except OSError as error:
            _log.warning("no mark of an orderly end: %s", error)

    def _load_state(self) -> bytes | None:
        try:
            return self._store.load()
        except DriverError as error:
            if error.code != "STATE_DAMAGED":
                raise
            _log.error("%s", error)
            return None
