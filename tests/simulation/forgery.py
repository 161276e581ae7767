"""Entries that whoever holds the card can write: the sum and the chain value are right, what they say is not.

for what, entry in forged_entries(): ...        # every kind of entry of the golden vectors, with every field wrong
forge(files, entry, place)                      # into the journal of a box whose power is off
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from device.protocol.errors import MalformedError
from device.protocol.journal import Entry, first_chain, frame, next_chain, parse_frame
from device.protocol.limits import ENTRY_BYTES_MAX, INSTANT_MAX, INTEGER_MAX
from tests import builders
from tests.device.drivers.crash_folder import Files
from tests.fuzz.parser import vectors

MISSING = object()
WRONG: tuple[Any, ...] = (
    MISSING, None, -1, 0, 1, INSTANT_MAX, INTEGER_MAX, INTEGER_MAX + 1, 1 << 80, 1.5, float("inf"), True, "", "x",
    "1-0", "x" * 300, "\ud800", [], [[]], {}, {"play": 5},
)  # fmt: skip
NO_ENTRY = (
    b"", b"nonsense", b'{"kind":"PLAY_START"}', b'{"kind":"BOOT"}', b"[" * 900, b'{"a":' * 180, b"[]", b"null", b"7",
    b"\xff\xfe\x00", '{"kind":"BOOT"}'.encode("utf-16"), b'{"body":{},"kind":"BOOT","kind":"BOOT"}', b" " * 1_024,
    b"\0" * 100, b"1" * 1_000,
)  # fmt: skip


class Forged(NamedTuple):
    """What is wrong, and the bytes of an entry at an epoch and number."""

    what: str
    value: dict[str, Any] | bytes

    def at(self, epoch: int, seq: int, before: dict[str, Any]) -> bytes:
        if isinstance(self.value, bytes):
            return self.value
        true = {"box": builders.BOX, "epoch": epoch, "seq": seq, "boot": before["boot"], "at_ms": before["at_ms"]}
        entry = {name: true[name] if item is TRUE else item for name, item in self.value.items()}
        return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii="\\ud800" in self.what).encode()


TRUE = object()  # what belongs there


def forged_entries() -> Iterator[Forged]:
    """All of them; some are sound after all."""
    yield from (Forged(repr(raw[:24]), raw) for raw in NO_ENTRY)
    for raw in vectors("entries", "entry"):
        try:
            Entry.decode(raw)
        except MalformedError:
            continue
        sound = json.loads(raw) | dict.fromkeys(("box", "epoch", "seq", "boot", "at_ms"), TRUE)
        for name in (*sound, "more"):
            for wrong in WRONG:
                yield Forged(f"{sound['kind']} {name} {wrong!r:.20}", _with(sound, name, wrong))
        for name in (*sound["body"], "more"):
            for wrong in WRONG:
                body = _with(sound["body"], name, wrong)
                yield Forged(f"{sound['kind']} body.{name} {wrong!r:.20}", sound | {"body": body})


def _with(value: dict[str, Any], name: str, wrong: object) -> dict[str, Any]:
    return {key: item for key, item in (value | {name: wrong}).items() if item is not MISSING}


def frames_in(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Entries and chain values from the beginning of a segment."""
    found, offset = [], 0
    while (one := parse_frame(raw, offset)) is not None:
        found.append(one[:2])
        offset = one[2]
    return found


def forge(files: Files, forged: Forged, back: int, is_rechained: bool) -> set[tuple[int, int]]:
    """Write it behind the last entry (back 0), or over the last but so many; gives the places that are lost by it.

    is_rechained: the entries behind it are made to continue it, else they continue what stood there. Where both it and
    the next one are well-formed nobody can tell which of the two was written anew: then the next one is lost as well.
    """
    name = max(name for name in files if name.endswith(".fbj"))
    epoch, first = int(name[:8]), int(name[9:21])
    known = frames_in(bytes(files[name]))
    at = len(known) - back
    chain = known[at - 1][1] if at else first_chain(builders.BOX, epoch)
    raw = forged.at(epoch, first + at, json.loads(known[-1][0]))[:ENTRY_BYTES_MAX]
    chain = next_chain(chain, first + at, raw)
    written = [(raw, chain)]
    for seq, (entry, old) in enumerate(known[at + 1 :], first + at + 1):
        chain = next_chain(chain, seq, entry) if is_rechained else old
        written.append((entry, chain))
    begin = sum(len(frame(*one)) for one in known[:at])
    data = b"".join(frame(*one) for one in written)
    files[name][begin:] = data.ljust(len(files[name]) - begin, b"\0")
    is_next_lost = not is_rechained and back > 1 and _is_entry(raw)
    return {(epoch, first + at + more) for more in range(1 + is_next_lost)} if back else set()


def _is_entry(raw: bytes) -> bool:
    try:
        Entry.decode(raw)
    except MalformedError:
        return False
    return True
