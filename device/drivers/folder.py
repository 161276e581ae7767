"""One directory of the disk, through the few calls that durability is made of.

Everything durable on the box (journal, state record, settings) goes through a Folder, so that a test can
stand in for the disk, keep unsynced writes apart and cut the power between any two of them.

1. A write is durable after `sync` of its file, a name after `sync_names`; nothing else is.
2. Errors are OSError and go up: whoever wrote knows what is lost, this module does not.
"""

import errno
import mmap
import os

from device.drivers import direct_file
from device.drivers.direct_file import DirectFile


class Folder:
    """Files of one directory by name; files that were written stay open until released."""

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        self._path = os.fspath(path)
        self._open: dict[str, int] = {}
        self._direct: dict[str, DirectFile | None] = {}  # None: the file system has no such way

    def names(self) -> list[str]:
        try:
            with os.scandir(self._path) as entries:
                return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
        except FileNotFoundError:
            return []  # made by the first write

    def size(self, name: str) -> int:
        return os.stat(self._at(name), follow_symlinks=False).st_size

    def read(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        """`length` bytes, fewer at the end of the file; -1 is all there are."""
        with open(self._at(name), "rb") as file:
            file.seek(offset)
            return file.read(length)

    def map(self, name: str) -> mmap.mmap:
        """The file as it is now, mapped for reading here and there; ValueError if it is empty."""
        with open(self._at(name), "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        # Else the kernel reads 128 KB around every page that is touched.
        mapped.madvise(mmap.MADV_RANDOM)
        return mapped

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write at `offset`, making the file if it is missing; not durable before `sync`."""
        descriptor = self._open.get(name)
        if descriptor is None:
            os.makedirs(self._path, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = self._open[name] = os.open(self._at(name), flags, 0o600)
        self._forget_block(name)
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            if not written:
                raise OSError(errno.EIO, "the disk took nothing")
            view, offset = view[written:], offset + written

    def sync(self, name: str) -> None:
        """Make what was written to the file durable, its length included."""
        os.fdatasync(self._open[name])

    def append(self, name: str, offset: int, data: bytes) -> None:
        """Add to the end of what was written to a pre-written file; durable on return (`direct_file` 1)."""
        if name not in self._direct:
            self._direct[name] = direct_file.opened(self._at(name))
        direct = self._direct[name]
        if direct is not None and len(data) <= direct_file.BUFFER_BYTES - direct_file.BLOCK_BYTES:
            if direct.append(offset, data):
                return
            direct.close()
            self._direct[name] = None
        self.write(name, offset, data)
        self.sync(name)

    def truncate(self, name: str, size: int) -> None:
        self._forget_block(name)
        os.truncate(self._at(name), size)

    def release(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
        direct = self._direct.pop(name, None)
        if direct is not None:
            direct.close()

    def rename(self, old: str, new: str) -> None:
        os.replace(self._at(old), self._at(new))

    def remove(self, name: str) -> None:
        os.unlink(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _forget_block(self, name: str) -> None:
        direct = self._direct.get(name)
        if direct is not None:
            direct.forget()

    def sync_names(self) -> None:
        """Make names that were made, changed or removed durable."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, name: str, data: bytes) -> None:
        """Put `data` in the place of a file, whole or not at all; durable on return."""
        temporary = f"{name}.new"
        try:
            if temporary in self.names():
                self.truncate(temporary, 0)  # what a cut left: emptied, and made durable by the same sync as the rest
            self.write(temporary, 0, data)
            self.sync(temporary)
        finally:
            self.release(temporary)
        self.rename(temporary, name)
        self.sync_names()
