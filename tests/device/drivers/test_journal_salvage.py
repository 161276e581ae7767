"""What can be read behind damage (SPEC 9.13): of an ended epoch, at a start, and of what is dropped."""

import binascii
import itertools
import json
import struct

import pytest

from device.drivers.journal_bookmark import SLOTS
from device.drivers.journal_file import JournalFile
from device.drivers.journal_salvage import sound_frames
from device.drivers.journal_segment import Segment
from device.ports import DriverError, Frame
from device.protocol import journal
from device.protocol.limits import SECTOR_BYTES
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import ANYBODY, BOX, Book

SEGMENT_BYTES = 2_800
ALL = 1 << 30


def opened(disk: CrashFolder) -> JournalFile:
    """For which minutes go by between two looks at the clock."""
    seconds = itertools.count(0, 100)
    quota_bytes = SEGMENT_BYTES * 100
    return JournalFile(
        disk, ANYBODY, segment_bytes=SEGMENT_BYTES, quota_bytes=quota_bytes, mono_s=lambda: next(seconds)
    )


def written(count: int = 40) -> tuple[CrashFolder, JournalFile, list[Frame], Book]:
    disk = CrashFolder()
    file = opened(disk)
    file.recover()
    book = Book()
    frames = book.some(count)
    for frame in frames:
        file.append([frame])
    return disk, file, frames, book


def begin_epoch(file: JournalFile, book: Book, size: int, head: bytes, epoch: int = 2) -> None:
    """As the core does behind what it knows."""
    body = {"size": size, "head": head.hex()}
    raw = json.dumps({"body": body, "epoch": epoch, "kind": "EPOCH", "seq": 0}).encode()
    chain = journal.next_chain(journal.first_chain(BOX, epoch, head, size), 0, raw)
    file.append([Frame(epoch, 0, raw, chain)])
    book.epoch, book.size, book.chain = epoch, 1, chain


def place_of(disk: CrashFolder, frame: Frame) -> tuple[str, int]:
    """File and offset of a frame."""
    for name, data in disk.files.items():
        at = bytes(data).find(journal.frame(frame.entry, frame.chain))
        if at >= 0:
            return name, at
    raise AssertionError("it is not there")


def spoil(disk: CrashFolder, frame: Frame, at: int = 60) -> None:
    """One bit."""
    name, offset = place_of(disk, frame)
    disk.files[name][offset + at] ^= 4


def rewrite(disk: CrashFolder, frame: Frame, entry: bytes, chain: bytes | None = None) -> None:
    """Somebody writes another entry of the same length, and mends the sum."""
    assert len(entry) == len(frame.entry)
    name, offset = place_of(disk, frame)
    raw = journal.frame(entry, chain or frame.chain)
    disk.files[name][offset : offset + len(raw)] = raw


def read_all(file: JournalFile, seq: int = 0) -> list[list[int]]:
    """The numbers that can be read of epoch 1, in runs."""
    runs: list[list[int]] = []
    while frames := file.ended.read(1, seq, 9, ALL):
        found = [frame.seq for frame in frames]
        if runs and runs[-1][-1] + 1 == found[0]:
            runs[-1] += found
        else:
            runs.append(found)
        seq = found[-1] + 1
    return runs


@pytest.mark.parametrize("at", [0, 5, 8, 60])
def test_9_13_what_stands_before_and_behind_damage_is_read(at: int) -> None:
    disk, file, frames, book = written()
    begin_epoch(file, book, 40, frames[-1].chain)
    for seq in (0, 7, 8, 20, 39):
        spoil(disk, frames[seq], at)
    for reader in (file, opened(disk)):
        if reader is not file:
            reader.recover()
        assert read_all(reader) == [list(range(1, 7)), list(range(9, 20)), list(range(21, 39))]
        assert read_all(reader, 8) == [list(range(9, 20)), list(range(21, 39))]
    assert [frame.entry for frame in file.ended.read(1, 9, 3, ALL)] == [frame.entry for frame in frames[9:12]]
    assert len(file.ended.read(1, 9, 100, 1)) == 1


def test_9_13_an_ended_epoch_is_owed_until_all_of_it_is_acknowledged() -> None:
    disk, file, frames, book = written()
    assert file.ended.unsent() == opened(CrashFolder()).ended.unsent() == []
    begin_epoch(file, book, 40, frames[-1].chain)
    assert (file.ended.unsent(), file.ended.watermark(1)) == ([1], 0)
    file.acknowledged(1, 39)
    assert (file.ended.unsent(), file.ended.watermark(1)) == ([1], 39)
    file.acknowledged(1, 40)
    assert file.ended.unsent() == []
    again = opened(disk)
    again.recover()
    assert again.ended.unsent() == [1], "no bookmark says how much of it there was"


def test_9_13_an_entry_that_was_written_anew_is_damage() -> None:
    disk, file, frames, book = written()
    begin_epoch(file, book, 40, frames[-1].chain)
    rewrite(disk, frames[12], frames[12].entry.replace(b'"K', b'"L'))
    assert read_all(file) == [list(range(12)), list(range(13, 40))]
    chain = frames[19].chain
    for frame in frames[20:]:  # to the very end
        entry = frame.entry.replace(b'"epoch"', b'"Epoch"')
        chain = journal.next_chain(chain, frame.seq, entry)
        rewrite(disk, frame, entry, chain)
    assert read_all(file) == [], "its end is another than the box knew"


def test_9_13_a_whole_frame_that_continues_something_else_was_no_tear() -> None:
    """All of one instant: what a cut leaves of one group has zeros in it, and no entry written anew."""
    disk, _, frames, _ = written()
    for slot in SLOTS:  # no bookmark says what was durable
        disk.files.pop(slot, None)
    frame = [frame for frame in frames[:-1] if b'"K' in frame.entry][-1]
    rewrite(disk, frame, frame.entry.replace(b'"K', b'"L'))
    again = JournalFile(disk, ANYBODY)
    found = again.recover()
    assert (found.damaged_at, found.size) == (frame.seq, 40)


def test_9_13_what_stands_behind_the_end_of_an_epoch_never_counted() -> None:
    _, file, frames, book = written()
    begin_epoch(file, book, 30, frames[29].chain)
    assert read_all(file) == [list(range(30))]


def test_9_13_an_epoch_that_lost_its_end_is_read_as_far_as_it_goes() -> None:
    _, file, _, book = written()
    begin_epoch(file, book, 50, b"x" * 32)
    assert read_all(file) == [list(range(40))]


def test_9_13_an_epoch_without_a_sound_beginning_names_no_end() -> None:
    disk, file, frames, book = written()
    begin_epoch(file, book, 30, frames[29].chain)
    file.append(book.some(3))
    (name,) = [name for name in disk.files if name.startswith("00000002")]
    disk.files[name][40] ^= 1
    assert read_all(file) == [list(range(40))]
    raw = json.dumps({"body": 7}).encode()
    disk.files[name][:] = journal.frame(raw, bytes(32)).ljust(SEGMENT_BYTES, b"\0")
    assert read_all(file) == [list(range(40))]


def test_9_13_a_folder_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, file, frames, book = written()
    begin_epoch(file, book, 40, frames[-1].chain)

    def fails(*_what: object) -> bytes:
        raise OSError("no card")

    monkeypatch.setattr(disk, "read", fails)
    with pytest.raises(DriverError, match="JOURNAL_DAMAGED"):
        file.ended.read(1, 0, 9, ALL)


def test_9_13_no_frame_is_believed_that_says_another_place() -> None:
    disk, _, frames, _ = written(12)
    name, offset = place_of(disk, frames[5])
    raw = bytes(disk.files[name])
    odd = [b"no JSON", b"[]", b'{"epoch":1}', b'{"epoch":2,"seq":6}', b'{"epoch":1,"seq":4}', b'{"epoch":"x","seq":6}']
    for entry in odd:
        strange = raw[:offset] + b"?" + journal.frame(entry, bytes(32)) + raw[offset + 20 :]
        seen = [one.frame.seq for one in sound_frames(strange, Segment(1, 0), ANYBODY)]
        assert [seq for seq in seen if seq < 12] == [0, 1, 2, 3, 4, *range(6, 12)], entry


@pytest.mark.parametrize("at", [0, 5, 8, 60])
@pytest.mark.parametrize("spoiled", range(4))
def test_9_13_a_flipped_bit_in_the_group_that_was_written_last_is_no_tear(spoiled: int, at: int) -> None:
    """All of one instant, and no bookmark: a cut would have left a sector of zeros before the sound frames behind."""
    disk, _, frames, _ = written(5)
    spoil(disk, frames[spoiled], at)
    found = opened(disk).recover()
    assert (found.size, found.head, found.damaged_at) == (5, frames[-1].chain, spoiled)
    assert found.torn_bytes == len(journal.frame(frames[spoiled].entry, frames[spoiled].chain))
    assert [json.loads(entry)["seq"] for entry in found.since_boot] == [seq for seq in range(5) if seq != spoiled]


@pytest.mark.parametrize("before", [0, 3])
def test_9_13_a_sector_that_the_disk_never_took_is_a_tear(before: int) -> None:
    """Of one group, which nobody was answered: what the disk took behind it does not count."""
    disk, file, frames, book = written(before)
    group = book.some(12)
    file.append(group)
    name = Segment(1, 0).name
    whole = bytes(disk.files[name])
    begin, end = place_of(disk, group[0])[1], place_of(disk, group[-1])[1]
    for sector in range(begin // SECTOR_BYTES, end // SECTOR_BYTES):
        lost = range(max(begin, sector * SECTOR_BYTES), (sector + 1) * SECTOR_BYTES)
        disk.files[name][:] = whole[: lost.start] + bytes(len(lost)) + whole[lost.stop :]
        found = opened(CrashFolder(disk.files)).recover()
        raw = [journal.frame(frame.entry, frame.chain) for frame in frames + group]
        left = sum(whole.find(one) + len(one) <= lost.start for one in raw)
        assert (found.size, found.damaged_at) == (left, None), sector
        assert found.torn_bytes > 0


def test_9_13_zeros_over_what_was_torn_may_be_torn_anywhere() -> None:
    disk, file, _, book = written(3)
    group = book.some(4)
    file.append(group)
    name, begin = place_of(disk, group[0])
    for end in range(begin + 1, place_of(disk, group[3])[1]):
        disk.files[name][begin:end] = bytes(end - begin)
        found = opened(CrashFolder(disk.files)).recover()
        assert (found.size, found.damaged_at) == (3, None), end - begin


def test_9_13_a_start_goes_on_behind_damage_and_says_where_it_is() -> None:
    for stamp in ({"mono_ms": 9_000}, {"boot": 2}):
        disk, file, frames, book = written(5)
        raw = json.dumps({"at_ms": None, "body": {}, "boot": 1, "epoch": 1, "kind": "TIME", "seq": 5} | stamp).encode()
        chain = journal.next_chain(frames[-1].chain, 5, raw)
        file.append([Frame(1, 5, raw, chain)])
        name, offset = place_of(disk, frames[2])
        damaged = disk.files[name][offset : place_of(disk, frames[3])[1]]
        damaged[50] ^= 1
        disk.files[name][offset + 50] ^= 1
        before = bytes(disk.files[name])
        for _ in range(2):
            reader = opened(disk)
            found = reader.recover()
            assert (found.epoch, found.size, found.head, found.damaged_at) == (1, 6, chain, 2)
            assert found.torn_bytes == len(damaged)
            assert [json.loads(entry)["seq"] for entry in found.since_boot] == [0, 1, 3, 4, 5]
            assert bytes(disk.files[name]) == before, "it is evidence"
        begin_epoch(reader, book, 6, chain)
        assert read_all(reader) == [[0, 1], [3, 4, 5]]
        assert opened(disk).recover().epoch == 2


def test_9_13_what_a_bookmark_knows_to_be_durable_is_damage_and_no_tear() -> None:
    disk, file, frames, _ = written(5)
    file.tend()
    spoil(disk, frames[3])
    found = opened(disk).recover()
    assert (found.size, found.damaged_at) == (5, 3)


def test_9_13_of_the_last_entry_a_bookmark_knows_that_it_was_durable() -> None:
    disk, file, frames, _ = written(5)
    file.tend()
    spoil(disk, frames[4])
    found = opened(disk).recover()
    assert (found.size, found.damaged_at) == (4, 4)
    assert found.torn_bytes > 0


def test_9_13_an_epoch_whose_only_entry_a_bookmark_knows_is_not_forgotten() -> None:
    disk, file, frames, book = written(5)
    begin_epoch(file, book, 5, frames[-1].chain)
    file.tend()
    disk.files[Segment(2, 0).name][40] ^= 1
    found = opened(disk).recover()
    assert (found.epoch, found.size, found.damaged_at) == (2, 0, 0)


def test_9_13_a_recovery_knows_what_was_durable() -> None:
    disk, file, frames, book = written(5)
    disk.fail_at = "sync"
    with pytest.raises(DriverError):
        file.append(book.some(2))
    disk.fail_at = None
    spoil(disk, frames[3])
    found = file.recover()
    assert (found.size, found.damaged_at) == (5, 3)
    begin_epoch(file, book, 5, frames[-1].chain)
    assert read_all(file) == [[0, 1, 2], [4]], "what no sync made durable does not come back"


def test_9_13_the_first_entry_of_a_later_epoch_may_be_the_damaged_one() -> None:
    disk, file, frames, book = written(5)
    begin_epoch(file, book, 5, frames[-1].chain)
    file.append(book.some(4))
    file.acknowledged(1, 5)
    (name,) = [name for name in disk.files if name.startswith("00000002")]
    disk.files[name][40] ^= 1
    found = file.recover()
    assert (found.epoch, found.size, found.damaged_at) == (2, 5, 0)


def test_9_12_bookmarks_and_dropping_go_on_behind_damage_and_the_damaged_bytes_are_kept() -> None:
    disk, file, frames, book = written(60)
    begin_epoch(file, book, 60, frames[-1].chain)
    spoil(disk, frames[3])
    name, _ = place_of(disk, frames[4])
    spoil(disk, frames[59])
    file.tend()
    again = opened(disk)
    assert again.recover().damaged_at is None
    assert again.ended.unsent() == [1]
    again.acknowledged(1, 60)
    assert again.ended.unsent() == []
    again._room._max = again._room._reserve + 2  # crowded: what the fleet holds may go
    again.tend()
    assert name not in disk.files
    kept = bytes(disk.files["torn-00000001-000000000000.bin"])
    assert len(kept) == len(journal.frame(frames[3].entry, frames[3].chain))
    (checksum,) = struct.unpack(">I", kept[6:10])
    assert binascii.crc32(kept[10:]) != checksum
