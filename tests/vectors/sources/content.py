"""Files and blocks: catalogs, boot state (SPEC 8, 13.4)."""

import binascii
import hashlib
import struct
from typing import Any

from device.protocol.catalog import ADVERT, CORE, FILLER, TEST, SongRecord, gone_row, row_of
from device.protocol.catalog_table import Layout, build
from device.protocol.updates import BOOT_BLOCK_BYTES, BootState
from tests.vectors.sources.vector import Vector, code, runs_of, vector

_FILE, _OTHER_FILE, _PICTURE = "ab" * 32, "0f" * 32, "5e" * 32
_SCOPES = ((), ("110000", "310000"), ("440300",))
_ROWS = [
    row_of("SONG-000482", "WORK-1", file=_FILE, picture=_PICTURE, duration_s=254, flags=CORE),
    row_of("SONG-000483", "WORK-1", scope=2, not_before=20_000, not_after=20_454),
    row_of("99999999", "FILL", duration_s=65_535, flags=FILLER | TEST, scope=1),
    row_of("AD_1", "AD", file=_OTHER_FILE, duration_s=30, flags=ADVERT),
]


def catalog_vectors() -> list[Vector]:
    data = build(12, _ROWS, _SCOPES)
    records = [SongRecord(row, _SCOPES) for row in _ROWS]
    wanted = [record.song for record in records]
    many = [row_of(f"S{number}", "W", file=f"{number:064x}") for number in range(200)]
    found = [
        _catalog(
            "four songs", data, [*wanted, "SONG-000484", "SONG-00048", ""], [*map(_plain, records), None, None, None]
        ),
        _catalog("no song", build(1, []), ["SONG-000482"], [None]),
        _catalog(
            "an overlay",
            build(13, [gone_row("AD_1")]),
            ["AD_1", "99999999"],
            [_plain(SongRecord(gone_row("AD_1"))), None],
        ),
        _catalog(
            "two hundred songs",
            build(1, many),
            ["S7", "S199", "S200"],
            [*(_plain(SongRecord(many[at])) for at in (7, 199)), None],
        ),
    ]
    found[0]["files"] = [_FILE, _OTHER_FILE, "ac" * 32]
    found[0]["expect"]["files"] = ["SONG-000482", "AD_1", None]
    body = data[: Layout(data[:64], len(data)).pages_at]
    damaged = {
        "a header cut short": data[:63],
        "an index cut short": data[:100],
        "another mark": _sealed(b"FBCATLG2" + body[8:]),
        "a page hash cut short": data[:-1],
        "a byte too many": data + b"\x00",
        "rows of another size": _sealed(body[:12] + struct.pack(">I", 48) + body[16:]),
        "rows that are not there": _sealed(body[:8] + struct.pack(">I", 5) + body[12:]),
        "an index of too few bits": _sealed(body[:24] + struct.pack(">I", 3) + body[28:]),
        "more files than rows": _sealed(body[:28] + struct.pack(">I", 5) + body[32:]),
        "a page that is not what its hash says": body[:-1] + b"?" + data[len(body) :],
        "a scope that is no region": _sealed(body[:-6] + b"44030x"),
    }
    damaged["more scopes than there may be"] = _sealed(_with_scopes(body, data, b";".join([b"110000"] * 1_000)))
    damaged["a scope of too many regions"] = _sealed(_with_scopes(body, data, b",".join([b"110000"] * 65)))
    damaged["an empty scope"] = _sealed(_with_scopes(body, data, b"110000;;310000"))
    found += _unasked(body, data, wanted, [_plain(record) for record in records])
    for name, raw in damaged.items():
        found.append(vector(name, "8.2", code("CATALOG_MALFORMED"), runs=runs_of(raw), songs=[], files=[]))
    return found


def _unasked(body: bytes, data: bytes, songs: list[str], plain: list[Any]) -> list[Vector]:
    """What a builder keeps to and no reader asks: TUF vouches for the file (SPEC 8.2)."""
    most = b";".join([b"110000", b"440300"] + [b"110000"] * 997)
    layout = Layout(data[:64], len(data))
    rows_at, last = layout.rows_at, layout.rows_at + 64 * 3
    places = {song: at for at in range(rows_at, last + 64, 64) if (song := _song_at(body, at)) in songs}
    filler = places["99999999"]
    empty = next(at for at in range(layout.index_at, rows_at, 4) if body[at : at + 4] == bytes(4))
    # What is changed, the raw table, and what of the row of the filler reads otherwise then.
    sound: list[tuple[str, bytes, dict[str, Any]]] = [
        ("zeros of the header that are none", _put(body, 36, b"\x01"), {}),
        ("as many scopes as there may be", _with_scopes(body, data, most), {"regions": ["110000"]}),
        (
            "regions of a scope in another sequence",
            _with_scopes(body, data, b"310000,110000;440300"),
            {"regions": ["310000", "110000"]},
        ),
        ("a scope that there is not", _put(body, filler + 53, b"\x00\x03"), {"regions": None}),
        ("flags that mean nothing yet", _put(body, filler + 61, b"\x7f\xf5"), {"flags": 0x7FF5}),
        ("a last byte of a row that is no zero", _put(body, filler + 63, b"\x01"), {}),
        ("an index that has rows where there are none", _put(body, empty, b"\xff\x1f\x00\x00"), {}),
        ("epoch 0", _put(body, 16, bytes(8)), {}),
        ("a number of a row that there is not", _put(body, layout.file_rows_at, b"\xff\xff\x00\x00"), {}),
    ]
    found = []
    for name, raw, changed in sound:
        expected = [song | (changed if song["song"] == "99999999" else {}) for song in plain]
        found.append(_catalog(name, _sealed(raw), songs, expected))
    # A row that nobody can ask for, and rows in another sequence: what the index leads to is found all the same.
    unlisted = _put(body, filler, b"?" * 21)
    swapped = body[:rows_at] + b"".join(body[at : at + 64] for at in range(last, rows_at - 1, -64)) + body[last + 64 :]
    found.append(_catalog("a row whose song is none", _sealed(unlisted), ["99999999"], [None]))
    found.append(_catalog("rows in another sequence", _sealed(_pointing_anywhere(swapped, layout)), songs, plain))
    return found


def _pointing_anywhere(body: bytes, layout: Layout) -> bytes:
    """Every word of the song index leads to all rows."""
    word = struct.pack("<I", layout.entries << 8 | 0xFF)
    return _put(body, layout.index_at, word * (1 << layout.bits))


def _song_at(body: bytes, at: int) -> str:
    return body[at : at + 21].rstrip(b"\x00").decode("latin-1")


def _put(body: bytes, at: int, data: bytes) -> bytes:
    return body[:at] + data + body[at + len(data) :]


def _with_scopes(body: bytes, data: bytes, scopes: bytes) -> bytes:
    """The same table with other scopes."""
    at = Layout(data[:64], len(data)).scopes_at
    return body[:32] + struct.pack(">I", len(scopes)) + body[36:at] + scopes


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
        of("numbers with leading zeros", _block(b"seq=007\0order=ab\0a_left=03\0b_left=0"), normal, "a", a_left=2),
        of("a number of sixteen digits", _block(b"seq=0000000000000007\0order=ab\0a_left=3\0b_left=0"), None),
        of("a number with a sign", _block(b"seq=+7\0order=ab\0a_left=3\0b_left=0"), None),
        of("a number with a low line", _block(b"seq=0_7\0order=ab\0a_left=3\0b_left=0"), None),
        of("another order", _block(b"seq=7\0order=aa\0a_left=3\0b_left=0"), None),
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


def _catalog(name: str, data: bytes, songs: list[str], expected: list[Any]) -> Vector:
    layout = Layout(data[:64], len(data))
    expect = {
        "entries": layout.entries,
        "epoch": layout.epoch,
        "sha256": hashlib.sha256(data).hexdigest(),
        "pages_sha256": hashlib.sha256(data[layout.pages_at :]).hexdigest(),
        "songs": expected,
        "files": [],
    }
    return vector(name, "8.2, 8.3", expect, runs=runs_of(data), songs=songs, files=[])


def _sealed(body: bytes) -> bytes:
    return body + b"".join(hashlib.sha256(body[at : at + 4096]).digest() for at in range(0, len(body), 4096))


def _plain(song: SongRecord) -> dict[str, Any]:
    return {
        "song": song.song,
        "work_key": song.work_key.hex(),
        "file_key": song.file_key.hex(),
        "picture_key": song.picture_key.hex(),
        "regions": list(song.regions or ()),
        "not_before": song.not_before,
        "not_after": song.not_after,
        "duration_s": song.duration_s,
        "flags": song.flags,
    }


def _block(text: bytes) -> bytes:
    body = text + bytes(BOOT_BLOCK_BYTES - 4 - len(text))
    return binascii.crc32(body).to_bytes(4, "big") + body
