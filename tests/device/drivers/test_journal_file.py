"""The journal on disk: every cut, every error, and what recovery says about it."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.drivers.journal_segment import Segment
from device.ports import DriverError, Frame
from device.protocol import journal
from device.protocol.limits import EPOCH_BELIEVED_MAX, EPOCHS_AHEAD_MAX
from tests.device.drivers import test_journal_salvage as salvage
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import ANYBODY, Book
from tests.device.drivers.test_journal_salvage import begin_epoch, written

BOX = "KTV-0001"


def frames_of(count: int, first: int = 0, chain: bytes = b"", text: str = "") -> list[Frame]:
    """Sound entries that follow each other, of uneven length."""
    chain = chain or journal.first_chain(BOX, 1)
    made = []
    for seq in range(first, first + count):
        body = text + "x" * (seq * 37 % 300)
        kind = "BOOT" if seq == 0 else "PLAY_START"
        entry = json.dumps({"body": body, "kind": kind, "seq": seq}, separators=(",", ":")).encode()
        chain = journal.next_chain(chain, seq, entry)
        made.append(Frame(1, seq, entry, chain))
    return made


def groups_of(frames: list[Frame], chance: random.Random) -> Iterator[list[Frame]]:
    at = 0
    while at < len(frames):
        count = chance.randrange(1, 4)
        yield frames[at : at + count]
        at += count


def opened(folder: Folder, segment_bytes: int = 1 << 20) -> JournalFile:
    opened_journal = JournalFile(folder, ANYBODY, segment_bytes=segment_bytes, quota_bytes=1000 * segment_bytes)
    opened_journal.recover()
    return opened_journal


def test_what_was_appended_is_read_back_by_a_new_process(tmp_path: Path) -> None:
    written = frames_of(500)
    writer = opened(Folder(tmp_path))
    for group in groups_of(written, random.Random(1)):
        writer.append(group)
    reader = JournalFile(Folder(tmp_path), ANYBODY)
    recovered = reader.recover()
    assert (recovered.epoch, recovered.size, recovered.head) == (1, 500, written[-1].chain)
    assert list(recovered.since_boot) == [frame.entry for frame in written]
    assert list(reader.read(0, 1000, 1 << 30)) == written
    assert list(reader.read(490, 5, 1 << 30)) == written[490:495]
    assert [reader.head_at(size) for size in (0, 1, 250, 500, 501)] == [
        None,
        written[0].chain,
        written[249].chain,
        written[-1].chain,
        None,
    ]


@pytest.mark.parametrize(("epoch", "found"), [(99_999_999, 1), (50_000_000, 1), (49_999_999, 49_999_999)])
def test_9_6_a_file_named_far_ahead_leaves_epochs_to_go_on_in(epoch: int, found: int) -> None:
    disk = CrashFolder()
    writer = JournalFile(disk, ANYBODY)
    writer.recover()
    writer.append(frames_of(3))
    disk.files[f"{epoch:08d}-{0:012d}.fbj"] = disk.files[Segment(1, 0).name]
    assert JournalFile(disk, ANYBODY).recover().epoch == found


def behind_a_forged_file() -> tuple[CrashFolder, JournalFile, Book]:
    """The box goes on behind a file that names the last epoch anybody can make it believe."""
    disk, file, frames, book = written(5)
    disk.files[Segment(EPOCH_BELIEVED_MAX, 0).name] = disk.files[Segment(1, 0).name]
    begin_epoch(file, book, 5, frames[-1].chain, EPOCH_BELIEVED_MAX + 1)
    return disk, file, book


def test_9_6_what_the_box_wrote_behind_a_file_that_somebody_named_far_ahead_is_found_again() -> None:
    disk, file, book = behind_a_forged_file()
    file.append(book.some(4))
    found = salvage.opened(disk).recover()
    assert (found.epoch, found.size) == (EPOCH_BELIEVED_MAX + 1, 5)
    del disk.files[Segment(EPOCH_BELIEVED_MAX, 0).name]
    assert salvage.opened(disk).recover().epoch == 1, "nothing says that it came there"


@pytest.mark.parametrize("ahead", [0, EPOCHS_AHEAD_MAX + 1])
def test_9_6_an_epoch_that_the_box_has_noted_or_was_sent_behind_needs_none_before_it(ahead: int) -> None:
    disk, file, book = behind_a_forged_file()
    file.tend()
    for name in (Segment(1, 0).name, Segment(EPOCH_BELIEVED_MAX, 0).name):
        del disk.files[name]  # as room is made
    if ahead:
        begin_epoch(file, book, book.size, book.chain, book.epoch + ahead)
    assert salvage.opened(disk).recover().epoch == EPOCH_BELIEVED_MAX + 1 + ahead


def test_9_6_further_ahead_of_what_the_box_has_noted_nothing_counts() -> None:
    disk, file, _ = behind_a_forged_file()
    file.tend()
    first = disk.files[Segment(EPOCH_BELIEVED_MAX + 1, 0).name]
    disk.files[Segment(EPOCH_BELIEVED_MAX + EPOCHS_AHEAD_MAX + 3, 0).name] = first
    assert salvage.opened(disk).recover().epoch == EPOCH_BELIEVED_MAX + 1


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path) -> None:
    written = frames_of(100)
    writer = opened(Folder(tmp_path), 4096)
    for group in groups_of(written, random.Random(2)):
        writer.append(group)
    assert len(list(tmp_path.glob("*.fbj"))) > 5
    reader = opened(Folder(tmp_path))
    assert list(reader.read(0, 1000, 1 << 30)) == written
    assert reader.head_at(3) == written[2].chain


def test_reading_keeps_to_the_limit_in_bytes_but_gives_one_entry(tmp_path: Path) -> None:
    writer = opened(Folder(tmp_path))
    written = frames_of(20)
    writer.append(written)
    assert list(writer.read(0, 100, 1)) == written[:1]
    assert sum(len(frame.entry) for frame in writer.read(0, 100, 2000)) <= 2000


@pytest.mark.parametrize(("segment_bytes", "seed"), [(4096, 3), (1400, 4), (1400, 5)])
def test_no_cut_loses_an_acknowledged_entry(segment_bytes: int, seed: int) -> None:
    """Some 600 disks, and for every twentieth those that a second cut, during recovery, leaves behind."""
    disk = CrashFolder()
    writer = opened(disk, segment_bytes)
    chance = random.Random(seed)
    written = frames_of(60)
    for group in groups_of(written, chance):
        writer.append(group)
        disk.acknowledge(group[-1].seq + 1)
    states = 0
    for files, acknowledged in disk.crash_states(chance):
        states += 1
        assert _survives(CrashFolder(files), written, acknowledged)
        if states % 20 == 0:
            second = CrashFolder(files)
            opened(second)
            for left, _ in second.crash_states(chance):
                assert _survives(CrashFolder(left), written, acknowledged)
    assert states > 150


def test_the_check_itself_finds_a_journal_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CrashFolder, "sync", lambda self, name: None)
    disk = CrashFolder()
    writer = opened(disk, 4096)
    written = frames_of(8)
    for frame in written:
        writer.append([frame])
        disk.acknowledge(frame.seq + 1)
    states = list(disk.crash_states(random.Random(4)))
    assert not all(_survives(CrashFolder(files), written, size) for files, size in states)


def test_torn_bytes_are_set_aside_and_reported_until_a_boot_follows() -> None:
    disk = CrashFolder()
    written = frames_of(5)
    opened(disk).append(written[:4])
    name = next(name for name in disk.names() if name.endswith(".fbj"))
    end = len(b"".join(journal.frame(frame.entry, frame.chain) for frame in written[:4]))
    disk.write(name, end, journal.frame(written[4].entry, written[4].chain)[:50])
    first = JournalFile(disk, ANYBODY).recover()
    again = JournalFile(disk, ANYBODY)
    second = again.recover()
    assert (first.size, first.torn_bytes) == (4, 50)
    assert (second.torn_bytes, second.torn_sha256) == (50, first.torn_sha256)
    again.append(written[4:])
    assert JournalFile(disk, ANYBODY).recover().torn_bytes == 50
    boot = b'{"kind":"BOOT"}'
    again.append([Frame(1, 5, boot, journal.next_chain(written[4].chain, 5, boot))])
    assert JournalFile(disk, ANYBODY).recover().torn_bytes == 0
    assert len(disk.files["torn-00000001-000000000004.bin"]) == 50


@pytest.mark.parametrize("failing", ["write", "sync"])
def test_a_failed_sync_is_a_verdict_until_recovery(failing: str) -> None:
    disk = CrashFolder()
    written = frames_of(6)
    writer = opened(disk)
    writer.append(written[:2])
    disk.fail_at = failing
    with pytest.raises(DriverError, match="JOURNAL_UNAVAILABLE"):
        writer.append(written[2:4])
    disk.fail_at = None
    with pytest.raises(DriverError, match="has not been recovered"):
        writer.append(written[2:4])
    recovered = writer.recover()
    assert (recovered.size, recovered.head) == (2, written[1].chain)
    other = frames_of(2, first=2, chain=written[1].chain, text="after the error")
    writer.append(other)
    assert list(opened(disk).read(0, 10, 1 << 20)) == written[:2] + other


def test_a_full_disk_when_a_segment_begins_costs_no_entry() -> None:
    disk = CrashFolder()
    written = frames_of(12)
    writer = opened(disk, 1400)
    writer.append(written[:2])
    disk.fail_at = "rename"
    with pytest.raises(DriverError):
        writer.append(written[2:])
    disk.fail_at = None
    recovered = writer.recover()
    writer.append(written[recovered.size :])
    assert list(opened(disk).read(0, 100, 1 << 20)) == written


def test_recovery_gives_the_entries_from_the_newest_boot_on(tmp_path: Path) -> None:
    chain = journal.first_chain(BOX, 1)
    frames = []
    for seq, kind in enumerate(["BOOT", "PLAY_START", "PLAY_END", "BOOT", "PLAY_START"]):
        entry = json.dumps({"body": {"play": "1-1"}, "kind": kind}, separators=(",", ":")).encode()
        chain = journal.next_chain(chain, seq, entry)
        frames.append(Frame(1, seq, entry, chain))
    opened(Folder(tmp_path)).append(frames)
    recovered = JournalFile(Folder(tmp_path), ANYBODY).recover()
    assert list(recovered.since_boot) == [frames[3].entry, frames[4].entry]
    assert (recovered.first, recovered.size) == (0, 5)


def test_a_new_epoch_leaves_the_old_one_where_it_is(tmp_path: Path) -> None:
    writer = opened(Folder(tmp_path))
    old = frames_of(5)
    writer.append(old)
    chain = journal.first_chain(BOX, 2, old[-1].chain, 5)
    new = [Frame(2, frame.seq, frame.entry, frame.chain) for frame in frames_of(3, 0, chain)]
    writer.append(new)
    reader = JournalFile(Folder(tmp_path), ANYBODY)
    recovered = reader.recover()
    assert (recovered.epoch, recovered.first, recovered.size) == (2, 0, 3)
    assert list(reader.read(0, 10, 1 << 20)) == new
    assert reader.head_at(5) is None
    assert len(list(tmp_path.glob("00000001-*.fbj"))) == 1


@pytest.mark.parametrize("failing", ["rename", "write", "sync"])
def test_an_epoch_that_could_not_begin_costs_nothing_of_the_one_before(failing: str) -> None:
    disk = CrashFolder()
    writer = opened(disk)
    old = frames_of(5)
    writer.append(old)
    chain = journal.first_chain(BOX, 2, old[-1].chain, 5)
    new = [Frame(2, frame.seq, frame.entry, frame.chain) for frame in frames_of(3, 0, chain)]
    disk.fail_at = failing
    with pytest.raises(DriverError):
        writer.append(new)
    disk.fail_at = None
    recovered = writer.recover()
    assert (recovered.epoch, recovered.size, recovered.head) == (1, 5, old[-1].chain)
    writer.append(new)
    assert list(opened(disk).read(0, 10, 1 << 20)) == new


def test_no_cut_while_an_epoch_begins_loses_either() -> None:
    disk = CrashFolder()
    writer = opened(disk)
    old = frames_of(5)
    writer.append(old)
    chain = journal.first_chain(BOX, 2, old[-1].chain, 5)
    new = [Frame(2, frame.seq, frame.entry, frame.chain) for frame in frames_of(3, 0, chain)]
    begun = CrashFolder(disk.files)
    opened(begun).append(new)
    for files, _ in begun.crash_states(random.Random(7)):
        recovered = JournalFile(CrashFolder(files), ANYBODY).recover()
        assert (recovered.epoch, recovered.size) in ((1, 5), (2, 1), (2, 2), (2, 3))
        assert recovered.head in [old[-1].chain, *(frame.chain for frame in new)]


def _survives(disk: CrashFolder, written: list[Frame], acknowledged: int) -> bool:
    """A clean prefix with all that was acknowledged; recovering again changes nothing; appending works."""
    recovered_journal = JournalFile(disk, ANYBODY)
    recovered = recovered_journal.recover()
    size = recovered.size
    if not acknowledged <= size <= len(written):
        return False
    if list(recovered_journal.read(0, len(written), 1 << 20)) != written[:size]:
        return False
    again = JournalFile(disk, ANYBODY)
    if (again.recover().size, again.recover().head) != (size, recovered.head):
        return False
    previous = written[size - 1].chain if size else b""
    after = frames_of(1, first=size, chain=previous, text="after")
    again.append(after)
    return list(opened(disk).read(0, 100, 1 << 20)) == written[:size] + after
