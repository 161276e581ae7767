"""SPEC 13: bundle, leg, and the boot block that a power cut may tear anywhere."""

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.errors import MalformedError
from device.protocol.limits import BOOT_ATTEMPTS
from device.protocol.updates import (
    BOOT_BLOCK_BYTES,
    BootState,
    BundleManifest,
    RolloutLeg,
    decode_boot_block,
    newest,
    next_boot,
)
from tests.device.protocol.builders import bundle_manifest, rollout_leg

STATES = st.builds(
    BootState,
    seq=st.integers(0, 1 << 40),
    order=st.sampled_from(["ab", "ba"]),
    a_left=st.integers(0, BOOT_ATTEMPTS),
    b_left=st.integers(0, BOOT_ATTEMPTS),
)


def state(seq: int = 7, order: str = "ab", a_left: int = 3, b_left: int = 0) -> BootState:
    return BootState(seq=seq, order=order, a_left=a_left, b_left=b_left)


def block(text: bytes) -> bytes:
    body = text + bytes(BOOT_BLOCK_BYTES - 4 - len(text))
    return binascii.crc32(body).to_bytes(4, "big") + body


def test_13_1_a_manifest_is_read_as_it_was_written() -> None:
    assert BundleManifest.decode(bundle_manifest().encode()) == bundle_manifest()
    with pytest.raises(MalformedError):
        bundle_manifest().replace(version="1.4").encode()


def test_13_2_a_leg_is_read_as_it_was_written() -> None:
    assert RolloutLeg.decode(rollout_leg().encode()) == rollout_leg()


@given(STATES)
def test_13_4_a_block_is_read_as_it_was_written(wanted: BootState) -> None:
    raw = wanted.encode()
    assert len(raw) == BOOT_BLOCK_BYTES
    assert decode_boot_block(raw) == wanted


def test_13_4_the_block_as_the_clause_writes_it() -> None:
    assert state().encode() == block(b"seq=7\0order=ab\0a_left=3\0b_left=0")


def test_13_4_other_writers_may_sort_the_names() -> None:
    assert decode_boot_block(block(b"a_left=3\0b_left=0\0order=ab\0seq=7")) == state()


def test_13_4_a_block_torn_at_any_byte_is_none_or_the_old_or_the_new() -> None:
    """The write of a block reaches the disk up to some byte; what stood there before is behind it."""
    old, new = state(seq=6, a_left=2), state(seq=8, order="ba", b_left=3)
    whole = new.encode()
    for before, standing in ((old.encode(), old), (bytes(BOOT_BLOCK_BYTES), None), (b"\xff" * BOOT_BLOCK_BYTES, None)):
        for torn in {whole[:cut] + before[cut:] for cut in range(BOOT_BLOCK_BYTES + 1)}:
            assert decode_boot_block(torn) == (new if torn == whole else standing if torn == before else None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(BOOT_BLOCK_BYTES),
        state().encode()[:-1],
        state().encode() + b"\0",
        block(b""),
        block(b"seq=7\0order=ab\0a_left=3"),
        block(b"seq=7\0order=ab\0a_left=3\0b_left=0\0c=1"),
        block(b"seq=7\0order=ab\0a_left=3\0b_left=0\0seq=8"),
        block(b"seq=7\0order=ab\0a_left=4\0b_left=0"),
        block(b"seq=7\0order=aa\0a_left=3\0b_left=0"),
        block(b"seq=-7\0order=ab\0a_left=3\0b_left=0"),
        block(b"seq=\0order=ab\0a_left=3\0b_left=0"),
        block(b"seq=7_0\0order=ab\0a_left=3\0b_left=0"),
        block(b"seq=" + b"9" * 16 + b"\0order=ab\0a_left=3\0b_left=0"),
        block(b"seq\0order=ab\0a_left=3\0b_left=0"),
        block(b"\xff\xfe=7\0order=ab\0a_left=3\0b_left=0"),
    ],
)
def test_13_4_what_is_no_block(raw: bytes) -> None:
    assert decode_boot_block(raw) is None


def test_13_4_the_newest_valid_block_counts() -> None:
    old, new = state(seq=6), state(seq=8)
    assert newest(old, new) == newest(new, old) == new
    assert newest(None, old) == newest(old, None) == old
    assert newest(None, None) is None


def test_13_4_the_first_slot_with_an_attempt_left_is_booted() -> None:
    assert next_boot(state(order="ab", a_left=3, b_left=1)) == ("a", state(seq=8, a_left=2, b_left=1))
    assert next_boot(state(order="ba", a_left=3, b_left=1)) == ("b", state(seq=8, order="ba", a_left=3, b_left=0))
    assert next_boot(state(order="ba", a_left=3, b_left=0)) == ("a", state(seq=8, order="ba", a_left=2, b_left=0))
    assert next_boot(state(a_left=0, b_left=0)) is None


def test_13_4_a_confirmed_slot_is_first_with_all_its_attempts() -> None:
    assert state(a_left=0, b_left=1).first("b") == state(seq=8, order="ba", a_left=0, b_left=BOOT_ATTEMPTS)
    assert state(order="ba", a_left=1).first("a") == state(seq=8, order="ab", a_left=BOOT_ATTEMPTS)


def test_13_4_a_slot_on_trial_that_never_confirms_is_left() -> None:
    """The way home: an armed slot uses up its attempts, then the other one boots."""
    current = state(order="ba", a_left=3, b_left=BOOT_ATTEMPTS)
    booted = []
    for _ in range(BOOT_ATTEMPTS + 1):
        found = next_boot(current)
        assert found is not None
        booted.append(found[0])
        current = found[1]
    assert booted == ["b"] * BOOT_ATTEMPTS + ["a"]
