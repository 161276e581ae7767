"""Files and blocks: catalogs, boot state (SPEC 8, 13.4)."""

import binascii
import hashlib
import struct
from typing import Any

from device.protocol.catalog import ADVERT, FILLER, NO_FILE, TEST, SongRecord, build, file_key, text_key
from device.protocol.updates import BOOT_BLOCK_BYTES, BootState
from tests.vectors.sources.vector import Vector, code, runs_of, vector

_SONGS = [
    SongRecord("SONG-000482", text_key("WORK-1"), file_key("ab" * 32), 254, 0),
    SongRecord("SONG-000483", text_key("WORK-1"), NO_FILE, 0, 0),
    SongRecord("99999999", text_key("FILL"), NO_FILE, 65_535, FILLER | TEST),
    SongRecord("AD_1", text_key("AD"), file_key("0f" * 32), 30, ADVERT),
]


def catalog_vectors() -> list[Vector]:
    data = build(12, _SONGS)
    wanted = [song.song for song in _SONGS]
    records = [_plain(song) for song in _SONGS]
    straddling = _straddling()
    found = [
        _catalog("four songs", data, 4, 12, [*wanted, "SONG-000484", ""], [*records, None, None]),
        _catalog("no song", build(1, []), 0, 1, ["SONG-000482"], [None]),
        _catalog("a key across two others is none", straddling, 2, 5, ["SONG-000482"], [None]),
    ]
    damaged = {
        "a header cut short": data[:31],
        "an index cut short": data[:262_175],
        "another mark": b"FBCATLG2" + data[8:],
        "a record cut short": data[:-1],
        "a byte too many": data + b"\x00",
        "records of another size": data[:12] + struct.pack(">I", 48) + data[16:],
        "entries that are not there": data[:8] + struct.pack(">I", 5) + data[12:],
    }
    for name, raw in damaged.items():
        found.append(vector(name, "8.2", code("CATALOG_MALFORMED"), runs=runs_of(raw), songs=[]))
    return found


def boot_block_vectors() -> list[Vector]:
    def of(name: str, raw: bytes, state: BootState | None, boots: str | None = None, **then: int) -> Vector:
        expect: Any = None
        if state is not None:
            after = state.plain() | {"seq": state.seq + 1} | then if boots else None
            expect = {"state": state.plain(), "boots": boots, "then": after}
        return vector(name, "13.4", expect, runs=runs_of(raw))

    normal = BootState(seq=7, order="ab", a_left=3, b_left=0)
    armed = BootState(seq=8, order="ba", a_left=3, b_left=3)
    spent = BootState(seq=11, order="ba", a_left=3, b_left=0)
    dead = BootState(seq=14, order="ba", a_left=0, b_left=0)
    whole = armed.encode()
    return [
        of("slot a", normal.encode(), normal, "a", a_left=2),
        of("slot b on trial", whole, armed, "b", b_left=2),
        of("slot b has used its attempts", spent.encode(), spent, "a", a_left=2),
        of("no slot has an attempt left", dead.encode(), dead),
        of("names in another sequence", _block(b"a_left=3\0b_left=0\0order=ab\0seq=7"), normal, "a", a_left=2),
        of("erased", b"\xff" * BOOT_BLOCK_BYTES, None),
        of("zeros", bytes(BOOT_BLOCK_BYTES), None),
        of("torn over zeros", whole[:12] + bytes(BOOT_BLOCK_BYTES - 12), None),
        of("torn over the older block", whole[:12] + normal.encode()[12:], None),
        of("cut short", whole[:-1], None),
        of("a name left out", _block(b"seq=7\0order=ab\0a_left=3"), None),
        of("a name twice", _block(b"seq=7\0order=ab\0a_left=3\0b_left=0\0seq=9"), None),
        of("a name too many", _block(b"seq=7\0order=ab\0a_left=3\0b_left=0\0c_left=1"), None),
        of("more attempts than there are", _block(b"seq=7\0order=ab\0a_left=4\0b_left=0"), None),
        of("a sequence that is no number", _block(b"seq=x\0order=ab\0a_left=3\0b_left=0"), None),
        of("a name that is no UTF-8", _block(b"\xff=7\0order=ab\0a_left=3\0b_left=0"), None),
    ]


def _catalog(name: str, data: bytes, entries: int, epoch: int, songs: list[str], expected: list[Any]) -> Vector:
    pages = b"".join(hashlib.sha256(data[at : at + 4096]).digest() for at in range(0, len(data), 4096))
    expect = {
        "entries": entries,
        "epoch": epoch,
        "sha256": hashlib.sha256(data).hexdigest(),
        "pages_sha256": hashlib.sha256(pages).hexdigest(),
        "songs": expected,
    }
    return vector(name, "8.2, 8.3", expect, runs=runs_of(data), songs=songs)


def _straddling() -> bytes:
    """Two keys of one bucket between which the wanted key stands, eight bytes in each."""
    wanted = hashlib.sha256(b"SONG-000482").digest()[:16]
    keys = [wanted[:2] + b"\x00" * 6 + wanted[:8], wanted[8:] + b"\xff" * 8]
    bucket = struct.unpack(">H", wanted[:2])[0]
    bounds = struct.pack(">65537I", *([0] * (bucket + 1) + [2] * (65_536 - bucket)))
    header = b"FBCATLG1" + struct.pack(">IIQ8x", 2, 40, 5)
    return header + bounds + b"".join(keys) + bytes(80)


def _plain(song: SongRecord) -> dict[str, Any]:
    return {
        "song": song.song,
        "work_key": song.work_key.hex(),
        "file_key": song.file_key.hex(),
        "duration_s": song.duration_s,
        "flags": song.flags,
    }


def _block(text: bytes) -> bytes:
    body = text + bytes(BOOT_BLOCK_BYTES - 4 - len(text))
    return binascii.crc32(body).to_bytes(4, "big") + body
