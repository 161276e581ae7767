"""Bytes that cuts tore: kept beside the journal as `torn-EPOCH-SIZE.bin`, named by the size it had then, so
that they are found and named in BOOT until that entry is durable (SPEC 9.7).

They are evidence of a cut, not of a play, so their room is bounded: the oldest go first, and BOOT names
those that are kept.
"""

from device.drivers.folder import Folder
from device.drivers.journal_segment import read_sound

TORN_BYTES_MAX = 1 << 22
_PREFIX = "torn-"


def keep(folder: Folder, epoch: int, size: int, torn: bytes, bytes_max: int = TORN_BYTES_MAX) -> None:
    """Make them durable; again with the same bytes, after a cut, changes nothing. Raises OSError."""
    name = _name(epoch, size)
    names = [known for known in folder.names() if known.startswith(_PREFIX)]
    before = read_sound(folder, name)[0] if name in names else b""
    if before.endswith(torn):
        return
    folder.replace(name, (before + torn)[-bytes_max:])
    sizes = {known: folder.size(known) for known in sorted({*names, name})}
    for known in sorted(sizes):
        if sum(sizes.values()) <= bytes_max:
            return
        del sizes[known]
        folder.remove(known)


def unreported(folder: Folder, epoch: int, newest_boot: int) -> bytes:
    """Those that were set aside when the journal was longer than its newest BOOT (-1: all), oldest first."""
    names = [name for name in folder.names() if name.startswith(f"{_PREFIX}{epoch:08d}-") and name.endswith(".bin")]
    late = [name for name in names if newest_boot < 0 or name > _name(epoch, newest_boot)]
    return b"".join(read_sound(folder, name)[0] for name in late)


def _name(epoch: int, size: int) -> str:
    return f"{_PREFIX}{epoch:08d}-{size:012d}.bin"
