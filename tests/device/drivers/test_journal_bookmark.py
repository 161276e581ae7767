"""Recovery from a bookmark says what reading everything back says, and never more (`journal_bookmark.py`)."""

import hashlib
import json
import random
from collections.abc import Callable

import pytest

from device.core.recovery import recovered
from device.drivers.journal_bookmark import RECENT_ENTRIES, SLOTS
from device.drivers.journal_file import JournalFile
from device.drivers.journal_owner import Owner
from device.ports import Recovered
from tests.builders import BoardSecret
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import ANYBODY, BOX, Book

SEGMENT = 8_000


class CountingFolder(CrashFolder):
    """Counts the bytes that are read."""

    bytes_read = 0

    def read(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        data = super().read(name, offset, length)
        self.bytes_read += len(data)
        return data


def opened(disk: CrashFolder, now_s: list[float] | None = None) -> tuple[JournalFile, Recovered]:
    ticks = now_s or [0.0]
    journal = JournalFile(disk, ANYBODY, segment_bytes=SEGMENT, quota_bytes=10_000 * SEGMENT, mono_s=lambda: ticks[0])
    return journal, journal.recover()


def grown(book: Book, count: int, disk: CrashFolder | None = None) -> CrashFolder:
    """A journal that was tended as it grew."""
    disk = disk or CrashFolder()
    now_s = [0.0]
    journal, _ = opened(disk, now_s)
    for _ in range(count // 4):
        book.mono_ms = int(now_s[0] * 1000)
        journal.append(book.some(4))
        now_s[0] += 0.5
        if journal.needs_tending:
            journal.tend()
    return disk


def facts_of(found: Recovered) -> tuple[object, ...]:
    past = recovered(found.since_boot)
    plays = [(play.play, play.room, play.ran_ms) for play in past.open_plays]
    return found.epoch, found.size, found.head, past.last_at_ms, past.last_boot, plays


def without_bookmarks(disk: CrashFolder) -> CrashFolder:
    return CrashFolder({name: data for name, data in disk.files.items() if name not in SLOTS})


@pytest.mark.parametrize("seed", range(6))
def test_a_bookmark_saves_reading_and_changes_nothing(seed: int) -> None:
    book = Book(random.Random(seed), mono_ms=0)
    disk = grown(book, 400 + 100 * seed)
    marked, scanned = opened(disk)[1], opened(without_bookmarks(disk))[1]
    assert facts_of(marked) == facts_of(scanned)


def test_the_cost_of_recovery_does_not_grow_with_the_journal() -> None:
    book = Book(random.Random(5), kinds=("PLAY_START", "PLAY_END"), mono_ms=0)
    read = []
    disk = CrashFolder()
    opened(disk)[0].append(book.next("BOOT"))
    for count in (4_000, 8_000):
        disk = grown(book, count, disk)
        counting = CountingFolder(disk.files)
        _, found = opened(counting)
        read.append(counting.bytes_read)
        assert RECENT_ENTRIES <= len(found.since_boot) < RECENT_ENTRIES + 400
    assert max(read) < 1.1 * min(read) + 2 * SEGMENT


def test_an_open_play_from_long_ago_is_found() -> None:
    book = Book(mono_ms=0)
    disk = CrashFolder()
    now_s = [0.0]
    journal, _ = opened(disk, now_s)
    journal.append(book.next("BOOT", "PLAY_START"))
    (room,) = book.running
    play = book.running.pop(room)
    book.chance = random.Random(3)
    for _ in range(1_500):
        journal.append(book.next("REFUSED"))
        now_s[0] += 1
        if journal.needs_tending:
            journal.tend()
    found = opened(disk)[1]
    assert [open_play.play for open_play in recovered(found.since_boot).open_plays] == [play]
    assert len(found.since_boot) < 1_300


def by_box(value: dict[str, object]) -> bytes:
    return ANYBODY.with_code(json.dumps(value).encode())


def changed(**changes: object) -> Callable[[bytes], bytes]:
    """As the box itself never writes it: of another version, or from another place."""
    return lambda raw: by_box(json.loads(raw.splitlines()[0]) | changes)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda raw: raw[:-20],
        lambda raw: raw.replace(b'"boot"', b'"boat"'),
        lambda raw: b"\0" * len(raw),
        lambda raw: by_box({}),
        lambda raw: by_box({"epoch": 1, "last": None}),
        changed(head="0" * 64),
        changed(last=[0, 0, 0]),
        changed(last=[999, 0, 1_000]),
        changed(recent=[0, 7, 0]),
        changed(epoch=2),
        lambda raw: raw.replace(b'"boot":', b'"boot": ', 1),
        lambda raw: Owner(BOX, BoardSecret(b"another")).with_code(raw.splitlines()[0]),
        lambda raw: hashlib.sha256(raw.splitlines()[0]).hexdigest().encode() + b"\n" + raw.splitlines()[0] + b"\n",
        lambda _: ANYBODY.with_code(b"[]"),
        changed(last=[]),
        changed(last=[0, "x", 0]),
        changed(last=[0, -7, 0]),
        changed(recent=["q", 0, 0]),
        changed(boot="1"),
        changed(acked=[["1", "2"]]),
        changed(ended=5),
        changed(starts=[["1-0", 5]]),
        changed(starts=[["1-0", "nonsense"]]),
        changed(starts=[[7, "{}"]]),
    ],
)
def test_a_bookmark_that_is_wrong_is_not_believed(spoil: Callable[[bytes], bytes]) -> None:
    disk = grown(Book(mono_ms=0), 400)
    scanned = facts_of(opened(without_bookmarks(disk))[1])
    for slot in SLOTS:
        disk.files[slot] = bytearray(spoil(bytes(disk.files[slot])))
    assert facts_of(opened(disk)[1]) == scanned


def test_a_bookmark_that_names_a_true_place_is_believed_of_this_board_only() -> None:
    disk = grown(Book(kinds=("PLAY_START", "PLAY_END"), mono_ms=0), 4_000)
    scanned = facts_of(opened(disk)[1])
    lie = {"body": {"room": "K9", "song": "x", "kind": "guest"}, "kind": "PLAY_START", "epoch": 1, "seq": 1}
    starts = [["1-1", json.dumps(lie | {"at_ms": None, "mono_ms": 0, "boot": 1})]]
    true = {slot: bytes(disk.files[slot]) for slot in SLOTS}
    for board, is_believed in ((BoardSecret(), True), (BoardSecret(b"another"), False)):
        for slot, raw in true.items():
            line = json.dumps(json.loads(raw.splitlines()[0]) | {"starts": starts}).encode()
            disk.files[slot] = bytearray(Owner(BOX, board).with_code(line))
        assert (facts_of(opened(disk)[1]) != scanned) is is_believed


def test_a_bookmark_of_a_longer_journal_is_not_believed() -> None:
    book = Book(mono_ms=0)
    disk = grown(book, 200)
    put_back = {name: bytearray(data) for name, data in disk.files.items()}
    grown(book, 400, disk)
    put_back |= {slot: disk.files[slot] for slot in SLOTS}
    assert opened(CrashFolder(put_back))[1].size == 200


def test_a_spoilt_bookmark_leaves_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    book = Book(mono_ms=0)
    disk = grown(book, 4_000)
    for slot in SLOTS:
        one = CountingFolder(disk.files)
        one.files[slot] = bytearray(b"torn")
        assert opened(one)[1].size == 4_000
        assert one.bytes_read < sum(map(len, disk.files.values())) / 3


def test_a_new_epoch_takes_the_plays_that_run_along() -> None:
    book = Book(mono_ms=0)
    disk = CrashFolder()
    now_s = [0.0]
    journal, _ = opened(disk, now_s)
    journal.append(book.next("BOOT", "PLAY_START"))
    journal.tend()
    book.begin_epoch()
    journal.append(book.next("REFUSED"))
    for now_s[0] in (0.0, 100.0):
        journal.tend()
        found = opened(CrashFolder(disk.files))[1]
        assert (found.epoch, found.size) == (2, 1)
        assert [play.play for play in recovered(found.since_boot).open_plays] == ["1-1"]
