"""The latch beside the seal switch: a flip-flop on the battery of the clock, set by any opening, also without power."""

from hil_tests.board.layout import BoardDir, write_durably
from hil_tests.board.pins import Change, Pins

_SET, _RELEASED = b"set\n", b"released\n"


class SealLatch:
    """Kept in a file of the board: it outlives power cuts and a wiped disk of the box."""

    def __init__(self, board: BoardDir, pins: Pins) -> None:
        self._file = board.seal_latch
        self._pins = pins
        pins.watch(self._follow)

    @property
    def is_set(self) -> bool:
        return self._file.exists() and self._file.read_bytes() == _SET

    def release(self) -> None:
        """What the box does once it has written the opening down; while the loop is open nothing happens."""
        if not self._pins.level("seal").value:
            write_durably(self._file, _RELEASED)

    def _follow(self, change: Change) -> None:
        if change.line == "seal" and change.value:
            write_durably(self._file, _SET)
