"""The emulated drivers against a real board process: the contract of every board, and what only this one has."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from device.drivers.emulated.board import board_on, open_board
from device.drivers.emulated.link import BoardLink
from device.ports import Board, DriverError
from hil_tests.bench.board import EmulatedBoard
from hil_tests.bench.waiting import wait_for
from hil_tests.board import boot_loader
from tests.contracts.board import BoardContract, Outside

pytestmark = pytest.mark.hil


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[EmulatedBoard]:
    bench = EmulatedBoard(tmp_path)
    (tmp_path / "slots").mkdir()
    with zipfile.ZipFile(tmp_path / "slots" / "a.img", "w") as image:
        image.writestr("__main__.py", "import signal; signal.pause()")
    bench.start()
    bench.power_on()
    wait_for("the box runs", lambda: bench.pid)
    yield bench
    bench.stop()


@pytest.fixture
async def board(bench: EmulatedBoard) -> AsyncIterator[Board]:
    link = BoardLink(bench.directory)
    yield board_on(link, bench.directory)
    link.close()


@pytest.fixture
def outside(bench: EmulatedBoard) -> Outside:
    def look(line: str) -> bool | str:
        return bool(bench.status()["watchdog"]["armed"]) if line == "watchdog" else bench.level(line)

    return look


class TestEmulatedBoard(BoardContract):
    pass


async def test_a_broken_seal_is_told_at_once(bench: EmulatedBoard, board: Board) -> None:
    seen: asyncio.Queue[bool] = asyncio.Queue()
    board.seal.subscribe(seen.put_nowait)
    assert not board.seal.is_open()
    bench.open_seal()
    assert await asyncio.wait_for(seen.get(), 30)
    assert board.seal.is_open()


async def test_a_clock_jump_is_seen_at_the_next_reading(bench: EmulatedBoard, board: Board) -> None:
    rtc_ms, mono_ms = board.clock.rtc_ms(), board.clock.mono_ms()
    bench.jump(rtc_ms=-3_600_000)
    assert board.clock.rtc_ms() < rtc_ms
    assert mono_ms <= board.clock.mono_ms() < mono_ms + 3_600_000
    bench.jump(mono_ms=86_400_000)
    assert board.clock.mono_ms() >= mono_ms + 86_400_000


async def test_box_and_boot_loader_understand_each_others_boot_state(bench: EmulatedBoard, board: Board) -> None:
    block = bench.directory / "slots" / "boot.blk"
    board.slots.arm()
    assert boot_loader.choose(block, {"a", "b"}) == "b"
    assert boot_loader.read(block) == boot_loader.BootState(seq=3, order="ba", a_left=2, b_left=2)
    board.slots.confirm(is_only=False)
    assert boot_loader.choose(block, {"a", "b"}) == "a"
    board.slots.confirm(is_only=True)
    state = boot_loader.read(block)
    assert state is not None
    assert (state.order, state.a_left, state.b_left) == ("ab", 3, 0)


async def test_outputs_are_read_back_with_their_times(bench: EmulatedBoard, board: Board) -> None:
    board.relay.set_closed(True)
    board.lamp.show("locked")
    assert bench.level("relay") is True
    assert bench.level("lamp") == "locked"
    assert bench.changes("relay")[-1]["at_ms"] <= bench.changes("lamp")[-1]["at_ms"]


def test_no_board_is_a_failure_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match=f"BOARD_FAILED.*{tmp_path.name}"):
        open_board(tmp_path)
