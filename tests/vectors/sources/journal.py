"""The journal: chains, frames, checkpoints, batches (SPEC 9, 10)."""

import binascii
import json
from typing import Any

from device.protocol.envelope import seal
from device.protocol.journal import chain_behind_gap, first_chain, frame, next_chain
from tests.device.protocol.builders import (
    BODY_OF,
    BOX,
    BOX_KEY,
    STRANGER,
    FixedKey,
    batch,
    chain_over,
    checkpoint,
    entry,
)
from tests.vectors.sources.vector import Vector, code, vector

TEXTS = [
    entry(0, "BOOT", BODY_OF["BOOT"]).encode(),
    entry(1, "PLAY_START", BODY_OF["PLAY_START"]).encode(),
    entry(2, "PLAY_END", BODY_OF["PLAY_END"] | {"play": "1-1", "room": "包厢1"}).encode(),
    entry(3, "SEAL", BODY_OF["SEAL"]).encode(),
    entry(4, "REFUSED", BODY_OF["REFUSED"]).encode(),
]
_HEADS = chain_over(TEXTS)


def chain_vectors() -> list[Vector]:
    def of(
        name: str, texts: list[str], epoch: int = 1, previous_head: bytes = bytes(32), previous_size: int = 0
    ) -> Vector:
        chain = first_chain(BOX, epoch, previous_head, previous_size)
        found = [chain.hex()]
        for seq, text in enumerate(texts):
            chain = next_chain(chain, seq, text.encode())
            found.append(chain.hex())
        given: dict[str, Any] = {"box": BOX, "epoch": epoch, "entries": texts}
        given |= {"previous_head": previous_head.hex(), "previous_size": previous_size}
        return vector(name, "9.5", {"chain": found}, **given)

    def behind(name: str, epoch: int, missing: int, seq: int) -> Vector:
        expected = {"chain": [chain_behind_gap(BOX, epoch, missing, seq).hex()]}
        return vector(name, "9.13", expected, box=BOX, epoch=epoch, missing=missing, seq=seq)

    return [
        behind("behind one entry that cannot be read", 1, 7, 8),
        behind("behind the lost beginning of a later epoch", 3, 0, 4_294_967_297),
        behind("begun anew where nothing is missing", 2, 5, 5),
        of("an empty journal", []),
        of("five entries", [text.decode() for text in TEXTS]),
        of("the second epoch goes on from the first", [TEXTS[0].decode()], 2, _HEADS[-1], len(TEXTS)),
        of("the chain is over bytes, not over documents", ["{}", '{"a":"中"}', " ", "\u0000"]),
    ]


def frame_vectors() -> list[Vector]:
    frames = [frame(text, chain) for text, chain in zip(TEXTS, _HEADS, strict=True)]
    read = [{"entry": text.decode(), "chain": chain.hex()} for text, chain in zip(TEXTS, _HEADS, strict=True)]
    two = frames[0] + frames[1]

    def of(name: str, data: bytes, count: int) -> Vector:
        expected = {"frames": read[:count], "end": len(b"".join(frames[:count]))}
        return vector(name, "9.6", expected, hex=data.hex())

    flipped = bytearray(two)
    flipped[-1] ^= 1
    longer = b"FJ" + (len(TEXTS[1]) + 1).to_bytes(4, "big") + frames[1][6:]

    def framed(entry: bytes) -> bytes:
        body = entry + bytes(32)
        return b"FJ" + len(entry).to_bytes(4, "big") + binascii.crc32(body).to_bytes(4, "big") + body

    return [
        of("nothing", b"", 0),
        of("two frames", two, 2),
        of("two frames and room written in advance", two + bytes(64), 2),
        of("the second torn by a byte", two[:-1], 1),
        of("the second torn in its head", two[: len(frames[0]) + 7], 1),
        of("the end of the second never reached the disk", two[:-20] + bytes(20), 1),
        of("one bit of the second's chain value", bytes(flipped), 1),
        of("a length that is not its own", frames[0] + longer + bytes(64), 1),
        of("another mark", frames[0] + b"JF" + frames[1][2:], 1),
        of("an entry beyond the limit", framed(b"x" * 1025), 0),
        of("an entry of no bytes", frames[0] + framed(b""), 1),
    ]


def batch_vectors() -> list[Vector]:
    """In this sequence to one server that knows nothing of the box: `then` is what it answers (10.2, 10.3)."""
    first, second = TEXTS[:2], TEXTS[2:4]
    forged = [TEXTS[0], TEXTS[1].replace(b"K01", b"K02")]
    again = _batch(first, 0)
    growth = _batch(second, 2)
    foreign = _batch(first, 0).replace('"box":"KTV-00A1","checkpoint"', '"box":"KTV-00A2","checkpoint"')
    gap = _batch([TEXTS[4]], 4)
    forgery = _batch(first, 0, STRANGER)
    foreign_forgery = forgery.replace('"box":"KTV-00A1","checkpoint"', '"box":"KTV-00A2","checkpoint"')
    oversized = _batch(second, 2, size=5)

    def head(size: int) -> dict[str, Any]:
        return {"size": size, "head": _HEADS[size - 1].hex() if size else first_chain(BOX, 1).hex()}

    def of(name: str, clause: str, text: str, expect: Any, result: str, size: int, then_code: str = "") -> Vector:
        then = {"result": result, "code": then_code, **head(size)}
        return vector(name, clause, expect, box=BOX, key=BOX_KEY.key.plain(), text=text, then=then)

    sound = {"from": 0, "size": 2}
    altered = json.loads(again)
    altered["entries"][1] = forged[1].decode()
    return [
        of("not from the beginning", "10.2", growth, {"from": 2, "size": 4}, "nack", 0, "BATCH_GAP"),
        of("a checkpoint by a stranger", "10.2", forgery, code("SIGNER_UNKNOWN"), "nack", 0, "SIGNER_UNKNOWN"),
        of("an entry altered on its way", "10.2", _text(altered), sound, "nack", 0, "BATCH_CHAIN"),
        of("another box's name on it", "10.2", foreign, sound, "nack", 0, "BATCH_IDENTITY"),
        of("another box's name on it, and a checkpoint by a stranger", "10.2", foreign_forgery, code("SIGNER_UNKNOWN"),
           "nack", 0, "BATCH_IDENTITY"),
        of("the first two entries", "10.2", again, sound, "ack", 2),
        of("the same batch again", "10.2", again, sound, "ack", 2),
        of("another past, signed by the box", "10.2", _batch(forged, 0), sound, "nack", 2, "BATCH_FORK"),
        of("entries left out", "10.2", gap, {"from": 4, "size": 5}, "nack", 2, "BATCH_GAP"),
        of("a size that is not the end", "10.2", oversized, {"from": 2, "size": 4}, "nack", 2, "BATCH_IDENTITY"),
        of("the next two entries", "10.2", growth, {"from": 2, "size": 4}, "ack", 4),
        of("all five, four of them known", "10.2", _batch(TEXTS, 0), {"from": 0, "size": 5}, "ack", 5),
        of("an old batch once more", "10.2", again, sound, "ack", 2),
        of("no batch", "10.1", "{}", code("DOCUMENT_VERSION"), "nack", 5, "DOCUMENT_VERSION"),
    ]  # fmt: skip


def _batch(texts: list[bytes], first: int, signer: FixedKey = BOX_KEY, size: int = 0) -> str:
    """Entries from sequence `first` on; the checkpoint is over all before them too, as the box had them."""
    whole = [*TEXTS[:first], *texts]
    mark = checkpoint(whole)
    sealed = seal("checkpoint", mark.replace(size=size or len(whole)).encode(), [signer])
    found = batch(texts)
    found.first, found.checkpoint = first, sealed
    return found.encode().decode()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
