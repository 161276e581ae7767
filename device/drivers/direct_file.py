"""Appending to a pre-written file past the page cache: durable when the call returns.

The same bytes as a write and a sync, in one call of half the cost: nothing is copied into the cache, looked for there
and written back from it.

1. What stands behind the data up to the next BLOCK_BYTES is written as zeros: for files that are appended to only.
2. A block that is partly full is written again with what it holds already, as the page cache does it too. A sector of
   the disk is old or new, and of what is rewritten both are the same.
3. A file system that has no such way says so at the open or at the first write, and has then written nothing: whoever
   asked takes the way through the cache. Every other error is a verdict.
"""

import errno
import mmap
import os

BLOCK_BYTES = 4_096  # what every disk and file system takes
BUFFER_BYTES = 1 << 18  # more than the largest group of entries
_HAS_NO_WAY = (errno.EINVAL, errno.EOPNOTSUPP)  # the latter of network and stacked file systems


def opened(path: str) -> "DirectFile | None":
    """None where the file system has no such way. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in _HAS_NO_WAY:
            raise
        return None
    return DirectFile(path, descriptor)


class DirectFile:
    """One open file, and the last block that was written."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._buffer = mmap.mmap(-1, BUFFER_BYTES)  # its address is a multiple of a page, as the disk wants it
        self._end = -1  # where the buffered block ends; -1: what it holds is not known

    def append(self, offset: int, data: bytes) -> bool:
        """Make `data` durable at `offset`, at most BUFFER_BYTES less one block; False if the file system wants other
        places or lengths (rule 3). Raises OSError.
        """
        start = offset - offset % BLOCK_BYTES
        kept = offset - start
        length = -(-(kept + len(data)) // BLOCK_BYTES) * BLOCK_BYTES
        if self._end != offset:
            with open(self._path, "rb") as file:
                file.seek(start)
                held = file.read(kept)
            if len(held) < kept:
                raise OSError(errno.EIO, f"the file ends at {start + len(held)}, before {offset}")
            self._buffer[:kept] = held
        self._end = -1
        self._buffer[kept : kept + len(data)] = data
        self._buffer[kept + len(data) : length] = bytes(length - kept - len(data))
        try:
            with memoryview(self._buffer) as view:
                written = os.pwrite(self._descriptor, view[:length], start)
        except OSError as error:
            if error.errno not in _HAS_NO_WAY:
                raise
            return False
        if written != length:
            raise OSError(errno.EIO, f"{written} of {length} bytes written")
        last = (kept + len(data)) // BLOCK_BYTES * BLOCK_BYTES
        self._buffer[:BLOCK_BYTES] = self._buffer[last : last + BLOCK_BYTES]
        self._end = offset + len(data)
        return True

    def forget(self) -> None:
        """Somebody else has written to the file."""
        self._end = -1

    def close(self) -> None:
        os.close(self._descriptor)
