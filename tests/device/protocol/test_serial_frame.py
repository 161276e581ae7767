"""SPEC 15.5: frames on a noisy line."""

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.errors import MalformedError
from device.protocol.limits import SERIAL_PAYLOAD_BYTES_MAX
from device.protocol.serial_frame import HEADER_BYTES, SILENCE_MS_MAX, TRAILER_BYTES, FrameReader, frame

FRAME_BYTES_MAX = HEADER_BYTES + SERIAL_PAYLOAD_BYTES_MAX + TRAILER_BYTES
PAYLOADS = st.binary(min_size=1, max_size=40)
# Noise that looks like the beginning of frames is what costs most.
NOISE = st.lists(
    st.sampled_from([b"\xfb", b"\x01", b"\xfb\x01", b"\x00\x05", b"\x04\x00", b"\xff", b"a"]), max_size=20
).map(b"".join)


def read(*pieces: bytes, at_ms: int = 0) -> list[bytes]:
    reader = FrameReader()
    return [payload for piece in pieces for payload in reader.feed(piece, at_ms)]


def test_15_5_a_frame_as_the_clause_writes_it() -> None:
    assert frame(b"{}") == b"\xfb\x01\x00\x02{}" + binascii.crc32(b"\x00\x02{}").to_bytes(4, "big")


@pytest.mark.parametrize("payload", [b"", b"x" * (SERIAL_PAYLOAD_BYTES_MAX + 1)])
def test_15_5_a_payload_has_a_size(payload: bytes) -> None:
    with pytest.raises(MalformedError, match="DOCUMENT_TOO_LARGE"):
        frame(payload)


def test_15_5_the_largest_payload_is_read() -> None:
    assert read(frame(b"x" * SERIAL_PAYLOAD_BYTES_MAX)) == [b"x" * SERIAL_PAYLOAD_BYTES_MAX]


@given(st.lists(PAYLOADS, max_size=6), st.data())
def test_15_5_frames_are_found_however_the_stream_is_cut(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    reader = FrameReader()
    assert [found for piece in pieces for found in reader.feed(piece, 0)] == payloads
    assert reader.dropped_bytes == 0


@given(NOISE, PAYLOADS, PAYLOADS)
def test_15_5_after_noise_the_second_frame_is_read_at_the_latest(noise: bytes, first: bytes, second: bytes) -> None:
    """Each frame comes alone, with silence behind it: a VOD server waits for its answer before it goes on."""
    reader = FrameReader()
    early = reader.feed(noise + frame(first), 0)
    late = reader.feed(frame(second), SILENCE_MS_MAX + 1)
    assert late == [second]
    assert early in ([], [first])
    assert reader.dropped_bytes + sum(len(frame(payload)) for payload in early) == len(noise + frame(first))


@given(st.lists(NOISE | PAYLOADS.map(frame), max_size=30))
def test_15_5_memory_is_bounded_by_one_frame(pieces: list[bytes]) -> None:
    reader = FrameReader()
    fed = taken = 0
    for piece in pieces * 20:
        fed += len(piece)
        taken += sum(len(frame(payload)) for payload in reader.feed(piece, 0))
        assert 0 <= fed - taken - reader.dropped_bytes < FRAME_BYTES_MAX
    reader.expire(SILENCE_MS_MAX + 1)
    assert fed == taken + reader.dropped_bytes


def test_15_5_endless_noise_fills_no_memory() -> None:
    reader = FrameReader()
    for piece in (b"\xfb\x01\x04\x00", b"\xfb", b"\x00" * 100, b"\xfb\x01"):
        fed = 0
        before = reader.dropped_bytes
        for _ in range(200):
            assert reader.feed(piece * 10, 0) == []
            fed += len(piece) * 10
        assert fed - (reader.dropped_bytes - before) < 2 * FRAME_BYTES_MAX


@given(st.integers(0, 1_000), st.integers(1, 255))
def test_15_5_a_changed_byte_is_no_frame(place: int, flip: int) -> None:
    whole = bytearray(frame(b'{"id":1,"op":"state"}'))
    whole[place % len(whole)] ^= flip
    assert read(bytes(whole)) == []


def test_15_5_a_partial_frame_is_dropped_after_silence() -> None:
    reader = FrameReader()
    assert reader.feed(frame(b"lost")[:-1], 0) == []
    reader.expire(SILENCE_MS_MAX)
    assert reader.dropped_bytes == 0
    reader.expire(SILENCE_MS_MAX + 1)
    assert reader.dropped_bytes == len(frame(b"lost")) - 1
    assert reader.feed(frame(b"read"), SILENCE_MS_MAX + 2) == [b"read"]


def test_15_5_a_slow_line_is_not_silent() -> None:
    """The largest frame at 9,600 baud takes longer than the silence that ends it."""
    reader = FrameReader()
    whole = frame(b"x" * SERIAL_PAYLOAD_BYTES_MAX)
    found = [payload for at, byte in enumerate(whole) for payload in reader.feed(bytes([byte]), at * SILENCE_MS_MAX)]
    assert found == [b"x" * SERIAL_PAYLOAD_BYTES_MAX]


def test_15_5_a_mark_cut_in_two_is_seen() -> None:
    assert read(b"\xaa\xfb", frame(b"x")) == [b"x"]
    assert read(b"\xaa" + frame(b"x")[:1], frame(b"x")[1:]) == [b"x"]
