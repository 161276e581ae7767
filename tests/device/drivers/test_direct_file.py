"""Appending past the page cache leaves the same bytes as a write and a sync, whether the file system can or not."""

import errno
import fcntl
import itertools
import os
import random
from pathlib import Path

import pytest

from device.drivers import direct_file
from device.drivers.folder import Folder

LENGTH = 1 << 18
NAME = "segment"


def prewritten(path: Path) -> Folder:
    folder = Folder(path)
    folder.write(NAME, 0, bytes(LENGTH))
    folder.sync(NAME)
    folder.release(NAME)
    return folder


def pieces(chance: random.Random) -> list[bytes]:
    sizes = [1, 4_095, 1, 4_096, 10, 8_191, *(chance.randrange(1, 9_000) for _ in range(30))]
    return [chance.randbytes(size) for size in sizes]


def refuse_direct(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    really = os.open

    def refusing(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(number, os.strerror(number))
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)


def refuse_direct_writes(monkeypatch: pytest.MonkeyPatch, number: int, from_call: int) -> None:
    """As a file system whose blocks are larger than ours; only after the open does it say so."""
    really, calls = os.pwrite, itertools.count()

    def refusing(file: int, data: bytes, at: int) -> int:
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT and next(calls) >= from_call:
            raise OSError(number, os.strerror(number))
        return really(file, data, at)

    monkeypatch.setattr(os, "pwrite", refusing)


@pytest.mark.parametrize("way", ["direct", "refused at the open", "refused at a write", "refused at a later write"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_what_is_appended_stands_there_and_zeros_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, number: int
) -> None:
    folder = prewritten(tmp_path)
    if way == "refused at the open":
        refuse_direct(monkeypatch, number)
    elif way != "direct":
        refuse_direct_writes(monkeypatch, number, 0 if way == "refused at a write" else 3)
    whole = b""
    for data in pieces(random.Random(4)):
        folder.append(NAME, len(whole), data)
        whole += data
        assert folder.read(NAME) == whole.ljust(LENGTH, b"\0")


def test_another_opens_the_file_and_goes_on(tmp_path: Path) -> None:
    prewritten(tmp_path).append(NAME, 0, b"a" * 5_000)
    folder = Folder(tmp_path)
    folder.append(NAME, 5_000, b"b" * 10)
    folder.release(NAME)
    folder.append(NAME, 5_010, b"c")
    assert folder.read(NAME).rstrip(b"\0") == b"a" * 5_000 + b"b" * 10 + b"c"


def test_what_another_call_has_written_is_not_undone(tmp_path: Path) -> None:
    folder = prewritten(tmp_path)
    folder.append(NAME, 0, b"a" * 100)
    folder.write(NAME, 10, b"B")
    folder.append(NAME, 100, b"c")
    folder.truncate(NAME, 50)
    folder.append(NAME, 50, b"d")
    assert folder.read(NAME).rstrip(b"\0") == b"a" * 10 + b"B" + b"a" * 39 + b"d"


def test_a_group_larger_than_the_buffer_is_written_all_the_same(tmp_path: Path) -> None:
    folder = prewritten(tmp_path)
    folder.append(NAME, 0, b"x" * 10)
    large = random.Random(5).randbytes(direct_file.BUFFER_BYTES - 100)
    folder.append(NAME, 10, large)
    folder.append(NAME, 10 + len(large), b"y")
    assert folder.read(NAME).rstrip(b"\0") == b"x" * 10 + large + b"y"


def test_an_error_goes_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prewritten(tmp_path)
    folder.append(NAME, 0, b"a")
    monkeypatch.setattr(os, "pwrite", lambda *_: 512)
    with pytest.raises(OSError, match="512 of 4096"):
        folder.append(NAME, 1, b"b")
    monkeypatch.undo()
    folder.append(NAME, 1, b"c")
    assert folder.read(NAME).rstrip(b"\0") == b"ac"
    refuse_direct(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        Folder(tmp_path).append(NAME, 2, b"d")


def test_a_file_that_ends_before_the_place_is_an_error_of_the_disk(tmp_path: Path) -> None:
    folder = prewritten(tmp_path)
    folder.append(NAME, 0, b"a" * 5_000)
    folder.truncate(NAME, 4_500)
    with pytest.raises(OSError, match="ends at 4500") as met:
        folder.append(NAME, 5_000, b"b")
    assert met.value.errno == errno.EIO
    assert folder.read(NAME) == b"a" * 4_500


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_another_error_of_a_write_is_a_verdict_and_no_other_way_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder = prewritten(tmp_path)
    refuse_direct_writes(monkeypatch, number, 0)
    with pytest.raises(OSError, match=os.strerror(number)):
        folder.append(NAME, 0, b"a")
    assert folder.read(NAME) == bytes(LENGTH)
