"""All drivers of one emulated board, as the ports that `device/app.py` joins.

Example, with `python -m hil_tests.board --dir /tmp/board` running beside and a box started by it:

    board = open_board(Path("/tmp/board"))
    board.lamp.show("in-service")
"""

from pathlib import Path

from device.drivers.emulated.clock import MappedClock
from device.drivers.emulated.lines import EmulatedLamp, EmulatedRelay, EmulatedSealSwitch
from device.drivers.emulated.link import BoardLink
from device.drivers.emulated.secure_element import EmulatedCounter, EmulatedSecret
from device.drivers.emulated.slots import EmulatedSlots
from device.drivers.emulated.watchdog import EmulatedWatchdog
from device.ports import Board
from device.settings import PathName


def open_board(directory: PathName) -> Board:
    """Call it in the running event loop. Raises DriverError BOARD_FAILED if no board answers there."""
    return board_on(BoardLink(Path(directory)), Path(directory))


def board_on(link: BoardLink, directory: Path) -> Board:
    """The same over a link that the caller closes."""
    return Board(
        clock=MappedClock(directory / "clock.bin"),
        counter=EmulatedCounter(link),
        seal=EmulatedSealSwitch(link),
        relay=EmulatedRelay(link),
        lamp=EmulatedLamp(link),
        watchdog=EmulatedWatchdog(link),
        slots=EmulatedSlots(link, directory / "slots"),
        secret=EmulatedSecret(link),
    )
