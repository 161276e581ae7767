"""What a card still has of epochs that have ended, and the fleet does not (SPEC 9.13)."""

from collections.abc import Mapping
from typing import Any

from device.protocol.journal import FRAME_MAGIC, Entry, parse_frame
from tests.simulation.fleet import Record

Read = dict[int, dict[int, tuple[Entry, bytes]]]  # by epoch and sequence number; with the chain value


def entries_on(files: Mapping[str, bytearray]) -> Read:
    """Every entry that can be read, also behind damage: by mark and CRC alone."""
    found: Read = {}
    names = sorted(name for name in files if name.endswith(".fbj"))
    for name, following in zip(names, [*names[1:], ""], strict=False):
        end = int(following[9:21]) if following[:8] == name[:8] else 1 << 53
        raw, offset = bytes(files[name]), 0
        while offset >= 0:
            frame = parse_frame(raw, offset)
            if frame is None:
                offset = raw.find(FRAME_MAGIC, offset + 1)
                continue
            text, chain, offset = frame
            entry = Entry.decode(text)
            if entry.seq < end:  # what stands behind never counted: the journal went on in the next segment (SPEC 9.6)
                found.setdefault(entry.epoch, {})[entry.seq] = entry, chain
    return found


def owed(files: Mapping[str, bytearray], record: Record, now: int) -> list[str]:
    """Entries of epochs before `now` that are on the card and not at the fleet.

    Left out is what the fleet cannot take: other than what it has at the same place, or was told that the epoch ends
    with (an owner made two histories); behind that end; and what a signed gap has given up.
    """
    read = entries_on(files)
    found = []
    for epoch in sorted(set(read) - {now}):
        known = record.epochs.get(epoch)
        chains = dict(known.chains) if known is not None else {}
        end = max(read[epoch]) + 1
        for opening in _openings(epoch + 1, read, record):
            end = min(end, opening["size"])
            chains[opening["size"] - 1] = bytes.fromhex(opening["head"])
        if all(chains.get(seq, chain) == chain for seq, (_, chain) in read[epoch].items()):
            begin = 0 if known is None else known.position.size
            found += [f"{epoch}-{seq}" for seq in sorted(read[epoch]) if begin <= seq < end]
    return found


def _openings(epoch: int, read: Read, record: Record) -> list[dict[str, Any]]:
    """What this epoch begins behind, by the card and by the fleet."""
    known = record.epochs.get(epoch)
    entries = [read[epoch][0][0]] if 0 in read.get(epoch, {}) else []
    entries += known.entries[:1] if known is not None and 0 in known.chains else []
    return [dict(entry.body) for entry in entries]
