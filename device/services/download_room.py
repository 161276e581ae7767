"""Room on the disk for what is fetched (SPEC 5.1).

1. A file is begun only where ROOM_BYTES_MIN stay free beside all that is still to come of it and of every other that is
   under way: journal and state record need them to go on.
2. Where there is no room the oldest part that nobody fetches goes first, then what is under way and less urgent: an
   image before a catalog, a catalog before a document.
3. Catalogs and images leave room for documents besides, so that none of these is ended by a look.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

PARTIAL = "partial"
PARTIAL_COUNT_MAX = 4
ROOM_BYTES_MIN = 64 << 20  # the state record twice, two segments, and the fleet's metadata
DOCUMENTS_BYTES = 4 << 20  # a policy and a manifest, each at its largest
UNDER_WAY_MAX = 3  # one of each urgency
NEED, DOCUMENT, CATALOG, IMAGE = range(4)  # the box itself, then what is fetched, the most urgent first


class _Coming:
    """A file that is being fetched; `end` gives it up."""

    def __init__(self, length: int, urgency: int, end: Callable[[], None]) -> None:
        self.length = length
        self.urgency = urgency
        self.end = end


class Room:
    """Of one folder; calls come from threads, and block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts_folder = folder / PARTIAL
        self._parts_folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._coming: dict[Path, _Coming] = {}

    @contextlib.contextmanager
    def kept(self, place: Path, length: int, urgency: int, end: Callable[[], None]) -> Iterator[None]:
        """For a file of `length` bytes that is fetched into `place`, some of which may lie there already.

        Raises OSError ENOSPC.
        """
        with self._lock:
            if not self._made(length - size_of(place), urgency, place):
                if not self._made(0, NEED, place):
                    place.unlink(missing_ok=True)
                raise OSError(errno.ENOSPC, f"no room for the {length} bytes of {place.name}")
            self._coming[place] = _Coming(length, urgency, end)
        try:
            yield
        finally:
            with self._lock:
                self._coming.pop(place, None)

    def tidy(self) -> None:
        """Rule 2, for nothing but what the box itself needs."""
        with self._lock:
            self._made(0, NEED)

    def part(self, digest: str) -> Path:
        """Where a download lies that has no place of its own; older ones of other content make room."""
        with self._lock:
            for path in self._idle()[:-PARTIAL_COUNT_MAX]:
                if path.name != digest:
                    path.unlink(missing_ok=True)
        return self._parts_folder / digest

    def _made(self, length: int, urgency: int, but: Path | None = None) -> bool:
        """Rules 1 and 2; `but` is never removed."""
        for path in self._idle():
            if self._has(length, urgency):
                return True
            if path != but:
                path.unlink(missing_ok=True)
        if self._has(length, urgency):
            return True
        for path, coming in self._coming.items():
            if coming.urgency > urgency:
                coming.end()
                path.unlink(missing_ok=True)  # its bytes are free when its reader has let go of it
        return self._has(length, urgency)

    def _has(self, length: int, urgency: int) -> bool:
        disk = os.statvfs(self._folder)
        wanted = length + ROOM_BYTES_MIN
        if urgency > NEED:
            wanted += sum(max(0, coming.length - size_of(path)) for path, coming in self._coming.items())
        if urgency > DOCUMENT:
            wanted += DOCUMENTS_BYTES
        return disk.f_bavail * disk.f_frsize >= wanted

    def _idle(self) -> list[Path]:
        """Parts that nobody fetches, the oldest first."""
        found = [path for path in self._parts_folder.iterdir() if path not in self._coming]
        return sorted(found, key=lambda path: path.stat().st_mtime)


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
