"""Rules broken one at a time: for each, a named part must turn red, or that part proves nothing.

    seen_by(number)      # what the part of that mutant says; empty if it does not see it

The owners of rules break their own (`*_mutations.py` beside the tests of the core and the drivers); here stand those
that lie between owners.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from device.core import box, events, holds, seal, start
from device.drivers import catalog_file, journal_recovery, journal_salvage, journal_segment, state_store
from device.protocol import journal
from device.services import journal_feed
from tests.device.drivers.crash_folder import CrashFolder
from tests.simulation import fleet
from tests.simulation.disk import SimulatedFolder
from tests.soak.parts import PARTS, fault_of

STALE = ("TypeError(", "AttributeError(", "NameError(")  # a mutant that does not fit the code any more proves nothing


@dataclass(frozen=True)
class Mutation:
    """Inside `breaks()` the part must raise AssertionError within `count` from `seed` on."""

    name: str
    breaks: Callable[[], AbstractContextManager[None]]
    part: str
    count: int
    seed: int


@contextmanager
def patched(*changes: tuple[object, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        yield


def no_fsync() -> AbstractContextManager[None]:
    """It is called and does nothing."""

    def nothing(_folder: CrashFolder, _name: str) -> None: ...

    return patched((CrashFolder, "sync", nothing), (SimulatedFolder, "sync", nothing))


def no_crc() -> AbstractContextManager[None]:
    return patched((journal, "binascii", _NoCrc))


class _NoCrc:
    @staticmethod
    def crc32(_data: bytes) -> int:
        return 0


def no_chain() -> AbstractContextManager[None]:
    """The reader takes every chain value as it stands."""

    def nothing_to_compare(_chain: bytes, _seq: int, _raw: bytes) -> "_Equal":
        return _Equal()

    return patched((journal_segment, "journal", _Taken(nothing_to_compare)))


class _Taken:
    """The protocol's journal, but for the chain."""

    def __init__(self, next_chain: Callable[[bytes, int, bytes], Any]) -> None:
        self.next_chain = next_chain

    def __getattr__(self, name: str) -> Any:
        return getattr(journal, name)


class _Equal:
    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def no_counter() -> AbstractContextManager[None]:
    """Any record is taken for the last one."""
    return patched((start, "is_put_back", lambda *_counts: False))


def no_mac() -> AbstractContextManager[None]:
    return patched((state_store, "authentic", lambda _secret, _purpose, blob: blob.rpartition(b"\n")[0]))


def any_resume_ends_any_hold() -> AbstractContextManager[None]:
    """A lock that is one switch: whoever resumes, resumes everything."""
    end = holds.Holds.end

    def ended(self: holds.Holds, kind: str, orders: Any, authority: str, at_ms: int) -> list[str]:
        everything = [hold.order for hold in self.all_holds() if hold.kind == kind]
        return end(self, kind, [*orders, *everything], "000000", at_ms)

    return patched((holds.Holds, "end", ended))


def a_hold_is_not_kept() -> AbstractContextManager[None]:
    """Holds live in memory alone."""
    return patched((holds.Holds, "all_holds", lambda _self: []))


def rooms_are_not_stopped() -> AbstractContextManager[None]:
    return patched((holds.Holds, "is_room_locked", lambda *_arguments: False))


def a_stop_of_rooms_locks_the_venue() -> AbstractContextManager[None]:
    return patched((holds.Hold, "is_of_venue", property(lambda hold: hold.kind == "stop")))


def a_seal_that_is_closed_again_was_never_open() -> AbstractContextManager[None]:
    def opened(self: seal.Seal, counter: int) -> None:
        self.opening = max(counter, self.opening + 1)

    return patched((seal.Seal, "opened", opened))


def a_second_box_is_nobodys_business() -> AbstractContextManager[None]:
    return patched((fleet, "INCIDENTS", frozenset()))


def open_plays_stay_open() -> AbstractContextManager[None]:
    return patched((start, "end_by_power", lambda *_arguments: None))


def no_page_hash() -> AbstractContextManager[None]:
    return patched((catalog_file, "sha256", _Agreeable))


class _Agreeable:
    """A hash that is whatever it is compared with."""

    def __init__(self, _data: object) -> None: ...

    def digest(self) -> _Equal:
        return _Equal()

    def hexdigest(self) -> _Equal:
        return _Equal()


def ended_epochs_owe_nothing() -> AbstractContextManager[None]:
    return patched((journal_salvage.EndedEpochs, "unsent", lambda _self: []))


def damage_ends_no_epoch() -> AbstractContextManager[None]:
    return patched((box, "HANDLERS", box.HANDLERS | {events.JournalDamaged: lambda _turn, _event: None}))


def a_start_takes_damage_for_a_tear() -> AbstractContextManager[None]:
    return patched((journal_recovery, "_behind_damage", lambda *_what: []))


def a_flip_in_the_last_group_is_its_tear() -> AbstractContextManager[None]:
    return patched((journal_recovery, "_is_full", lambda *_hole: False))


def an_entry_that_cannot_be_read_is_left_out_unsaid() -> AbstractContextManager[None]:
    """The chain goes on over the gap, as if nothing had stood there."""
    return patched((journal, "chain_behind_gap", lambda *_place: bytes(32)))


def an_ended_epoch_is_sent_as_the_current_one() -> AbstractContextManager[None]:
    fitting = journal_feed.JournalFeed._fitting

    def fitted(self: journal_feed.JournalFeed, epoch: int, frames: Any, chain: Any) -> Any:
        with patch.object(self, "_epoch", epoch):
            return fitting(self, epoch, frames, chain)

    return patched((journal_feed.JournalFeed, "_fitting", fitted))


NAMED = (
    Mutation("no fsync", no_fsync, "years", 24, 1),
    Mutation("no CRC", no_crc, "journal-flips", 400, 1),
    Mutation("no counter", no_counter, "images", 60, 1),
    Mutation("any resume ends any hold", any_resume_ends_any_hold, "years", 24, 1),
)
OURS = (
    *NAMED,
    Mutation("no chain", no_chain, "journal-flips", 400, 1),
    Mutation("no MAC of the record", no_mac, "state-flips", 200, 1),
    Mutation("holds are not kept", a_hold_is_not_kept, "years", 24, 1),
    Mutation("rooms are not stopped", rooms_are_not_stopped, "years", 24, 1),
    Mutation("a stop of rooms locks the venue", a_stop_of_rooms_locks_the_venue, "years", 24, 1),
    Mutation("a seal that is closed again was never open", a_seal_that_is_closed_again_was_never_open, "years", 24, 2),
    Mutation("a second box is nobody's business", a_second_box_is_nobodys_business, "years", 24, 3),
    Mutation("open plays stay open", open_plays_stay_open, "years", 24, 1),
    Mutation("ended epochs owe nothing", ended_epochs_owe_nothing, "damaged-entries", 2, 2),
    Mutation("damage ends no epoch", damage_ends_no_epoch, "damaged-entries", 2, 2),
    Mutation("a start takes damage for a tear", a_start_takes_damage_for_a_tear, "damaged-entries", 2, 2),
    Mutation("a flip in the last group is its tear", a_flip_in_the_last_group_is_its_tear, "damaged-entries", 2, 1),
    Mutation("a gap is not said", an_entry_that_cannot_be_read_is_left_out_unsaid, "damaged-entries", 2, 2),
    Mutation(
        "an ended epoch is sent as the current one", an_ended_epoch_is_sent_as_the_current_one, "damaged-entries", 2, 2
    ),
    Mutation("no page hash", no_page_hash, "catalog-flips", 600, 1),
)
_OWNERS = (
    ("tests.device.drivers.journal_mutations", "crash-states", 5_000),
    ("tests.device.core.clock_mutations", "clock-scripts", 1_500),
    ("tests.device.core.holds_mutations", "images", 400),
)


def _of_owners() -> list[Mutation]:
    found = []
    for module, part, count in _OWNERS:
        if importlib.util.find_spec(module) is not None:
            table = importlib.import_module(module).MUTATIONS
            found += [Mutation(name.replace("_", " "), breaks, part, count, 1) for name, breaks in table.items()]
    return found


MUTATIONS = (*OURS, *_of_owners())


def seen_by(number: int) -> str:
    """The first line of what its part said of a mutant (of `MUTATIONS`); empty if it said nothing."""
    mutation = MUTATIONS[number]
    part = next(part for part in PARTS if part.name == mutation.part)
    if not part.is_here():
        return ""
    with mutation.breaks():
        fault = fault_of(lambda: part.run(mutation.count, mutation.seed)).partition("\n")[0][:160]
    return "" if any(error in fault for error in STALE) else fault
