"""Firmware: bundle manifest, rollout leg, boot state (SPEC 13)."""

import binascii
import struct

from device.protocol.catalog import ContentFile
from device.protocol.errors import MalformedError
from device.protocol.limits import BOOT_ATTEMPTS, MANIFEST_BYTES_MAX
from device.protocol.record import Document, Record
from device.protocol.shape import (
    BOX,
    INSTANT,
    NAME,
    TEXT,
    VERSION_NUMBER,
    consists_of,
    free_text,
    integer,
    one_of,
    record,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLOTS = ("a", "b")
BOOT_BLOCK_BYTES = 4_096
UPDATE_STATES = ("idle", "downloading", "written", "armed", "trial", "confirmed", "rolled-back", "rejected")


class BundleManifest(Document):
    """`firmware/VERSION/manifest.json`. `compatible` names the board; `security_epoch` may never fall on a box."""

    version: str
    compatible: str
    security_epoch: int
    image: ContentFile
    text_zh: str
    text_en: str

    BYTES_MAX = MANIFEST_BYTES_MAX
    SHAPE = (
        ("version", VERSION_NUMBER),
        ("compatible", NAME),
        ("security_epoch", integer(0)),
        ("image", record(ContentFile)),
        ("text_zh", TEXT),
        ("text_en", TEXT),
    )


class RolloutLeg(Document):
    """The fleet's wish that one box runs a version; what it may run is TUF's word (SPEC 13.2)."""

    box: str
    rollout: str
    version: str
    issued_at_ms: int

    SHAPE = (
        ("box", BOX),
        ("rollout", free_text(1, 40)),
        ("version", VERSION_NUMBER),
        ("issued_at_ms", INSTANT),
    )


class BootState(Record):
    """What the boot loader reads and writes: which slot first, and how many attempts each has left (SPEC 13.4)."""

    seq: int
    order: str
    a_left: int
    b_left: int

    SHAPE = (
        ("seq", integer(0)),
        ("order", one_of("ab", "ba")),
        ("a_left", integer(0, BOOT_ATTEMPTS)),
        ("b_left", integer(0, BOOT_ATTEMPTS)),
    )

    def left(self, slot: str) -> int:
        return self.a_left if slot == "a" else self.b_left

    def with_left(self, slot: str, left: int) -> "BootState":
        return self.replace(**{f"{slot}_left": left, "seq": self.seq + 1})

    def first(self, slot: str) -> "BootState":
        """The slot first, with all its attempts."""
        return self.with_left(slot, BOOT_ATTEMPTS).replace(order="ab" if slot == "a" else "ba")

    def encode(self) -> bytes:
        """One block."""
        text = "\x00".join([f"{name}={getattr(self, name)}" for name, _ in self.SHAPE]).encode()
        body = text + b"\x00" * (BOOT_BLOCK_BYTES - 4 - len(text))
        return struct.pack(">I", binascii.crc32(body)) + body


def decode_boot_block(block: bytes) -> "BootState | None":
    """The state in one block; None if the block is torn, empty or not of this version."""
    body = bytes(block[4:])
    if len(block) != BOOT_BLOCK_BYTES or struct.unpack(">I", bytes(block[:4]))[0] != binascii.crc32(body):
        return None
    try:
        return BootState.from_plain(_boot_fields(body), "boot state")
    except (MalformedError, UnicodeError):
        return None


def newest(first: "BootState | None", second: "BootState | None") -> "BootState | None":
    """The valid block with the highest `seq`."""
    if first is None or second is None:
        return first or second
    return first if first.seq >= second.seq else second


def next_boot(state: BootState) -> "tuple[str, BootState] | None":
    """The slot to boot and the state to write before; None if no slot has an attempt left."""
    for slot in state.order:
        if state.left(slot) > 0:
            return slot, state.with_left(slot, state.left(slot) - 1)
    return None


def _boot_fields(body: bytes) -> "dict[str, Any]":
    """The lines of a block, in whatever order its writer puts them."""
    fields: dict[str, Any] = {}
    for line in [line for line in body.split(b"\x00") if line]:
        name, _, value = line.decode().partition("=")
        if name in fields:
            raise MalformedError("DOCUMENT_MALFORMED", f"boot state: {name} stands twice")
        fields[name] = value if name == "order" else _number(value)
    return fields


def _number(text: str) -> int:
    return int(text) if consists_of(text, "0123456789") and 1 <= len(text) <= 15 else -1
