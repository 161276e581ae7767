"""Room on the disk for several files at once (SPEC 5.1)."""

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from device.services.download_room import CATALOG, DOCUMENT, DOCUMENTS_BYTES, IMAGE, ROOM_BYTES_MIN, Room

MB = 1_000_000


class Disk:
    """On which nothing lies but what is in `folder`; `free` beyond the reserves."""

    def __init__(self, folder: Path, bytes_free: int) -> None:
        self.folder = folder
        self.bytes_free = bytes_free
        self.room = Room(folder)
        self.ended: list[str] = []

    def statvfs(self, _path: object) -> os.statvfs_result:
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        free = ROOM_BYTES_MIN + DOCUMENTS_BYTES + self.bytes_free - used
        return os.statvfs_result((1, 1, 0, free, free, 0, 0, 0, 0, 0))

    def begun(self, stack: ExitStack, name: str, length: int, urgency: int, has: int = 0) -> Path:
        place = self.folder / "partial" / name
        stack.enter_context(self.room.kept(place, length, urgency, lambda: self.ended.append(name)))
        place.write_bytes(bytes(has))
        return place


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path, 10 * MB)
    monkeypatch.setattr(os, "statvfs", disk.statvfs)
    return disk


def _is_full(disk: Disk, stack: ExitStack, name: str, length: int, urgency: int) -> bool:
    with pytest.raises(OSError, match="no room") as said:
        disk.begun(stack, name, length, urgency)
    return said.value.errno == errno.ENOSPC


def test_5_1_the_reserve_holds_for_all_that_is_still_to_come(disk: Disk) -> None:
    with ExitStack() as stack:
        disk.begun(stack, "table", 6 * MB, CATALOG, has=1 * MB)
        assert _is_full(disk, stack, "image", 5 * MB, IMAGE)  # 9 MB are free, 5 of them promised
        disk.begun(stack, "image", 4 * MB, IMAGE)
        assert disk.ended == []
    disk.begun(stack, "image", 9 * MB, IMAGE)


def test_5_1_an_image_gives_way_to_a_catalog(disk: Disk) -> None:
    with ExitStack() as stack:
        place = disk.begun(stack, "image", 8 * MB, IMAGE, has=7 * MB)
        assert _is_full(disk, stack, "table", 5 * MB, CATALOG)  # its reader has not let go of it yet
        assert disk.ended == ["image"]
        assert not place.exists()
    with ExitStack() as stack:
        disk.begun(stack, "table", 5 * MB, CATALOG)


def test_5_1_no_document_ends_a_catalog_or_an_image(disk: Disk) -> None:
    with ExitStack() as stack:
        disk.begun(stack, "image", 10 * MB, IMAGE, has=10 * MB)
        disk.begun(stack, "policy", DOCUMENTS_BYTES, DOCUMENT)
        assert disk.ended == []


def test_5_1_what_the_box_itself_needs_ends_them_all(disk: Disk) -> None:
    with ExitStack() as stack:
        table = disk.begun(stack, "table", 4 * MB, CATALOG, has=4 * MB)
        image = disk.begun(stack, "image", 6 * MB, IMAGE, has=6 * MB)
        disk.bytes_free = -DOCUMENTS_BYTES + 10 * MB
        disk.room.tidy()
        assert disk.ended == []
        disk.bytes_free -= 1
        disk.room.tidy()
        assert disk.ended == ["table", "image"]
        assert not table.exists()
        assert not image.exists()


def test_5_1_a_part_that_no_longer_fits_goes_when_the_box_needs_its_room(disk: Disk) -> None:
    place = disk.folder / "partial" / "table"
    place.write_bytes(bytes(4 * MB))
    disk.bytes_free = 4 * MB - DOCUMENTS_BYTES
    with ExitStack() as stack:
        assert _is_full(disk, stack, "table", 6 * MB, CATALOG)
        assert place.exists()
        disk.bytes_free -= 1
        assert _is_full(disk, stack, "table", 6 * MB, CATALOG)
    assert not place.exists()


def test_a_part_that_is_under_way_is_not_among_the_old_ones(disk: Disk) -> None:
    with ExitStack() as stack:
        first = disk.begun(stack, "image", 1, IMAGE, has=1)
        for number in range(9):
            disk.room.part(f"{number}").write_bytes(b"x")
        assert first.exists()
        assert len(list(first.parent.iterdir())) < 9
