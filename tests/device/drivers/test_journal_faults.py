"""A disk that fails: every call once, with every error, until no call is left to fail; short writes; stalls."""

import errno
import itertools
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from device.drivers import journal_torn as torn_files
from device.drivers.folder import Folder
from device.drivers.journal_file import FULL_AGAIN_S, JournalFile
from device.drivers.journal_segment import SPARE
from device.ports import DriverError, Frame
from device.protocol import journal
from tests.device.drivers.journal_builders import ANYBODY, BOX, Book

SEGMENT = 2_000
CALLS = ("write", "append", "sync", "rename", "remove", "sync_names", "read", "names")


class FailingFolder(Folder):
    """The real one, whose call number `fails_at` fails, with all that follow for as long as it is told to."""

    def __init__(self, path: Path, error: int) -> None:
        super().__init__(path)
        self.error = error
        self.calls = 0
        self.fails_at = -1
        self.fails_for = 1
        self.has_failed = False
        for name in CALLS:
            setattr(self, name, self._counted(getattr(self, name), name))

    def _counted(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.calls += 1
            if self.fails_at <= self.calls < self.fails_at + self.fails_for:
                self.has_failed = True
                raise OSError(self.error, f"{name}: {os.strerror(self.error)}")
            return call(*arguments)

        return counted


def close(disk: Folder) -> None:
    """A process has far fewer descriptors than these tests have evenings."""
    for name in {**disk._open, **disk._direct}:
        disk.release(name)


def live(disk: FailingFolder) -> None:
    """A venue's evening: whoever gets an error recovers, and goes on behind what is durable."""
    clock = itertools.count(0, FULL_AGAIN_S)  # by the time it is looked at again, a full disk has waited long enough
    opened = JournalFile(
        disk, ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT, kept_ms=0, mono_s=lambda: float(next(clock))
    )
    book = Book()
    durable = []

    def until_it_works(call: Callable[[], Any]) -> Any:
        for _ in range(10):
            try:
                return call()
            except DriverError:
                continue
        raise AssertionError("it does not heal")

    until_it_works(opened.recover)
    for step in range(12):
        frames = book.some(3)
        try:
            opened.append(frames)
            durable += frames
        except DriverError:
            found = until_it_works(opened.recover)
            assert found.size == len(durable), "what was not answered does not count, and nothing else is lost"
            book.go_back(1, found.size, found.head or journal.first_chain(BOX, 1), {})
        if step % 4 == 3:
            opened.acknowledged(1, len(durable) // 2)
            until_it_works(opened.tend)
    disk.fails_at = -1
    close(disk)
    after = Folder(disk._path)
    again = JournalFile(after, ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT)
    found = again.recover()
    assert found.size == len(durable)
    assert list(again.read(found.first, 1_000, 1 << 30)) == durable[found.first :]
    assert found.first <= len(durable) // 2
    close(after)


@pytest.mark.parametrize(
    ("error", "fails_for"),
    [(errno.EIO, 1), (errno.EIO, 4), (errno.ENOSPC, 1), (errno.EROFS, 4), (errno.EINTR, 1)],
)
def test_9_7_any_call_may_fail_and_the_journal_heals(tmp_path: Path, error: int, fails_for: int) -> None:
    """One after the other, until a whole evening passes without a failure."""
    for number in range(1, 2_000):
        disk = FailingFolder(tmp_path / str(number), error)
        disk.fails_at, disk.fails_for = number, fails_for
        live(disk)
        if not disk.has_failed:
            break
    assert number > 30, "that many calls were made to fail"


def test_a_write_that_takes_a_part_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    taken: list[int] = []

    def a_part(file: int, data: bytes, at: int) -> int:
        taken.append(write(file, bytes(data)[:7], at))
        return taken[-1]

    monkeypatch.setattr(os, "pwrite", a_part)
    whole = bytes(range(30))
    Folder(tmp_path).write("file", 5, whole)
    assert ((tmp_path / "file").read_bytes(), taken) == (bytes(5) + whole, [7, 7, 7, 7, 2])
    live(FailingFolder(tmp_path, 0))
    assert len(taken) > 1_000, "the evening was written in parts"


def test_a_write_that_takes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(OSError, match="took nothing"):
        Folder(tmp_path).write("file", 0, b"data")


def test_9_7_an_append_that_nobody_waits_for_any_more_does_not_count(tmp_path: Path) -> None:
    opened = JournalFile(Folder(tmp_path), ANYBODY)
    opened.recover()
    book = Book()
    first = book.some(2)
    opened.append(first)
    with pytest.raises(DriverError, match="stood still"):
        opened.append(book.some(2), lambda: False)
    found = opened.recover()
    assert (found.size, found.head) == (2, first[-1].chain)
    assert found.torn_bytes > 0, "what it wrote is kept, as what a cut leaves"
    other = Book.behind(1, 2, found.head).next("REFUSED")
    opened.append(other)
    assert list(JournalFile(Folder(tmp_path), ANYBODY).recover().since_boot)[-1] == other[0].entry


def test_torn_bytes_are_bounded(tmp_path: Path) -> None:
    opened = JournalFile(Folder(tmp_path), ANYBODY)
    opened.recover()
    torn_files.keep(Folder(tmp_path), 1, 0, b"a" * 600, bytes_max=1_000)
    torn_files.keep(Folder(tmp_path), 1, 7, b"b" * 600, bytes_max=1_000)
    assert torn_files.unreported(Folder(tmp_path), 1, -1) == b"b" * 600, "the oldest go first"


class ZerosFolder(Folder):
    """Stops whoever writes the spare segment where another thread may run: its file is open, nothing stands there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.renaming, self.opened, self.go_on = threading.Event(), threading.Event(), threading.Event()
        self.is_tended = False

    def write(self, name: str, offset: int, data: bytes) -> None:
        if self.is_tended and name == SPARE:
            super().write(name, 0, b"")
            self.opened.set()
            assert self.go_on.wait(60)
        super().write(name, offset, data)

    def rename(self, old: str, new: str) -> None:
        if self.is_tended and old == SPARE:
            self.renaming.set()
            self.opened.wait(0.2)  # where all is right nobody opens it now, however long this waits
        super().rename(old, new)


def test_9_12_who_writes_the_next_spare_never_meets_the_segment_that_the_last_one_has_become(tmp_path: Path) -> None:
    disk = ZerosFolder(tmp_path)
    opened = JournalFile(disk, ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT)
    opened.recover()
    opened.tend()
    book = Book()
    disk.is_tended = True

    def tend() -> None:
        assert disk.renaming.wait(60)
        opened.tend()

    beside = threading.Thread(target=tend)
    beside.start()
    durable: list[Frame] = []
    while not disk.renaming.is_set():
        frames = book.some(1)
        opened.append(frames)
        durable += frames
    disk.go_on.set()
    beside.join()
    again = JournalFile(Folder(tmp_path), ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT)
    assert again.recover().size == len(durable)
    assert list(again.read(0, 1_000, 1 << 30)) == durable


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_9_12_zeros_that_a_full_disk_does_not_take_are_offered_again_only_later(tmp_path: Path, error: int) -> None:
    now_s = [100.0]
    offered: list[str] = []

    class FullFolder(Folder):
        def write(self, name: str, offset: int, data: bytes) -> None:
            if name.endswith(".new") and is_full:
                offered.append(name)
                raise OSError(error, os.strerror(error))
            super().write(name, offset, data)

    is_full = False
    opened = JournalFile(
        FullFolder(tmp_path), ANYBODY, segment_bytes=SEGMENT, quota_bytes=1_000 * SEGMENT, mono_s=lambda: now_s[0]
    )
    opened.recover()
    is_full = True
    book = Book()
    for _ in range(25):
        now_s[0] += 1
        if opened.needs_tending:
            with suppress(DriverError):
                opened.tend()
        try:
            opened.append(book.next("REFUSED"))
        except DriverError:
            found = opened.recover()
            book = Book.behind(1, found.size, found.head)
    assert offered == [SPARE], "once, though the box asked for a segment again and again"
    is_full = False
    now_s[0] = 101 + FULL_AGAIN_S
    assert opened.needs_tending
    opened.tend()
    opened.append(book.some(20))
    assert opened.recover().size == found.size + 20
