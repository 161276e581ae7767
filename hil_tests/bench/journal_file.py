"""Reads a box's journal from its disk, from SPEC 9.5 and 9.6 alone: what an examiner with the disk would do.

Nothing of the box's code is used. The chain is computed anew from the first entry; a file that does not
hold together raises.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"FJ"
HEADER_BYTES = 10
CHAIN_BYTES = 32


@dataclass(frozen=True)
class JournalEntry:
    raw: bytes
    fields: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.fields["kind"])

    @property
    def body(self) -> dict[str, Any]:
        return dict(self.fields["body"])

    @property
    def play(self) -> str:
        """The id of the play that this entry starts (SPEC 9.4)."""
        return f"{self.fields['epoch']}-{self.fields['seq']}"


def read_journal(folder: Path, box: str) -> list[JournalEntry]:
    """All whole entries of epoch 1, oldest first. Raises ValueError where the chain does not hold."""
    entries: list[JournalEntry] = []
    chain = hashlib.sha256(
        b"FBJ1\0" + box.encode() + b"\0" + (1).to_bytes(4, "big") + bytes(32) + (0).to_bytes(8, "big")
    ).digest()
    for raw, stored in _frames(folder):
        leaf = hashlib.sha256(b"\x00" + raw).digest()
        chain = hashlib.sha256(b"\x10" + chain + len(entries).to_bytes(8, "big") + leaf).digest()
        fields = json.loads(raw)
        if chain != stored or fields["seq"] != len(entries):
            raise ValueError(f"{folder}: the chain breaks at entry {len(entries)}")
        entries.append(JournalEntry(raw, fields))
    return entries


def spoil(folder: Path, entries: Collection[bytes]) -> None:
    """One bit of each of these entries turns on the disk, as in a bad block; the box must not run."""
    for segment in sorted(folder.glob("*.fbj")):
        data = bytearray(segment.read_bytes())
        for raw in entries:
            at = data.find(raw)
            if at >= 0:
                data[at + len(raw) // 2] ^= 1
        segment.write_bytes(data)


def _frames(folder: Path) -> list[tuple[bytes, bytes]]:
    frames: list[tuple[bytes, bytes]] = []
    segments = sorted(folder.glob("*.fbj"))
    for segment, after in zip(segments, [*segments[1:], None], strict=False):
        data = segment.read_bytes()
        offset, seq = 0, int(segment.stem[9:])
        # Of each segment the entries before the next one's first count (SPEC 9.6).
        end = int(after.stem[9:]) if after is not None and after.stem[:8] == segment.stem[:8] else math.inf
        while data[offset : offset + 2] == MAGIC and seq < end:
            length = int.from_bytes(data[offset + 2 : offset + 6], "big")
            crc = int.from_bytes(data[offset + 6 : offset + HEADER_BYTES], "big")
            content = data[offset + HEADER_BYTES : offset + HEADER_BYTES + length + CHAIN_BYTES]
            if len(content) != length + CHAIN_BYTES or zlib.crc32(content) != crc:
                break
            frames.append((content[:length], content[length:]))
            offset, seq = offset + HEADER_BYTES + length + CHAIN_BYTES, seq + 1
    return frames
