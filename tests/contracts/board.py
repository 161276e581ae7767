"""What every board owes the box, whatever it is made of: one suite per port of `device.ports.Board`.

A board's own tests inherit the suite and give two fixtures. `board`: a fresh board that runs from slot `a`. `outside`:
what somebody beside the board sees of its `lamp`, its `relay` (whether it is closed) and its `watchdog` (whether it is
armed).
"""

import hashlib
from collections.abc import Callable

import pytest

from device.ports import LAMP_PATTERNS, Board, DriverError

Outside = Callable[[str], bool | str]

IMAGE = [b"first part, " * 1000, b"", b"last part"]


class BoardContract:
    async def test_the_monotonic_clock_never_falls(self, board: Board) -> None:
        readings = [board.clock.mono_ms() for _ in range(100)]
        assert readings == sorted(readings)
        assert readings[0] >= 0

    async def test_the_battery_clock_is_in_milliseconds_of_this_century(self, board: Board) -> None:
        assert 946_684_800_000 < board.clock.rtc_ms() < 4_102_444_800_000

    async def test_the_counter_only_rises(self, board: Board) -> None:
        before = board.counter.read()
        assert board.counter.tick() == before + 1
        assert board.counter.tick() == before + 2
        assert board.counter.read() == before + 2

    async def test_the_secret_is_32_bytes_and_stays(self, board: Board) -> None:
        assert len(board.secret.read()) == 32
        assert board.secret.read() == board.secret.read()

    async def test_a_seal_that_nobody_opened_says_so_and_its_latch_can_be_let_go(self, board: Board) -> None:
        assert not board.seal.is_open()
        assert not board.seal.was_opened()
        board.seal.release()
        assert not board.seal.was_opened()

    async def test_the_lamp_shows_every_pattern(self, board: Board, outside: Outside) -> None:
        for pattern in LAMP_PATTERNS:
            board.lamp.show(pattern)
            assert outside("lamp") == pattern

    async def test_the_relay_is_as_it_was_set(self, board: Board, outside: Outside) -> None:
        for closed in (True, False, True, True, False):
            board.relay.set_closed(closed)
            assert outside("relay") is closed

    async def test_the_first_feed_arms_the_watchdog(self, board: Board, outside: Outside) -> None:
        assert outside("watchdog") is False
        board.watchdog.feed()
        assert outside("watchdog") is True

    async def test_an_image_is_read_back_as_it_was_written(self, board: Board) -> None:
        whole = b"".join(IMAGE)
        assert board.slots.write(IMAGE) == len(whole)
        assert board.slots.digest(len(whole)) == hashlib.sha256(whole).hexdigest()
        assert board.slots.digest(5) == hashlib.sha256(whole[:5]).hexdigest()

    async def test_a_boot_is_a_trial_until_it_is_confirmed(self, board: Board) -> None:
        assert board.slots.running() == "a"
        assert board.slots.is_trial()
        board.slots.confirm(is_only=False)
        assert not board.slots.is_trial()

    async def test_arming_the_other_slot_leaves_the_running_one_confirmed(self, board: Board) -> None:
        board.slots.confirm(is_only=False)
        board.slots.arm()
        assert board.slots.running() == "a"
        assert not board.slots.is_trial()

    async def test_an_image_that_was_never_written_is_a_failure_of_the_slot(self, board: Board) -> None:
        with pytest.raises(DriverError, match="SLOT_FAILED"):
            board.slots.digest(1)
