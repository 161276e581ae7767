"""The box's program on a board of files.

`files.json` in the settings' `board_dir` is the board: its counter, and how far its clock is from this machine's.
"""

import json
import sys
import time
from pathlib import Path

from device.__main__ import main
from device.ports import Board
from tests.device.trivial_board import TrivialBoard


class BoardOfFiles(TrivialBoard):
    """Counter and clock go on from one process to the next."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = folder / "files.json"
        found = json.loads(self._file.read_text())
        self.counter = found["counter"]
        self._ahead_ms: int = found["ahead_ms"]
        self.trial = False

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def tick(self) -> int:
        value: int = super().tick()
        self._file.write_text(json.dumps({"counter": self.counter, "ahead_ms": self._ahead_ms}))
        return value


def open_board(folder: Path) -> Board:
    """As a board's driver has it (`app.py`)."""
    return BoardOfFiles(folder).board()


def start() -> None:
    """The last argument: where the packages of the outside are, for it is started without a site, as in an image."""
    sys.path += sys.argv.pop().split(":")
    sys.modules["device.drivers.emulated.board"] = sys.modules[__name__]
    main()
