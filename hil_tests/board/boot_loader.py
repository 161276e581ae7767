"""The boot loader: which slot starts, and how often a slot on trial may fail (SPEC 13.4).

Written from the specification and not from the box's code, as the real one (a U-Boot script) is: a
mistake in how the box writes its boot state shows here.

Two blocks of 4,096 bytes, written alternately, the valid one with the highest ``seq`` counts; so a cut
while one is written leaves the other. The loader takes the first slot of ``order`` with attempts left,
lowers them, writes, boots. A slot without image has none. When nothing is left the first slot of
``order`` that has an image gets its attempts back: a sealed box must never end as a brick.
"""

import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK_BYTES = 4096
ATTEMPTS = 3
SLOTS = ("a", "b")


@dataclass(frozen=True)
class BootState:
    seq: int
    order: str
    a_left: int
    b_left: int

    def left(self, slot: str) -> int:
        return self.a_left if slot == "a" else self.b_left

    def with_left(self, slot: str, left: int) -> "BootState":
        return replace(self, a_left=left) if slot == "a" else replace(self, b_left=left)


FRESH = BootState(seq=0, order="ab", a_left=ATTEMPTS, b_left=0)


def encode(state: BootState) -> bytes:
    pairs = (("seq", state.seq), ("order", state.order), ("a_left", state.a_left), ("b_left", state.b_left))
    body = b"\0".join(f"{name}={value}".encode() for name, value in pairs).ljust(BLOCK_BYTES - 4, b"\0")
    return zlib.crc32(body).to_bytes(4, "big") + body


def decode(block: bytes) -> BootState | None:
    """None if the block is torn, empty, or says something that no loader can act on."""
    if len(block) != BLOCK_BYTES or int.from_bytes(block[:4], "big") != zlib.crc32(block[4:]):
        return None
    lines = [line.partition(b"=") for line in block[4:].rstrip(b"\0").split(b"\0")]
    values = {name.decode("ascii", "replace"): value.decode("ascii", "replace") for name, _, value in lines}
    try:
        state = BootState(int(values["seq"]), values["order"], int(values["a_left"]), int(values["b_left"]))
    except (KeyError, ValueError):
        return None
    return state if state.order in {"ab", "ba"} else None


def read(path: Path) -> BootState | None:
    raw = path.read_bytes() if path.exists() else b""
    blocks = [decode(raw[start : start + BLOCK_BYTES]) for start in (0, BLOCK_BYTES)]
    return max((state for state in blocks if state), key=lambda state: state.seq, default=None)


def write(path: Path, state: BootState) -> None:
    """Write the block that the state's number falls on; the other one stays as it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o644)
    try:
        if os.fstat(descriptor).st_size < 2 * BLOCK_BYTES:
            os.ftruncate(descriptor, 2 * BLOCK_BYTES)
        os.pwrite(descriptor, encode(state), (state.seq % 2) * BLOCK_BYTES)
    finally:
        os.close(descriptor)


def choose(path: Path, present: set[str]) -> str | None:
    """The slot to start now, its attempt already taken; None if there is no image at all."""
    state = read(path) or FRESH
    candidates = [slot for slot in state.order if slot in present]
    if not candidates:
        return None
    slot = next((slot for slot in candidates if state.left(slot) > 0), None)
    if slot is None:
        slot = candidates[0]
        state = state.with_left(slot, ATTEMPTS)
    state = replace(state.with_left(slot, state.left(slot) - 1), seq=state.seq + 1)
    write(path, state)
    return slot
