"""The emulated board keeps its word towards any program in its slots; here the program is a toy."""

import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.bench.board import EmulatedBoard
from hil_tests.bench.waiting import wait_for
from hil_tests.board import boot_loader

pytestmark = pytest.mark.hil

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
REBOOTER = (
    "import pathlib, signal, sys; mark = pathlib.Path('rebooted')\n"
    "if not mark.exists(): mark.touch(); sys.exit(75)\nsignal.pause()"
)
CRASHER = "raise SystemExit(1)"
FEEDS_ONCE = (
    "import signal, socket\nboard = socket.socket(socket.AF_UNIX); board.connect('board.sock')\n"
    'board.sendall(b\'{"do": "feed"}\\n\'); signal.pause()'
)


def put_image(folder: Path, slot: str, program: str) -> None:
    image = folder / "slots" / f"{slot}.img"
    image.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(image, "w") as archive:
        archive.writestr("__main__.py", program)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[EmulatedBoard]:
    board = EmulatedBoard(tmp_path / "board")
    board.directory.mkdir()
    board.start()
    yield board
    board.stop()


def wait_up(board: EmulatedBoard, boots: int) -> int:
    wait_for(f"boot {boots}", lambda: board.status()["boots"] >= boots and board.pid)
    pid = board.pid
    assert pid is not None
    return pid


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_box_is_started_again(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", SLEEPER)
    board.power_on()
    first = wait_up(board, 1)
    os.kill(first, signal.SIGKILL)
    assert wait_up(board, 2) != first
    assert board.status()["why"] == "crash"


def test_a_cut_leaves_no_process_and_power_brings_it_back(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", SLEEPER)
    board.power_on()
    pid = wait_up(board, 1)
    board.cut()
    assert gone(pid)
    assert board.status()["power"] == "off"
    board.power_on()
    wait_up(board, 2)
    assert board.status()["why"] == "power"


def test_exit_75_is_a_reboot(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", REBOOTER)
    board.power_on()
    wait_up(board, 2)
    assert board.status()["why"] == "reboot"


def test_the_box_dies_with_its_board(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", SLEEPER)
    board.power_on()
    pid = wait_up(board, 1)
    board.kill()
    assert wait_for("the box is gone", lambda: gone(pid))


def test_a_slot_that_never_confirms_is_tried_three_times_then_the_other_boots(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", SLEEPER)
    put_image(board.directory, "b", CRASHER)
    boot_loader.write(
        board.directory / "slots" / "boot.blk", boot_loader.BootState(seq=7, order="ba", a_left=3, b_left=3)
    )
    board.power_on()
    wait_up(board, 4)
    wait_for("slot a", lambda: board.status()["slot"] == "a")
    assert board.status()["boots"] == 4
    assert board.status()["boot_state"] == {"seq": 11, "order": "ba", "a_left": 2, "b_left": 0}


def test_a_torn_boot_block_leaves_the_other_one_in_force(tmp_path: Path) -> None:
    path = tmp_path / "boot.blk"
    older = boot_loader.BootState(seq=4, order="ab", a_left=3, b_left=0)
    boot_loader.write(path, older)
    boot_loader.write(path, boot_loader.BootState(seq=5, order="ba", a_left=3, b_left=3))
    torn = bytearray(path.read_bytes())
    torn[boot_loader.BLOCK_BYTES + 9] ^= 1
    path.write_bytes(torn)
    assert boot_loader.read(path) == older


def test_a_board_with_no_attempts_left_is_no_brick(tmp_path: Path) -> None:
    path = tmp_path / "boot.blk"
    boot_loader.write(path, boot_loader.BootState(seq=1, order="ba", a_left=0, b_left=0))
    assert boot_loader.choose(path, {"a", "b"}) == "b"
    assert boot_loader.choose(path, {"a"}) == "a"
    assert boot_loader.choose(tmp_path / "none", set()) is None


@pytest.mark.slow
def test_a_starved_watchdog_resets_the_box(board: EmulatedBoard) -> None:
    put_image(board.directory, "a", FEEDS_ONCE)
    board.power_on()
    wait_up(board, 2)
    assert board.status()["why"] == "watchdog"
    assert board.status()["watchdog"]["bites"] == 1


def test_lines_tell_their_changes_with_times(board: EmulatedBoard) -> None:
    board.open_seal()
    board.open_seal(False)
    assert [change["value"] for change in board.changes("seal")] == [True, False]
    first, second = (change["at_ms"] for change in board.changes("seal"))
    assert first <= second


def test_the_serial_cable_joins_its_ends_and_can_be_pulled(board: EmulatedBoard) -> None:
    with (
        (board.directory / "serial" / "box").open("r+b", buffering=0) as box,
        (board.directory / "serial" / "vod").open("r+b", buffering=0) as vod,
    ):
        vod.write(b"\xfb\x01hello")
        assert box.read(64) == b"\xfb\x01hello"
        board.plug_serial(False)
        vod.write(b"lost")
        board.plug_serial(True)
        box.write(b"back")
        assert vod.read(64) == b"back"
