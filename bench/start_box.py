"""The box's program on a board of files.

`files.json` in the settings' `board_dir` is the board: its counter, and how far its clock is from this machine's.
"""

import json
import sys
import time

from device.__main__ import main
from device.ports import Board
from device.settings import PathName
from tests.device.trivial_board import TrivialBoard


class BoardOfFiles(TrivialBoard):
    """Counter and clock go on from one process to the next."""

    def __init__(self, folder: PathName) -> None:
        super().__init__()
        self._file = f"{folder}/files.json"
        with open(self._file, encoding="ascii") as file:
            found = json.load(file)
        self.counter = found["counter"]
        self._ahead_ms: int = found["ahead_ms"]
        self.trial = False

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def tick(self) -> int:
        value: int = super().tick()
        with open(self._file, "w", encoding="ascii") as file:
            json.dump({"counter": self.counter, "ahead_ms": self._ahead_ms}, file)
        return value


def open_board(folder: PathName) -> Board:
    """As a board's driver has it (`app.py`)."""
    return BoardOfFiles(folder).board()


def start() -> None:
    """The last argument: where the packages of the outside are, for it is started without a site, as in an image."""
    sys.path += sys.argv.pop().split(":")
    sys.modules["device.drivers.emulated.board"] = sys.modules[__name__]
    main()
