"""Slots and boot state on files, against the bench's boot loader, which was written from SPEC 13.4 alone."""

import hashlib
from pathlib import Path

import pytest

from device.drivers.slots_block import SlotsBlock
from device.ports import DriverError
from device.protocol.limits import BOOT_ATTEMPTS
from device.protocol.updates import BOOT_BLOCK_BYTES
from hil_tests.board import boot_loader

IMAGE = [b"first part, " * 1000, b"", b"last part"]
BOTH = {"a", "b"}


class Flash:
    """Two slots and the boot state of one board."""

    def __init__(self, path: Path) -> None:
        self.boot_state = path / "boot.blk"
        self.places = {slot: path / f"{slot}.img" for slot in "ab"}
        for place in self.places.values():
            place.write_bytes(b"\xff" * 50_000)
        self.boot_state.write_bytes(bytes(2 * BOOT_BLOCK_BYTES))

    def boot(self) -> SlotsBlock:
        slot = boot_loader.choose(self.boot_state, BOTH)
        assert slot is not None
        return SlotsBlock(slot, self.places, self.boot_state)


@pytest.fixture
def flash(tmp_path: Path) -> Flash:
    return Flash(tmp_path)


def test_an_image_goes_to_the_other_slot_and_is_read_back(flash: Flash) -> None:
    slots = flash.boot()
    whole = b"".join(IMAGE)
    assert slots.running() == "a"
    assert slots.write(IMAGE) == len(whole)
    assert slots.digest(len(whole)) == hashlib.sha256(whole).hexdigest()
    assert flash.places["a"].read_bytes() == b"\xff" * 50_000


def test_13_4_every_boot_is_a_trial_until_it_is_confirmed(flash: Flash) -> None:
    slots = flash.boot()
    assert slots.is_trial()
    slots.confirm(is_only=False)
    assert not slots.is_trial()
    assert flash.boot().is_trial()


def test_13_4_an_armed_slot_boots_its_attempts_and_then_the_old_one(flash: Flash) -> None:
    slots = flash.boot()
    slots.confirm(is_only=False)
    slots.arm()
    assert not slots.is_trial()
    assert [flash.boot().running() for _ in range(BOOT_ATTEMPTS + 1)] == ["b"] * BOOT_ATTEMPTS + ["a"]


def test_a_running_slot_without_attempts_is_still_fallen_back_to(flash: Flash) -> None:
    for _ in range(BOOT_ATTEMPTS):
        slots = flash.boot()
    slots.arm()
    assert [flash.boot().running() for _ in range(BOOT_ATTEMPTS + 1)] == ["b"] * BOOT_ATTEMPTS + ["a"]


def test_13_4_a_confirmed_slot_stays(flash: Flash) -> None:
    slots = flash.boot()
    slots.confirm(is_only=False)
    slots.arm()
    slots = flash.boot()
    assert slots.running() == "b"
    slots.confirm(is_only=False)
    for _ in range(3 * BOOT_ATTEMPTS):
        slots = flash.boot()
        slots.confirm(is_only=False)
        assert slots.running() == "b"


def test_13_5_power_cuts_bring_back_no_slot_that_was_barred(flash: Flash) -> None:
    """Unless the one that runs cannot be read any more: then a box that says what is the matter beats none."""
    flash.boot().confirm(is_only=False)
    SlotsBlock("a", flash.places, flash.boot_state).arm()
    flash.boot().confirm(is_only=True)
    assert [flash.boot().running() for _ in range(3 * BOOT_ATTEMPTS)] == ["b"] * 3 * BOOT_ATTEMPTS
    assert boot_loader.choose(flash.boot_state, {"a"}) == "a"


def test_13_5_a_barred_slot_is_armed_again_by_the_next_update(flash: Flash) -> None:
    slots = flash.boot()
    slots.confirm(is_only=True)
    slots.arm()
    assert [flash.boot().running() for _ in range(BOOT_ATTEMPTS + 1)] == ["b"] * BOOT_ATTEMPTS + ["a"]


def test_a_torn_write_of_the_boot_state_leaves_the_state_before(flash: Flash) -> None:
    slots = flash.boot()
    slots.confirm(is_only=False)
    before = flash.boot_state.read_bytes()
    slots.arm()
    after = flash.boot_state.read_bytes()
    for place in (0, BOOT_BLOCK_BYTES):
        for length in (1, 3, 4, 10, 40, 512, BOOT_BLOCK_BYTES):
            torn = bytearray(before)
            torn[place : place + length] = after[place : place + length]
            flash.boot_state.write_bytes(torn)
            assert boot_loader.read(flash.boot_state) in (_state(before), _state(after))


def _state(raw: bytes) -> boot_loader.BootState | None:
    blocks = [boot_loader.decode(raw[at : at + BOOT_BLOCK_BYTES]) for at in (0, BOOT_BLOCK_BYTES)]
    return max((state for state in blocks if state), key=lambda state: state.seq, default=None)


def test_a_slot_or_state_that_is_not_there_is_said(flash: Flash) -> None:
    slots = flash.boot()
    flash.places["b"].unlink()
    for use in (lambda: slots.write(IMAGE), lambda: slots.digest(1)):
        with pytest.raises(DriverError, match="SLOT_FAILED"):
            use()
    flash.boot_state.unlink()
    for change in (slots.is_trial, lambda: slots.confirm(is_only=False), slots.arm):
        with pytest.raises(DriverError, match="SLOT_FAILED"):
            change()
