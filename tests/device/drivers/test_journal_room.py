"""Room of the journal: what the fleet holds may go, what it does not hold never does (SPEC 9.12)."""

from typing import Any

import pytest

from device.drivers.journal_file import RESERVE_SEGMENTS, JournalFile
from device.drivers.journal_segment import SEGMENT_BYTES
from device.ports import DriverError
from device.protocol import journal
from device.protocol.journal import Entry
from device.protocol.limits import INSTANT_MAX, JOURNAL_BYTES_MAX
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import ANYBODY, NOON_MS, Book

SEGMENT = 1_400
SECOND_MS = 1_000


class Rig:
    """A journal of at most 20 segments, three of them in reserve, and its book."""

    def __init__(self, disk: CrashFolder, kept_ms: int = 10**15, segments: int = 20) -> None:
        self.disk = disk
        self.book = Book()
        self.now_s = 0.0
        self.proven_ms = INSTANT_MAX
        self.journal = JournalFile(
            disk,
            ANYBODY,
            segment_bytes=SEGMENT,
            quota_bytes=segments * SEGMENT,
            reserve=3,
            kept_ms=kept_ms,
            mono_s=lambda: self.now_s,
        )
        self.journal.recover()

    def write(self, count: int = 1) -> None:
        for _ in range(count):
            self.journal.append(self.book.some(1))
            self.now_s += 2
            if self.journal.needs_tending:
                self.journal.tend(self.proven_ms)

    def write_until(self, alarm: str) -> int:
        while self.journal.alarm != alarm:
            self.write()
        return self.book.size

    def acknowledge(self, size: int) -> None:
        self.journal.acknowledged(self.book.epoch, size)
        self.journal.tend(self.proven_ms)

    @property
    def segments(self) -> list[str]:
        return [name for name in self.disk.names() if name.endswith(".fbj")]


def test_9_12_the_quota_holds_ninety_days_of_two_hundred_rooms() -> None:
    """A hundred plays a day and room; measured with the longest names that such a venue has."""
    stamp: dict[str, Any] = {"box": "KTV-330100012345", "epoch": 12, "at_ms": 1_790_000_000_000, "tq": "signed"}
    stamp |= {"rtc_ms": 1_790_000_000_000, "mono_ms": 7_776_000_000, "boot": 4_321, "seq": 3_600_000}
    play: dict[str, Any] = {"room": "包厢V108", "song": "SC-2024-00048217", "kind": "guest"}
    start = Entry(**stamp, kind="PLAY_START", body=play | {"catalog_epoch": 8_412})
    body = play | {"play": "12-3599000", "played_s": 1_201, "elapsed_s": 1_203, "reason": "power", "counted": False}
    end = Entry(**stamp, kind="PLAY_END", body=body | {"cut_song_s": 60, "policy_epoch": 120})
    of_play = sum(len(journal.frame(entry.encode(), journal.NO_HEAD)) for entry in (start, end))
    assert 600 < of_play < 800
    everything_else = 1.1  # refusals, orders, leases, boots, and the ends of segments
    usable = JOURNAL_BYTES_MAX - RESERVE_SEGMENTS * SEGMENT_BYTES
    assert 200 * 100 * 90 * of_play * everything_else < 0.9 * usable, "without even the alarm"


def test_9_12_what_is_not_acknowledged_fills_the_journal_and_is_never_dropped() -> None:
    rig = Rig(CrashFolder(), kept_ms=0)
    rig.write_until("JOURNAL_NEARLY_FULL")
    at_alarm = len(rig.segments)
    size = rig.write_until("JOURNAL_FULL")
    assert (at_alarm, len(rig.segments)) == (16, 18), "of 17 that plays may use"
    assert len(rig.journal.read(0, size, 1 << 30)) == size


def test_9_12_the_reserve_takes_what_must_still_be_written_and_then_nothing_is_overwritten() -> None:
    rig = Rig(CrashFolder())
    rig.write_until("JOURNAL_FULL")
    with pytest.raises(DriverError, match="JOURNAL_UNAVAILABLE"):
        rig.write(1_000)
    assert len(rig.segments) == 20
    again = JournalFile(rig.disk, ANYBODY, segment_bytes=SEGMENT, quota_bytes=20 * SEGMENT, reserve=3)
    recovered = again.recover()
    assert again.alarm == "JOURNAL_FULL"
    assert len(again.read(0, recovered.size, 1 << 30)) == recovered.size


def test_9_12_acknowledged_entries_make_room_again_without_a_restart() -> None:
    rig = Rig(CrashFolder())
    size = rig.write_until("JOURNAL_FULL")
    rig.acknowledge(size // 2)
    assert rig.journal.alarm == ""
    rig.write(size // 4)
    assert rig.journal.read(size // 2, 1_000, 1 << 30)[0].seq == size // 2
    assert len(rig.segments) <= 18
    assert rig.journal.alarm == ""


def test_9_12_a_venue_that_is_on_line_never_fills_the_journal() -> None:
    rig = Rig(CrashFolder())
    for _ in range(300):
        rig.write()
        rig.acknowledge(rig.book.size)
        assert rig.journal.alarm == ""
    assert len(rig.segments) <= 18
    with pytest.raises(DriverError, match="older than the oldest"):
        rig.journal.read(0, 1, 1 << 20)


def test_9_12_acknowledged_entries_are_kept_for_their_time() -> None:
    rig = Rig(CrashFolder(), kept_ms=1_200 * SECOND_MS, segments=10_000)
    rig.write(1_100)
    rig.acknowledge(1_100)
    assert rig.segments[0].endswith("-000000000000.fbj")
    rig.write(300)
    rig.acknowledge(1_400)
    assert 160 < int(rig.segments[0][9:21]) <= 200, "one entry a second"


@pytest.mark.parametrize("proven_ms", [0, NOON_MS])
def test_9_12_entries_get_old_by_proven_time_whatever_a_lease_says(proven_ms: int) -> None:
    """A lease key in foreign hands may sign any year; that is no reason to drop evidence."""
    rig = Rig(CrashFolder(), kept_ms=1_200 * SECOND_MS, segments=10_000)
    rig.proven_ms = proven_ms
    rig.write(1_400)
    rig.acknowledge(1_400)
    assert rig.segments[0].endswith("-000000000000.fbj")
    rig.proven_ms = INSTANT_MAX
    rig.acknowledge(1_400)
    assert 160 < int(rig.segments[0][9:21]) <= 200


def test_9_12_what_recovery_reads_again_stays() -> None:
    rig = Rig(CrashFolder(), kept_ms=0, segments=10_000)
    rig.write(1_500)
    rig.acknowledge(1_500)
    again = JournalFile(CrashFolder(rig.disk.files), ANYBODY, segment_bytes=SEGMENT, quota_bytes=1000 * SEGMENT)
    recovered = again.recover()
    assert recovered.size == 1_500
    assert 300 < recovered.first <= 1_500 - 1_024 + 64


def test_entries_of_an_epoch_that_has_ended_stay_while_the_fleet_does_not_hold_them() -> None:
    rig = Rig(CrashFolder(), kept_ms=0, segments=10_000)
    rig.write(200)
    rig.acknowledge(100)
    rig.book.begin_epoch()
    rig.write(1_300)
    rig.acknowledge(1_300)
    of_first = [name for name in rig.segments if name.startswith("00000001-")]
    assert 0 < int(of_first[0][9:21]) <= 100
    rig.journal.acknowledged(1, 200)
    rig.journal.tend()
    assert not [name for name in rig.segments if name.startswith("00000001-")]


def test_9_12_what_an_ended_epoch_leaves_to_nobody_does_not_fill_the_journal() -> None:
    rig = Rig(CrashFolder(), kept_ms=0)
    rig.write(50)
    rig.acknowledge(25)
    rig.book.begin_epoch()
    for _ in range(300):
        rig.write()
        rig.acknowledge(rig.book.size)
        assert rig.journal.alarm == ""
    assert len(rig.segments) <= 18
    assert [name for name in rig.segments if name.startswith("00000001-")][-1].endswith("44.fbj")


def test_9_12_an_ended_epoch_that_the_fleet_holds_goes_after_a_restart_too() -> None:
    rig = Rig(CrashFolder(), kept_ms=0)
    rig.write(50)
    rig.book.begin_epoch()
    rig.write(64)
    rig.journal = JournalFile(
        rig.disk,
        ANYBODY,
        segment_bytes=SEGMENT,
        quota_bytes=20 * SEGMENT,
        reserve=3,
        kept_ms=0,
        mono_s=lambda: rig.now_s,
    )
    rig.journal.recover()
    rig.journal.acknowledged(1, 50)
    for _ in range(300):
        rig.write()
        rig.acknowledge(rig.book.size)
    assert not [name for name in rig.segments if name.startswith("00000001-")]


def test_9_7_without_a_bookmark_recovery_does_not_read_across_what_was_dropped() -> None:
    """Else a play of the epoch before, whose end has been dropped, would be one that still runs."""
    rig = Rig(CrashFolder(), kept_ms=0)
    rig.write(50)
    rig.book.begin_epoch()
    for _ in range(300):
        rig.write()
        rig.acknowledge(rig.book.size)
    files = {name: data for name, data in rig.disk.files.items() if not name.startswith("bookmark-")}
    again = JournalFile(CrashFolder(files), ANYBODY, segment_bytes=SEGMENT, quota_bytes=20 * SEGMENT, reserve=3)
    recovered = again.recover()
    assert recovered.size == 300
    assert recovered.first > 0
    assert all(b'"epoch":2' in entry for entry in recovered.since_boot)
