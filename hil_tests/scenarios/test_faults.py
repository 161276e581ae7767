"""A box whose parts hang, vanish and come back: it says so, and nobody has to visit it."""

import os
import signal

import pytest

from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for

pytestmark = pytest.mark.hil


def test_a_program_that_hangs_is_reset_by_the_watchdog_and_comes_back(in_service: Venue) -> None:
    board = in_service.board
    before = board.status()
    os.kill(int(before["pid"]), signal.SIGSTOP)
    wait_for("a bite of the watchdog", lambda: board.status()["watchdog"]["bites"] > before["watchdog"]["bites"])
    wait_for("another life of the box", lambda: board.status()["boots"] > before["boots"])
    assert board.status()["why"] == "watchdog"
    in_service.wait_state("in-service")
