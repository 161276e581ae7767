"""Every disk that a power cut could leave of journal and state record, and what must be true of each.

    run(10_000, seed=1)                                  # raises AssertionError with the seed that shows it again

A venue's life is written on a disk that forgets what was not synced (`crash_folder.py`): groups of entries, segments
that fill up, bookmarks, acks and what they let go, failing calls, restarts, new epochs, state records. Then the power
is cut behind every operation. Whatever is left:

1. Every acknowledged entry is there, and every one that the fleet does not hold; what is behind them was written so.
2. The chain holds; the plays that run are the ones that a reading of everything gives.
3. Torn bytes are kept and said, and no cut is called damage. Recovering again changes nothing, and appending goes on.
4. The state record is the last one saved, or the one that was being saved.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from device.core.recovery import recovered
from device.drivers import journal_segment as segments
from device.drivers.journal_file import JournalFile
from device.drivers.state_store import StateStore
from device.ports import DriverError, Frame, Recovered
from device.protocol import journal
from device.protocol.limits import GROUP_MS_MAX
from tests.builders import BoardSecret
from tests.device.drivers.crash_folder import CrashFolder, Files
from tests.device.drivers.journal_builders import ANYBODY, BOX, Book

STEPS = 30
STATES_OF_A_LIFE_MAX = 400
AGAIN_EVERY = 40  # states after which the power is cut a second time, while the first cut is being mended
FAILING = ("write", "sync", "rename", "sync_names", "remove")


@dataclass
class Facts:
    """What has been promised up to a point of a life."""

    durable: tuple[int, int] = (1, 0)  # epoch and size
    acked: dict[int, int] = field(default_factory=dict)


class Life:
    """Some thirty steps; the seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.disk = CrashFolder()
        self.segment_bytes = self.chance.choice((700, 1_400, 2_800))
        self.book = Book(self.chance)
        self.book.mono_ms = 0
        self.now_s = 0.0
        self.written: dict[int, list[Frame]] = {1: []}  # by epoch, as acknowledged
        self.attempted: set[bytes] = set()  # chain values
        self.state_disk = CrashFolder()
        self.records = [b""]  # before the first there is none
        self.facts = Facts()
        self.journal = self.open()

    def run(self) -> None:
        steps: list[Callable[[], None]] = [self.append] * 14
        steps += [self.tend] * 5 + [self.acknowledge] * 3 + [self.save] * 3
        steps += [self.fail, self.restart, self.begin_epoch]
        for _ in range(STEPS):
            self.chance.choice(steps)()

    def open(self) -> JournalFile:
        opened = opened_on(self.disk, self.segment_bytes, lambda: self.now_s)
        self.found = opened.recover()
        return opened

    def append(self) -> None:
        """One group: made within GROUP_MS_MAX, as the core sees to, and long after the one before or at once."""
        self.book.mono_ms = (self.book.mono_ms or 0) + self.chance.choice((0, 1, GROUP_MS_MAX, 60_000))
        began_ms, frames = self.book.mono_ms, list[Frame]()
        for _ in range(self.chance.randrange(1, 5)):
            self.book.mono_ms = self.chance.randrange(self.book.mono_ms, began_ms + GROUP_MS_MAX + 1)
            frames += self.book.some(1)
        self.attempted.update(frame.chain for frame in frames)
        self.journal.append(frames)
        self.written[self.book.epoch] += frames
        self.tell(durable=(self.book.epoch, self.book.size))

    def tend(self) -> None:
        self.now_s += self.chance.choice((0.5, 2.0, 100.0))
        self.journal.tend()

    def acknowledge(self) -> None:
        """Not before the entry is durable: the feed reads nothing else."""
        epoch, size = self.facts.durable
        acked = self.chance.randrange(self.facts.acked.get(epoch, 0), size + 1)
        self.tell(acked=self.facts.acked | {epoch: acked})
        self.journal.acknowledged(epoch, acked)
        self.tend()

    def save(self) -> None:
        self.records.append(b"%d" % len(self.records) * self.chance.randrange(1, 400))
        StateStore(self.state_disk, BoardSecret()).save(self.records[-1])
        self.state_disk.acknowledge(len(self.records) - 1)

    def fail(self) -> None:
        """A call fails; recovery believes what was durable before, and nothing else."""
        self.disk.fail_at = self.chance.choice(FAILING)
        try:
            self.append()
        except DriverError:
            self.disk.fail_at = None
            self.go_on(self.journal.recover())
        else:
            self.disk.fail_at = None

    def restart(self) -> None:
        self.journal = self.open()
        self.go_on(self.found)

    def go_on(self, found: Recovered) -> None:
        assert (found.epoch, found.size) == self.facts.durable, f"{self.facts.durable}, then {found.epoch, found.size}"
        last = self.written[found.epoch][-1:]
        chain = last[0].chain if last else journal.first_chain(BOX, found.epoch)
        running = {play.room: play.play for play in recovered(found.since_boot).open_plays}
        self.book.go_back(found.epoch, found.size, chain, running)

    def begin_epoch(self) -> None:
        if self.facts.durable[1]:
            self.book.begin_epoch()
            self.written[self.book.epoch] = []
            self.append()

    def tell(self, **changes: Any) -> None:
        self.facts = Facts(**(vars(self.facts) | changes))
        self.disk.acknowledge(self.facts)

    def check(self, files: Files, facts: Facts) -> CrashFolder:
        """Rules 1 to 3; gives the disk back as the check leaves it."""
        disk = CrashFolder(files)
        torn, of_epoch = torn_on(disk)
        opened = opened_on(disk, self.segment_bytes)
        found = opened.recover()
        assert found.damaged_at is None, f"a cut is called damage at {found.damaged_at}"
        assert found.torn_bytes >= torn or of_epoch != found.epoch, f"{torn} torn bytes, {found.torn_bytes} are said"
        frames = list(opened.read(found.first, 1 << 20, 1 << 30)) if found.size else []
        self.check_entries(disk, found, frames, facts)
        self.check_plays(found, frames)
        again = opened_on(disk, self.segment_bytes).recover()
        assert again == found, f"recovered again: {again} after {found}"
        book = Book.behind(found.epoch, found.size, found.head)
        book.mono_ms = 0
        (frame,) = book.next("REFUSED")
        self.attempted.add(frame.chain)
        opened.append([frame])
        assert opened.read(found.size, 9, 1 << 20) == [frame], "appending does not go on"
        return disk

    def check_record(self, files: Files, saved: int) -> None:
        """Rule 4."""
        found = StateStore(CrashFolder(files), BoardSecret()).load() or b""
        assert found in self.records[saved : saved + 2], f"state record after {saved} were saved"

    def check_entries(self, disk: CrashFolder, found: Recovered, frames: list[Frame], facts: Facts) -> None:
        epoch, size = facts.durable
        assert (found.epoch, found.size) >= (epoch, size), f"{found.epoch, found.size}, acknowledged {epoch, size}"
        assert found.first <= facts.acked.get(found.epoch, 0), f"from {found.first}, the fleet holds {facts.acked}"
        known = self.written[epoch][found.first : size] if found.epoch == epoch else []
        assert frames[: len(known)] == known, "an acknowledged entry differs"
        assert all(frame.chain in self.attempted for frame in frames), "an entry that nobody wrote"
        for before, after in itertools.pairwise(frames):
            assert journal.next_chain(before.chain, after.seq, after.entry) == after.chain, f"chain at {after.seq}"
        for older in range(1, found.epoch):
            kept = frames_of(disk, older)
            wanted = [frame for frame in self.written[older] if frame.seq >= facts.acked.get(older, 0)]
            assert not wanted or kept[-len(wanted) :] == wanted, f"entries of epoch {older}"

    def check_plays(self, found: Recovered, frames: list[Frame]) -> None:
        before = [frame for epoch in range(1, found.epoch) for frame in self.written[epoch]]
        before += self.written[found.epoch][: found.first] if found.epoch in self.written else []
        everything = recovered(frame.entry for frame in [*before, *frames])
        told = recovered(found.since_boot)
        plays = [{play.play for play in past.open_plays} for past in (told, everything)]
        assert plays[0] == plays[1], f"plays that run: {plays[0]}, not {plays[1]}"
        assert told.last_at_ms == everything.last_at_ms


def opened_on(disk: CrashFolder, segment_bytes: int, mono_s: Callable[[], float] = lambda: 0.0) -> JournalFile:
    """With room for everything, where entries that the fleet holds go at once."""
    quota = 10_000 * segment_bytes
    return JournalFile(disk, ANYBODY, segment_bytes=segment_bytes, quota_bytes=quota, kept_ms=0, mono_s=mono_s)


def torn_on(disk: CrashFolder) -> tuple[int, int]:
    """How many bytes a cut has left behind the end, and in which epoch."""
    known = segments.segments_of(disk)
    if not known:
        return 0, 0
    raw = disk.read(known[-1].name)
    return len(segments.torn_bytes(raw, segments.scan(raw, known[-1])[1])), known[-1].epoch


def frames_of(disk: CrashFolder, epoch: int) -> list[Frame]:
    """What is on disk of an epoch that has ended."""
    of_epoch = [segment for segment in segments.segments_of(disk) if segment.epoch == epoch]
    counts = [after.first - segment.first for segment, after in itertools.pairwise(of_epoch)] + [None]
    parts = [segments.scan(disk.read(one.name), one, count)[0] for one, count in zip(of_epoch, counts, strict=False)]
    return [frame for part in parts for frame in part]


def run(count: int, seed: int) -> int:
    """At least `count` states of as many lives as that takes; returns how many. Raises AssertionError."""
    checked, number = 0, 0
    while checked < count:
        of_life = seed * 1_000_000 + number
        number += 1
        try:
            checked += _live(of_life, count - checked)
        except Exception as error:  # whatever falls over is a broken promise, and must name its seed
            raise AssertionError(f"crash states, life {of_life}, state {checked}: {error!r}") from error
    return checked


def _live(seed: int, count: int) -> int:
    life = Life(seed)
    life.run()
    records = _some(list(life.state_disk.crash_states(life.chance)), STATES_OF_A_LIFE_MAX // 8, life.chance)
    for files, saved in records:
        life.check_record(files, saved)
    checked = len(records)
    for files, facts in _some(list(life.disk.crash_states(life.chance)), STATES_OF_A_LIFE_MAX, life.chance):
        disk = life.check(files, facts or Facts())
        checked += 1
        if checked % AGAIN_EVERY == 0:
            for left, _ in _some(list(disk.crash_states(life.chance)), 8, life.chance):
                life.check(left, facts or Facts())
                checked += 1
        if checked >= count:
            break
    return checked


def _some(states: list[tuple[Files, Any]], count: int, chance: random.Random) -> list[tuple[Files, Any]]:
    return states if len(states) <= count else chance.sample(states, count)
