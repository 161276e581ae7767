"""Single bits that flip on the card: in the journal, and in the state record. Every one must be found.

A flip in the journal is found when the box says so (JOURNAL_DAMAGED, JOURNAL_UNAVAILABLE, torn bytes), or when what it
reads is shorter than it was. What it does read before the flip must be what was written, and but for the last frame
nothing behind it is lost: all of them are one group. Every other flip in a frame comes with the checksum mended, as an
owner would: then only the chain can tell.
"""

import binascii
import random
import struct
from itertools import pairwise

from device.drivers.journal_file import JournalFile
from device.drivers.state_store import NAME, StateStore
from device.ports import DriverError, Frame
from device.protocol.journal import FRAME_HEADER_BYTES, Entry, first_chain, next_chain, parse_frame
from tests import builders
from tests.device.drivers.crash_folder import CrashFolder, Files
from tests.device.drivers.journal_builders import OWNER
from tests.simulation.hardware import SECRET

ENTRIES = 24
BEYOND = 64  # zero bytes behind the last frame that take part


def journal(count: int, seed: int) -> int:
    """So many single flips; returns how many were found, which is all of them. Raises AssertionError."""
    chance = random.Random(seed)
    files, frames = _a_journal()
    name = min(name for name in files if name.endswith(".fbj"))
    bounds = _bounds(bytes(files[name]))
    for number in range(count):
        flipped = {other: bytearray(data) for other, data in files.items()}
        at = chance.randrange(bounds[-1] + BEYOND)
        flipped[name][at] ^= 1 << chance.randrange(8)
        is_mended = bool(number % 2) and _mend(flipped[name], bounds, at)
        where = f"seed {seed}, flip {number} at {at}{', checksum mended' if is_mended else ''}"
        owed = len(frames) if at < bounds[-2] and not is_mended else 0
        assert _is_found(flipped, frames, owed, where), f"{where}: nobody found it"
    return count


def state(count: int, seed: int) -> int:
    """As `journal`."""
    chance = random.Random(seed)
    disk = CrashFolder()
    record = bytes(chance.randrange(32, 127) for _ in range(700))
    StateStore(disk, SECRET).save(record)
    for number in range(count):
        flipped = {NAME: bytearray(disk.files[NAME])}
        at = chance.randrange(len(flipped[NAME]))
        flipped[NAME][at] ^= 1 << chance.randrange(8)
        assert _is_record_found(flipped), f"seed {seed}, flip {number} at {at} of the record: nobody found it"
    return count


def _is_record_found(files: Files) -> bool:
    try:
        StateStore(CrashFolder(files), SECRET).load()
    except DriverError as error:
        return error.code == "STATE_DAMAGED"
    return False


def _a_journal() -> tuple[Files, list[Frame]]:
    disk = CrashFolder()
    journal_file = JournalFile(disk, OWNER)
    journal_file.recover()
    chain = first_chain(builders.BOX, 1)
    frames = []
    for seq in range(ENTRIES):
        raw = _entry(seq)
        chain = next_chain(chain, seq, raw)
        frames.append(Frame(1, seq, raw, chain))
    journal_file.append(frames)
    return disk.files, frames


def _entry(seq: int) -> bytes:
    body = {"room": "K1", "song": "000482", "kind": "guest", "catalog_epoch": 1}
    return Entry(
        box=builders.BOX,
        epoch=1,
        seq=seq,
        kind="PLAY_START",
        at_ms=builders.NOON_MS + seq,
        tq="signed",
        rtc_ms=builders.NOON_MS + seq,
        mono_ms=seq,
        boot=1,
        body=body,
    ).encode()


def _bounds(data: bytes) -> list[int]:
    """Where frames begin, and where the last one ends."""
    found = [0]
    while (frame := parse_frame(data, found[-1])) is not None:
        found.append(frame[2])
    return found


def _mend(data: bytearray, bounds: list[int], at: int) -> bool:
    """Make the checksum of the frame right again; the first frame of a segment is what the fleet's copy is for."""
    for start, end in pairwise(bounds[1:]):
        if start + FRAME_HEADER_BYTES <= at < end:
            body = bytes(data[start + FRAME_HEADER_BYTES : end])
            struct.pack_into(">I", data, start + FRAME_HEADER_BYTES - 4, binascii.crc32(body))
            return True
    return False


def _is_found(files: Files, frames: list[Frame], owed: int, where: str) -> bool:
    reader = JournalFile(CrashFolder(files), OWNER)
    try:
        found = reader.recover()
        read = list(reader.read(0, len(frames), 1 << 20)) if found.size else []
    except DriverError:
        return True
    assert found.size >= owed, f"{where}: {found.size} entries of {owed} are left"
    if found.damaged_at is not None:
        read = read[: found.damaged_at]  # what is behind is for those who read around damage: the epoch has ended
    whole = [(frame.seq, frame.entry, frame.chain) for frame in frames[: len(read)]]
    assert [(frame.seq, frame.entry, frame.chain) for frame in read] == whole, f"{where}: another entry is read"
    return len(read) < len(frames) or found.torn_bytes > 0
