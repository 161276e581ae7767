"""The play journal: entries, chain, frames, checkpoints (SPEC 9.2-9.8, 9.13).

The chain binds every entry to all before it; a checkpoint binds the chain to the box's key. Nothing here touches a
disk.

    chain = first_chain(box, 1)
    chain = next_chain(chain, 0, entry_bytes)
    disk.append(frame(entry_bytes, chain))
"""

import binascii
import hashlib
import struct

from device.protocol.codec import dumps_checked, loads
from device.protocol.errors import MalformedError
from device.protocol.limits import ENTRY_BYTES_MAX, JOURNAL_EPOCH_MAX, PLAYED_S_MAX
from device.protocol.record import VERSION, Document, fields_of, require_fields
from device.protocol.shape import (
    BOX,
    CODE,
    COUNT,
    INSTANT,
    NOTICE_NUMBER,
    ORDER_NUMBER,
    REGION,
    ROOM,
    SHA256,
    SONG,
    VENUE,
    array,
    boolean,
    free_text,
    integer,
    maybe,
    one_of,
    or_empty,
)
from device.protocol.updates import UPDATE_STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

CHAIN_BYTES = 32
FRAME_MAGIC = b"FJ"
FRAME_HEADER_BYTES = 10
FRAME_BYTES_MAX = FRAME_HEADER_BYTES + ENTRY_BYTES_MAX + CHAIN_BYTES
NO_HEAD = b"\x00" * CHAIN_BYTES

PLAY_KINDS = ("guest", "filler", "advert", "test")
END_REASONS = ("end", "skip", "lock", "ban", "hours", "power")
TIME_QUALITIES = ("signed", "held", "none")
EPOCH_REASONS = LOST, EDITED, DAMAGED, FLEET = "lost", "edited", "damaged", "fleet"

_ENDS = array(ORDER_NUMBER, 64)
_RESULT = one_of("accepted", "known", "rejected")
_PLAYED_S = integer(0, PLAYED_S_MAX)
_PLAY = (("room", ROOM), ("song", SONG), ("kind", one_of(*PLAY_KINDS)))
_EPOCH_RESULT = (("epoch", COUNT), ("result", _RESULT), ("code", CODE))

# SPEC 2: names in ascending order.
_ENTRY = (
    '{"at_ms":%s,"body":%s,"boot":%d,"box":"%s","epoch":%d,"kind":"%s","mono_ms":%d,"rtc_ms":%d,"seq":%d,"tq":"%s"'
    + ',"v":%d}' % VERSION
)

BODIES = {
    "EPOCH": (("size", COUNT), ("head", SHA256), ("reason", one_of(*EPOCH_REASONS)), ("at", COUNT)),
    "BOOT": (
        ("version", free_text(1, 32)),
        ("slot", one_of("a", "b")),
        ("clean", boolean),
        ("torn_bytes", COUNT),
        ("torn_sha256", or_empty(SHA256)),
        ("counter", COUNT),
    ),
    "PLAY_START": _PLAY + (("catalog_epoch", COUNT),),
    "PLAY_END": (("play", free_text(3, 40)),)
    + _PLAY
    + (
        ("played_s", _PLAYED_S),
        ("elapsed_s", COUNT),
        ("reason", one_of(*END_REASONS)),
        ("counted", boolean),
        ("cut_song_s", COUNT),
        ("policy_epoch", COUNT),
    ),
    "REFUSED": _PLAY + (("code", CODE),),
    "ORDER": (
        ("order", free_text(0, 40)),
        ("document", SHA256),
        ("kind", free_text(0, 10)),
        ("result", _RESULT),
        ("code", CODE),
        ("ends", _ENDS),
    ),
    "NOTICE": (("notice", free_text(0, 40)), ("document", SHA256), ("result", _RESULT), ("code", CODE)),
    "SHOWN": (("notice", NOTICE_NUMBER), ("what", one_of("shown", "acknowledged"))),
    "LEASE": (
        ("lease", COUNT),
        ("full_until_ms", INSTANT),
        ("core_from_ms", INSTANT),
        ("stop_at_ms", INSTANT),
        ("extension", COUNT),
    ),
    "TIME": (("from_ms", maybe(INSTANT)), ("to_ms", INSTANT)),
    "CLOCK": (("from_ms", INSTANT), ("to_ms", INSTANT)),
    "CATALOG": _EPOCH_RESULT,
    "POLICY": _EPOCH_RESULT,
    "UPDATE": (
        ("rollout", free_text(0, 40)),
        ("version", free_text(0, 32)),
        ("slot", one_of("a", "b")),
        ("state", one_of(*UPDATE_STATES)),
        ("code", CODE),
    ),
    "SEAL": (("open", boolean), ("opening", COUNT), ("at_boot", boolean)),
    "REOPEN": (("orders", _ENDS),),
    "CLAIM": (("venue", VENUE), ("region", REGION)),
    "FAULT": (("code", CODE), ("begun", boolean)),
}


def _plain_body(kind: str, counted: str) -> str:
    """What a body becomes as canonical text, where nothing in it needs an escape."""
    texts = ("kind", "play", "reason", "room", "song")
    parts = []
    for name in sorted([name for name, _ in BODIES[kind]]):
        value = counted if name == "counted" else f'"%({name})s"' if name in texts else f"%({name})d"
        parts.append(f'"{name}":{value}')
    return "{" + ",".join(parts) + "}"


# The two that are written for every song, by what `counted` says in them.
_PLAIN_BODIES = {
    ("PLAY_START", None): _plain_body("PLAY_START", ""),
    ("PLAY_END", True): _plain_body("PLAY_END", "true"),
    ("PLAY_END", False): _plain_body("PLAY_END", "false"),
}


class Entry(Document):
    """One entry; `body` is an object of the shape that `BODIES` has for its kind.

    `at_ms` is trusted time or None, `tq` its quality, `rtc_ms` what the real-time clock said, `mono_ms` the time since
    boot.
    """

    box: str
    epoch: int
    seq: int
    kind: str
    at_ms: "int | None"
    tq: str
    rtc_ms: int
    mono_ms: int
    boot: int
    body: "dict[str, Any]"

    BYTES_MAX = ENTRY_BYTES_MAX
    SHAPE = (
        ("box", BOX),
        ("epoch", integer(1, JOURNAL_EPOCH_MAX)),
        ("seq", COUNT),
        ("kind", one_of(*BODIES)),
        ("at_ms", maybe(INSTANT)),
        ("tq", one_of(*TIME_QUALITIES)),
        ("rtc_ms", INSTANT),
        ("mono_ms", INSTANT),
        ("boot", COUNT),
        ("body", lambda value, _where: value),
    )

    @classmethod
    def decode(cls, payload: bytes) -> "Self":
        """SPEC 9.2: an entry is its canonical form and no other, so that its text says no more than its fields."""
        entry = super().decode(payload)
        if entry.encode() != bytes(payload):
            raise MalformedError("DOCUMENT_MALFORMED", "an entry is canonical")
        return entry

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        entry = super().from_plain(value, where)
        checked = fields_of(entry.body, BODIES[entry.kind], f"{where}.body")
        # Arrays stay lists: the body is kept as the object that was read.
        entry.body = {name: list(item) if isinstance(item, tuple) else item for name, item in checked.items()}
        return entry

    def encode(self) -> bytes:
        return entry_bytes({name: getattr(self, name) for name, _ in self.SHAPE})


def _object(value: "Any", where: str) -> "dict[str, Any]":
    if not isinstance(value, dict):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be an object")
    return value


# What a start reads of an entry, and of which kinds it reads the body.
_READ = (
    ("box", BOX),
    ("epoch", COUNT),
    ("seq", COUNT),
    ("kind", free_text(1, 40)),
    ("at_ms", maybe(INSTANT)),
    ("boot", COUNT),
    ("mono_ms", INSTANT),
    ("body", _object),
)
_READ_BODIES = ("EPOCH", "BOOT", "PLAY_START", "PLAY_END")


def entry_bytes(value: "dict[str, Any]") -> bytes:
    """The canonical bytes of an entry with these fields and the version."""
    require_fields(value, Entry.SHAPE, "Entry")
    return own_entry_bytes(value)


def own_entry_bytes(value: "dict[str, Any]", is_checked: bool = False) -> bytes:
    """The same for the box itself, whose clock, place and name are of the right form; the body holds what others said.

    Without a writer of JSON but for the body: this one is written for every song, and those fields hold nothing that
    JSON escapes. is_checked: every field of the body has passed its check of `BODIES` already.
    """
    kind, body, at_ms = value["kind"], value["body"], value["at_ms"]
    plain = _PLAIN_BODIES.get((kind, body.get("counted"))) if is_checked else None
    if plain is not None and '"' not in body["room"] and "\\" not in body["room"]:
        body_text = plain % body
    else:
        require_fields(body, BODIES[kind], "Entry.body")
        body_text = dumps_checked(body).decode()
    text = _ENTRY % (
        "null" if at_ms is None else at_ms,
        body_text,
        value["boot"],
        value["box"],
        value["epoch"],
        kind,
        value["mono_ms"],
        value["rtc_ms"],
        value["seq"],
        value["tq"],
    )
    raw = text.encode()
    if len(raw) > ENTRY_BYTES_MAX:
        raise MalformedError("DOCUMENT_TOO_LARGE", f"{len(raw)} bytes, at most {ENTRY_BYTES_MAX}")
    return raw


def entry_of(raw: bytes, box: str, epoch: int, seq: int) -> "dict[str, Any] | None":
    """The entry in these bytes, as far as a start reads it; None where this box cannot have written them at this place
    (SPEC 9.13).

    No key is behind a frame: whoever has the card can make one. What else stands in an entry is for the fleet to judge:
    a version that was taken back again may have known more kinds and fields.
    """
    try:
        entry = loads(raw, ENTRY_BYTES_MAX)
        for name, check in _READ:
            check(entry[name], name)
        kind = entry["kind"]
        if kind in _READ_BODIES:
            body = entry["body"]
            for name, check in BODIES[kind]:
                check(body[name], name)
    except (KeyError, MalformedError):
        return None
    is_opening = epoch > 1 and seq == 0
    is_here = (entry["box"], entry["epoch"], entry["seq"], kind == "EPOCH") == (box, epoch, seq, is_opening)
    return entry if is_here else None


def play_id(epoch: int, seq: int) -> str:
    """SPEC 9.4."""
    return f"{epoch}-{seq}"


def first_chain(box: str, epoch: int, previous_head: bytes = NO_HEAD, previous_size: int = 0) -> bytes:
    """The chain value before the first entry of an epoch (SPEC 9.5)."""
    seed = b"FBJ1\x00" + box.encode() + b"\x00" + struct.pack(">I", epoch)
    return hashlib.sha256(seed + previous_head + struct.pack(">Q", previous_size)).digest()


def next_chain(chain: bytes, seq: int, entry: bytes) -> bytes:
    """The chain value at this entry."""
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    return hashlib.sha256(b"\x10" + chain + struct.pack(">Q", seq) + leaf).digest()


def chain_behind_gap(box: str, epoch: int, missing: int, seq: int) -> bytes:
    """The chain value before entry `seq` of an ended epoch where those from `missing` on cannot be read (SPEC 9.13)."""
    seed = b"FBJ2\x00" + box.encode() + b"\x00" + struct.pack(">I", epoch)
    return hashlib.sha256(seed + struct.pack(">QQ", missing, seq)).digest()


def frame(entry: bytes, chain: bytes) -> bytes:
    """The bytes on disk of an entry and its chain value (SPEC 9.6)."""
    if len(entry) > ENTRY_BYTES_MAX:
        raise MalformedError("DOCUMENT_TOO_LARGE", f"entry of {len(entry)} bytes, at most {ENTRY_BYTES_MAX}")
    body = entry + chain
    return FRAME_MAGIC + struct.pack(">II", len(entry), binascii.crc32(body)) + body


def parse_frame(data: bytes, offset: int = 0) -> "tuple[bytes, bytes, int] | None":
    """The entry, its chain value and the offset after the frame; None where no whole, undamaged frame stands."""
    header_end = offset + FRAME_HEADER_BYTES
    if len(data) < header_end or bytes(data[offset : offset + 2]) != FRAME_MAGIC:
        return None
    length, checksum = struct.unpack(">II", bytes(data[offset + 2 : header_end]))
    end = header_end + length + CHAIN_BYTES
    if not 1 <= length <= ENTRY_BYTES_MAX or len(data) < end:
        return None
    body = bytes(data[header_end:end])
    if binascii.crc32(body) != checksum:
        return None
    return body[:length], body[length:], end


def entry_position(raw: bytes) -> "tuple[str, int, int]":
    """Box, epoch and sequence of an entry without checking the rest: enough to chain it."""
    value = loads(raw, ENTRY_BYTES_MAX)
    fields = fields_of({name: value.get(name) for name in ("box", "epoch", "seq")}, Entry.SHAPE[:3], "Entry")
    return fields["box"], fields["epoch"], fields["seq"]


class Checkpoint(Document):
    """The head of a journal at a size, signed by the box (SPEC 9.8).

    counter: the hardware counter's value. ended: a later epoch has begun; this one is only sent on (SPEC 9.13).
    """

    box: str
    epoch: int
    size: int
    head: str
    at_ms: "int | None"
    boot: int
    counter: int
    ended: bool

    SHAPE = (
        ("box", BOX),
        ("epoch", integer(1, JOURNAL_EPOCH_MAX)),
        ("size", COUNT),
        ("head", SHA256),
        ("at_ms", maybe(INSTANT)),
        ("boot", COUNT),
        ("counter", COUNT),
        ("ended", boolean),
    )
