"""A venue that is closed by order stays closed, whatever its owner does to the box."""

import pytest

from hil_tests.bench.stage import Stage
from hil_tests.bench.strategy import Strategy
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import some_songs

pytestmark = pytest.mark.hil
LOOKS = 50


def require_shut(venue: Venue, song: str) -> None:
    """From now on, through the whole start, until it has said `locked` so many times: no song, and no other state."""
    laptop = venue.laptop()
    said: list[str] = []

    def look() -> bool:
        asked = laptop.play("bench-1", song)
        assert asked.status in (403, 503), f"a locked venue plays: {asked}; it said {said}"
        state = str(laptop.state()["state"])
        said.append(state)
        assert state in ("locked", "failed"), f"a locked venue said {said}"
        assert state == "failed" or laptop.play("bench-1", song).code == "VENUE_LOCKED"
        return said[-LOOKS:] == ["locked"] * LOOKS

    wait_for(f"{LOOKS} times locked", look)
    laptop.close()


def test_a_locked_venue_stays_locked_without_power_network_and_time(stage: Stage, locked: Venue) -> None:
    board = locked.board
    try:
        board.cut_network()
        board.cut()
        board.jump(rtc_ms=-400 * 86_400_000)
        board.power_on()
        require_shut(locked, some_songs(stage, 1)[0])
        assert board.level("relay") is False
    finally:
        board.set_world(stage.world.offset_ms)
        board.heal_network()


def test_a_venue_opens_again_by_order_alone(strategy: Strategy) -> None:
    strategy.reach("locked")
    assert strategy.reach("in-service").state()["state"] == "in-service"
