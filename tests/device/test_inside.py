"""What the inside makes of a board that does not answer."""

from types import SimpleNamespace
from typing import Any, cast

from device.core.events import SealChanged
from device.inside import Inside
from device.ports import DriverError


def test_6_8_a_seal_that_moved_is_an_opening_though_its_latch_cannot_be_read() -> None:
    def fails() -> bool:
        raise DriverError("BOARD_FAILED", "no answer")

    posted: list[Any] = []

    def take(event: Any) -> bool:
        posted.append(event)
        return True

    board = SimpleNamespace(seal=SimpleNamespace(was_opened=fails))
    runtime = SimpleNamespace(post_soon=take)
    inside = cast(Inside, SimpleNamespace(_shell=SimpleNamespace(board=board), runtime=runtime))
    Inside._seal_changed(inside, False)
    assert posted == [SealChanged(is_open=False, was_opened=True, at_boot=False)]
