"""SPEC 9.2-9.8: the chain sees everything, the frame sees every torn byte."""

import binascii
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.codec import dumps
from device.protocol.errors import MalformedError
from device.protocol.journal import (
    BODIES,
    FRAME_HEADER_BYTES,
    Checkpoint,
    Entry,
    chain_behind_gap,
    entry_of,
    entry_position,
    first_chain,
    frame,
    own_entry_bytes,
    parse_frame,
    play_id,
)
from device.protocol.limits import ENTRY_BYTES_MAX
from tests.device.protocol.builders import BODY_OF, BOX, chain_over, checkpoint, entries, entry


@pytest.mark.parametrize("kind", BODIES)
def test_9_3_every_kind_is_read_as_it_was_written(kind: str) -> None:
    original = entry(5, kind, BODY_OF[kind])
    assert Entry.decode(original.encode()) == original
    assert len(original.encode()) < 512


@pytest.mark.parametrize("kind", BODIES)
def test_9_3_a_body_has_exactly_the_fields_of_its_kind(kind: str) -> None:
    for name in BODY_OF[kind]:
        with pytest.raises(MalformedError, match=f"body.{name} is missing"):
            entry(5, kind, {key: item for key, item in BODY_OF[kind].items() if key != name} or {"x": 1}).encode()
    with pytest.raises(MalformedError, match="unknown names"):
        entry(5, kind, BODY_OF[kind] | {"guest": "name"}).encode()


@pytest.mark.parametrize("room", ["K1", "包房1", 'K"1', "K\\1", "%s", "%(kind)s", "\U00020000"])
@pytest.mark.parametrize(
    ("kind", "more"), [("PLAY_START", {}), ("PLAY_END", {"counted": True}), ("PLAY_END", {"counted": False})]
)
def test_9_2_what_is_written_for_every_song_is_canonical(room: str, kind: str, more: dict[str, bool]) -> None:
    original = entry(5, kind, BODY_OF[kind] | {"room": room} | more)
    fields = {name: getattr(original, name) for name, _ in Entry.SHAPE}
    assert own_entry_bytes(fields, is_checked=True) == original.encode()


def test_9_3_a_body_is_an_object() -> None:
    with pytest.raises(MalformedError, match="must be an object"):
        Entry.decode(entry(5).encode().replace(b'"body":{', b'"body":[{').replace(b'},"boot"', b'}],"boot"'))


def test_9_3_endings_may_be_given_as_a_tuple() -> None:
    original = entry(5, "ORDER", BODY_OF["ORDER"] | {"ends": ("310101-2026-000122",)})
    assert Entry.decode(original.encode()) == original


def test_9_2_an_entry_has_a_size() -> None:
    with pytest.raises(MalformedError, match="DOCUMENT_TOO_LARGE"):
        entry(5, "ORDER", BODY_OF["ORDER"] | {"ends": ["310101-2026-000122"] * 50}).encode()


def test_9_2_an_entry_says_where_it_stands() -> None:
    assert entry_position(entry(41).encode()) == (BOX, 1, 41)
    with pytest.raises(MalformedError):
        entry_position(b'{"box":"KTV-00A1","epoch":1}')


@pytest.mark.parametrize("kind", BODIES)
def test_9_13_an_entry_of_this_box_is_known_by_what_a_start_reads(kind: str) -> None:
    epoch, seq = (2, 0) if kind == "EPOCH" else (1, 41)
    value = json.loads(entry(seq, kind, BODY_OF[kind]).encode()) | {"epoch": epoch}
    newer = value | {"more": 1, "tq": "quartz"}
    for sound in (value, newer, newer | {"body": value["body"] | {"more": 1}}):
        assert entry_of(dumps(sound), BOX, epoch, seq) == sound
    for name in ("box", "epoch", "seq", "kind", "at_ms", "boot", "mono_ms", "body"):
        assert entry_of(dumps({key: item for key, item in value.items() if key != name}), BOX, epoch, seq) is None
        assert entry_of(dumps(value | {name: -1}), BOX, epoch, seq) is None
    is_read = kind in ("EPOCH", "BOOT", "PLAY_START", "PLAY_END")
    for name in BODY_OF[kind]:
        found = entry_of(dumps(value | {"body": value["body"] | {name: -1}}), BOX, epoch, seq)
        assert (found is None) is is_read
    for place in (("KTV-00A2", epoch, seq), (BOX, epoch + 1, seq), (BOX, epoch, seq + 1)):
        assert entry_of(dumps(value), *place) is None


def test_9_11_the_first_entry_of_a_later_epoch_is_its_opening_and_none_else_is() -> None:
    opening = json.loads(entry(0, "EPOCH", BODY_OF["EPOCH"]).encode())
    for epoch, seq, kind in ((1, 0, "EPOCH"), (2, 1, "EPOCH"), (2, 0, "TIME")):
        value = opening | {"epoch": epoch, "seq": seq, "kind": kind, "body": BODY_OF[kind]}
        assert entry_of(dumps(value), BOX, epoch, seq) is None


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]", b"[" * 900, b'{"kind":"BOOT"}', b"\xff", b" " * 2_000])
def test_9_13_no_entry_at_all_is_none_of_this_box(raw: bytes) -> None:
    assert entry_of(raw, BOX, 1, 0) is None


def test_9_4_a_play_is_known_by_its_start() -> None:
    assert play_id(1, 41) == "1-41"


def test_9_5_the_chain_as_the_clause_writes_it() -> None:
    text = entry(0).encode()
    start = hashlib.sha256(b"FBJ1\0KTV-00A1\0" + bytes.fromhex("00000001") + bytes(32) + bytes(8)).digest()
    leaf = hashlib.sha256(b"\x00" + text).digest()
    assert first_chain(BOX, 1) == start
    assert chain_over([text]) == [hashlib.sha256(b"\x10" + start + bytes(8) + leaf).digest()]


def test_9_5_an_epoch_goes_on_from_the_one_before() -> None:
    starts = {
        first_chain(box, epoch, head, size)
        for box in (BOX, "KTV-00A2")
        for epoch in (1, 2)
        for head in (bytes(32), b"\x01" * 32)
        for size in (0, 1)
    }
    assert len(starts) == 16


TEXTS = entries(12)
HEADS = chain_over(TEXTS)


@given(st.integers(0, 11), st.data())
def test_9_5_a_flipped_bit_changes_every_head_after_it(at: int, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(TEXTS[at]) - 1))
    changed = bytearray(TEXTS[at])
    changed[bit // 8] ^= 1 << bit % 8
    heads = chain_over([*TEXTS[:at], bytes(changed), *TEXTS[at + 1 :]])
    assert heads[:at] == HEADS[:at]
    assert not set(heads[at:]) & set(HEADS)


@given(st.permutations(range(12)))
def test_9_5_another_sequence_is_another_head(places: list[int]) -> None:
    heads = chain_over([TEXTS[at] for at in places])
    assert (heads[-1] == HEADS[-1]) == (places == sorted(places))


@given(st.integers(0, 11))
def test_9_5_dropping_or_inserting_an_entry_is_another_head(at: int) -> None:
    assert HEADS[-1] != chain_over(TEXTS[:at] + TEXTS[at + 1 :])[-1]
    assert HEADS[-1] not in chain_over([*TEXTS[:at], TEXTS[at], *TEXTS[at:]])[at + 1 :]


def test_9_5_where_one_entry_ends_matters() -> None:
    assert chain_over([b"ab", b"c"])[-1] != chain_over([b"a", b"bc"])[-1]


def test_9_6_a_frame_as_the_clause_writes_it() -> None:
    assert frame(b"entry", b"\x11" * 32) == (
        b"FJ"
        + bytes.fromhex("00000005")
        + binascii.crc32(b"entry" + b"\x11" * 32).to_bytes(4, "big")
        + b"entry"
        + b"\x11" * 32
    )


def test_9_6_frames_are_read_one_after_the_other() -> None:
    disk = b"".join(frame(text, chain) for text, chain in zip(TEXTS, HEADS, strict=True)) + bytes(4096)
    found = []
    offset = 0
    while parsed := parse_frame(disk, offset):
        text, chain, offset = parsed
        found.append((text, chain))
    assert found == list(zip(TEXTS, HEADS, strict=True))


def test_9_6_a_frame_torn_at_any_byte_is_no_frame() -> None:
    whole = frame(TEXTS[0], HEADS[0])
    assert parse_frame(whole) == (TEXTS[0], HEADS[0], len(whole))
    for cut in range(len(whole)):
        assert parse_frame(whole[:cut]) is None
        assert parse_frame(whole[:cut] + bytes(len(whole) - cut)) is None or set(whole[cut:]) == {0}


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_9_6_a_frame_changed_at_any_byte_is_no_frame(place: int, flip: int) -> None:
    whole = frame(TEXTS[0], HEADS[0])
    at = place % len(whole)
    damaged = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
    assert parse_frame(damaged + bytes(2000)) is None


def test_9_6_a_length_beyond_the_limit_is_no_frame() -> None:
    assert parse_frame(frame(b"x" * ENTRY_BYTES_MAX, HEADS[0])) is not None
    with pytest.raises(MalformedError):
        frame(b"x" * (ENTRY_BYTES_MAX + 1), HEADS[0])
    body = b"x" * (ENTRY_BYTES_MAX + 1) + HEADS[0]
    oversized = b"FJ" + (ENTRY_BYTES_MAX + 1).to_bytes(4, "big") + binascii.crc32(body).to_bytes(4, "big") + body
    assert len(oversized) > FRAME_HEADER_BYTES
    assert parse_frame(oversized) is None


def test_9_6_no_bytes_are_no_entry() -> None:
    assert parse_frame(b"FJ" + bytes(4) + binascii.crc32(HEADS[0]).to_bytes(4, "big") + HEADS[0]) is None


def test_9_8_a_checkpoint_is_read_as_it_was_written() -> None:
    original = checkpoint(TEXTS)
    assert Checkpoint.decode(original.encode()) == original
    assert original.head == HEADS[-1].hex()


def test_9_13_the_chain_behind_a_gap_says_what_is_missing() -> None:
    values = {
        chain_behind_gap(*place)
        for place in (("KTV-0001", 1, 7, 8), ("KTV-0002", 1, 7, 8), ("KTV-0001", 2, 7, 8), ("KTV-0001", 1, 6, 8),
                      ("KTV-0001", 1, 7, 9), ("KTV-0001", 1, 8, 8))
    }  # fmt: skip
    assert len(values) == 6
    seed = b"FBJ2\x00KTV-0001\x00" + bytes((0, 0, 0, 1)) + bytes(7) + b"\x07" + bytes(7) + b"\x08"
    assert chain_behind_gap("KTV-0001", 1, 7, 8) == hashlib.sha256(seed).digest()


def test_9_2_an_entry_has_one_spelling() -> None:
    sound = entry(5).encode()
    for other in (sound.replace(b":", b": ", 1), sound + b"\r", sound.replace(b"K01", b"\\u004b01")):
        with pytest.raises(MalformedError, match="an entry is canonical"):
            Entry.decode(other)
