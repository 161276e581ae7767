"""A venue that is closed by order stays closed, whatever its owner does to the box."""

import pytest

from hil_tests.bench.stage import Stage
from hil_tests.bench.strategy import Strategy
from hil_tests.bench.venue import Venue
from hil_tests.tour.desk import some_songs

pytestmark = pytest.mark.hil


def test_a_locked_venue_stays_locked_without_power_network_and_time(stage: Stage, locked: Venue) -> None:
    locked.board.cut_network()
    locked.board.cut()
    locked.board.jump(rtc_ms=-400 * 86_400_000)
    locked.board.power_on()
    assert locked.wait_state("locked", "in-service", "closed")["state"] == "locked"
    laptop = locked.laptop()
    assert laptop.play("bench-1", some_songs(stage, 1)[0]).code == "VENUE_LOCKED"
    laptop.close()
    assert locked.board.level("relay") is False
    locked.board.set_world(stage.world.offset_ms)
    locked.board.heal_network()


def test_a_venue_opens_again_by_order_alone(strategy: Strategy) -> None:
    strategy.reach("locked")
    assert strategy.reach("in-service").state()["state"] == "in-service"
