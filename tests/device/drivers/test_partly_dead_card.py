"""A card that is partly dead: one bad place is not the end of the journal (SPEC 9.6, 9.13)."""

import errno
from pathlib import Path

import pytest

from device.core import events as on
from device.core.journal import RETRY_MS
from device.drivers.journal_bookmark import RECENT_ENTRIES
from device.drivers.journal_file import JournalFile
from device.drivers.journal_segment import BLOCK_BYTES, HELD, SPARE, Segment
from device.ports import DriverError, Frame, Recovered
from device.protocol import journal
from tests.device.drivers.journal_builders import ANYBODY, BOX, Book
from tests.device.drivers.partly_dead_folder import PartlyDeadFolder
from tests.device.drivers.test_journal_salvage import begin_epoch, place_of
from tests.device.services.lan_rig import lan_rig

SEGMENT = 8 * BLOCK_BYTES
FIRST = Segment(1, 0).name


def opened_on(disk: PartlyDeadFolder) -> JournalFile:
    return JournalFile(disk, ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT)


class Evening:
    """A writer that recovers where it must, as the core has it do; `durable` is what was answered."""

    def __init__(self, disk: PartlyDeadFolder) -> None:
        self.journal = opened_on(disk)
        self.found = self.journal.recover()
        self.book = Book()
        self.durable: list[Frame] = []
        self.failed = 0

    def write(self, groups: int, of: int = 3) -> None:
        for _ in range(groups):
            frames = self.book.some(of)
            try:
                self.journal.append(frames)
                self.durable += frames
            except DriverError:
                self.failed += 1
                assert self.failed < 5, "it goes on at the same place over and over"
                self.found = self.journal.recover()
                self.book.go_back(1, self.found.size, self.found.head or journal.first_chain(BOX, 1), {})
                assert (self.found.size, self.found.damaged_at) == (len(self.durable), None)


def read_all(opened: JournalFile) -> list[Frame]:
    found: list[Frame] = []
    while part := opened.read(len(found), 1_000, 1 << 20):
        found += part
    return found


def started(disk: PartlyDeadFolder) -> tuple[Recovered, JournalFile]:
    opened = opened_on(disk)
    return opened.recover(), opened


@pytest.mark.parametrize("block", [0, 1, 3, 7])
def test_9_6_where_a_block_takes_no_write_the_journal_goes_on_in_the_next_segment(block: int) -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    disk.dead = {FIRST: {block}}
    evening.write(400)
    assert 1 <= evening.failed <= 3
    assert (HELD[0] in disk.names()) == (block == 0), "a file without an entry keeps its blocks under another name"
    assert read_all(evening.journal) == evening.durable
    for _ in range(2):
        found, again = started(disk)
        assert (found.size, found.damaged_at) == (len(evening.durable), None)
        assert read_all(again) == evening.durable
    evening.write(3)
    assert read_all(started(disk)[1]) == evening.durable


def test_9_6_one_failure_may_be_of_the_moment() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(1)
    disk.dead = {FIRST: {0}}
    evening.write(1)
    disk.dead = {}
    evening.write(1)
    assert [name for name in disk.names() if name.endswith(".fbj")] == [FIRST]


def test_9_6_what_a_failed_append_left_behind_the_end_of_its_segment_is_nobodys() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(5)
    disk.dead = {FIRST: {1}}
    failed = evening.book.some(40)
    with pytest.raises(DriverError):
        evening.journal.append(failed)
    disk.dead = {FIRST: {0}}  # so it takes no zeros either
    found = evening.journal.recover()
    evening.book = Book.behind(1, found.size, found.head)
    evening.write(5)
    assert (found.size, Segment(1, 15).name in disk.names()) == (15, True)
    assert failed[2].entry in bytes(disk.files[FIRST])
    assert read_all(started(disk)[1]) == evening.durable
    begin_epoch(evening.journal, evening.book, len(evening.durable), evening.durable[-1].chain)
    assert evening.journal.ended.read(1, 0, 1_000, 1 << 20) == evening.durable
    assert not set(failed) & set(evening.durable)


def test_9_13_entries_in_a_block_that_cannot_be_read_any_more_are_known_to_be_gone_while_the_box_runs() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(60)
    disk.dead, disk.destroys = {FIRST: {len(bytes(disk.files[FIRST]).rstrip(b"\0")) // BLOCK_BYTES}}, True
    with pytest.raises(DriverError):
        evening.journal.append(evening.book.some(1))
    found = evening.journal.recover()
    assert (found.size < len(evening.durable), found.damaged_at) == (True, found.size)


def test_9_13_at_a_start_a_block_behind_the_end_that_cannot_be_read_is_damage() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(60)
    last = len(bytes(disk.files[FIRST]).rstrip(b"\0")) // BLOCK_BYTES
    disk.unreadable = {FIRST: {last}}
    found, again = started(disk)
    assert 0 < found.size < len(evening.durable)
    assert found.damaged_at == found.size
    assert [frame.entry for frame in again.read(0, found.size, 1 << 20)] == [
        frame.entry for frame in evening.durable[: found.size]
    ]
    begin_epoch(again, Book.behind(1, found.size, found.head), found.size, found.head)
    assert again.ended.read(1, 0, 1_000, 1 << 20) == evening.durable[: found.size]
    assert (started(disk)[0].epoch, started(disk)[0].damaged_at) == (2, None)


def test_9_13_an_epoch_whose_first_block_cannot_be_read_is_not_forgotten() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(10)
    begin_epoch(evening.journal, evening.book, 30, evening.durable[-1].chain)
    evening.write(2)
    disk.unreadable = {Segment(2, 0).name: {0}}
    found, _ = started(disk)
    assert (found.epoch, found.size, found.damaged_at) == (2, 0, 0)
    assert Segment(2, 0).name in disk.names()


@pytest.mark.parametrize("is_flip", [True, False])
def test_9_13_what_is_whole_before_two_damages_is_not_given_up_with_the_end(is_flip: bool) -> None:
    """A flip in a segment, and the next one holds a single entry, which a bookmark names, and that is gone as well."""
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    while len([name for name in disk.names() if name.endswith(".fbj")]) < 2:
        evening.write(1, of=1)
    if is_flip:
        evening.journal._marked = (0, -1e9)
        evening.journal.tend()
    frames = evening.durable
    last, flipped = Segment(1, len(frames) - 1).name, place_of(disk, frames[5])[1]
    disk.files[FIRST][flipped + 60] ^= 4
    if is_flip:
        disk.files[last][60] ^= 4
    else:
        disk.unreadable = {last: {0}}
    found, again = started(disk)
    assert (found.size, found.damaged_at, found.head) == (len(frames) - 1, 5, frames[-2].chain)
    begin_epoch(again, Book.behind(1, found.size, found.head), found.size, found.head)
    assert again.ended.read(1, 0, 1_000, 1 << 20) == frames[:5]
    assert again.ended.read(1, 5, 1_000, 1 << 20) == frames[6:-1]


def test_9_13_of_a_segment_with_an_unreadable_block_all_others_are_read() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(60)
    disk.unreadable = {FIRST: {1}}
    found, again = started(disk)
    assert (found.size, 0 < (found.damaged_at or 0) < found.size) == (len(evening.durable), True)
    begin_epoch(again, Book.behind(1, found.size, found.head), found.size, found.head)
    before = again.ended.read(1, 0, 1_000, 1 << 20)
    behind = again.ended.read(1, before[-1].seq + 1, 1_000, 1 << 20)
    assert before == evening.durable[: len(before)]
    assert behind == evening.durable[behind[0].seq :]
    assert behind[0].seq > before[-1].seq + 1


def test_9_6_an_unreadable_block_where_nothing_was_written_yet_is_no_damage() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(10)
    disk.unreadable = {FIRST: {5}}
    found, again = started(disk)
    assert (found.size, found.damaged_at) == (30, None)
    book = Book.behind(1, 30, found.head)
    more = book.some(4)
    again.append(more)
    assert read_all(again) == evening.durable + more
    assert read_all(started(disk)[1]) == evening.durable + more


def test_9_13_an_unreadable_block_that_a_start_need_not_read_is_no_damage_behind_the_end() -> None:
    disk = PartlyDeadFolder()
    writer = JournalFile(disk, ANYBODY)
    writer.recover()
    frames = Book().some(3 * RECENT_ENTRIES // 2)
    writer.append(frames)
    writer._marked = (0, -1e9)
    writer.tend()
    disk.unreadable = {FIRST: {0}}
    again = JournalFile(disk, ANYBODY)
    found = again.recover()
    assert (found.size, found.damaged_at) == (len(frames), None)
    assert [name for name in disk.names() if name.endswith(".fbj")] == [FIRST]
    with pytest.raises(DriverError, match="JOURNAL_DAMAGED"):
        again.read(0, 1, 1 << 20)


def test_a_bookmark_and_torn_bytes_that_cannot_be_read_end_no_start() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(100)
    evening.journal._marked = (0, -1e9)
    evening.journal.tend()
    disk.files["torn-00000001-000000000009.bin"] = bytearray(b"torn")
    disk.unreadable = {name: {0} for name in disk.names() if not name.endswith(".fbj")}
    assert started(disk)[0].size == 300


def test_a_file_that_takes_no_zeros_keeps_its_blocks_from_others() -> None:
    disk = PartlyDeadFolder()
    opened = opened_on(disk)
    opened.recover()
    for number in range(len(HELD) + 2):
        disk.dead = {SPARE: {2}}
        with pytest.raises(DriverError):
            opened.tend()
        opened._not_before_s = 0
        assert [name for name in disk.names() if name in HELD] == list(HELD[: number + 1])
    disk.dead = {}
    opened.tend()
    assert SPARE in disk.names()


def test_an_error_that_is_not_of_the_block_leaves_no_segment() -> None:
    disk = PartlyDeadFolder()
    evening = Evening(disk)
    evening.write(1)
    for _ in range(3):
        disk.fail_at = "write"
        with pytest.MonkeyPatch.context() as full:
            full.setattr(errno, "EIO", -1)
            with pytest.raises(DriverError):
                evening.journal.append(evening.book.some(1))
        disk.fail_at = None
        found = evening.journal.recover()
        evening.book.go_back(1, found.size, found.head, {})
    assert [name for name in disk.names() if name.endswith(".fbj")] == [FIRST]


async def test_9_6_a_venue_sings_on_behind_a_block_that_takes_no_write(tmp_path: Path) -> None:
    disk = PartlyDeadFolder()
    async with lan_rig(tmp_path, disk) as rig:
        _, play = await rig.play("K1")
        disk.dead = {FIRST: {len(bytes(disk.files[FIRST]).rstrip(b"\0")) // BLOCK_BYTES}}
        answers: list[int] = []
        while not answers or (answers[-1] != 201 and len(answers) < 20):
            answers.append((await rig.play("K2"))[0])
            rig.clock.passed_ms += RETRY_MS
            await rig.runtime.post(on.Tick())
            await rig.runtime.settled()
            if rig.runtime._recovering is not None:
                await rig.runtime._recovering
                await rig.runtime.settled()
        assert answers[-1] == 201
        assert len(answers) <= 6
        ended = await rig.post(f"/v1/plays/{play['play']}/end", {"played_s": 200, "reason": "end"})
        assert ended == (200, {"counted": True})
