"""One stage for all scenarios of a run: founding a country takes longer than any of its stories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.bench.country import ACTING
from hil_tests.bench.network import free_console_port
from hil_tests.bench.stage import Stage
from hil_tests.bench.strategy import Strategy
from hil_tests.bench.venue import Venue
from hil_tests.demo.songs import SongList, write_catalog
from hil_tests.tour.desk import resume, stop


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Fleet server, people and catalog; the boxes lie in their boxes."""
    folder = tmp_path_factory.mktemp("stage")
    catalog = folder / "catalog.csv"
    write_catalog(catalog)
    stage = Stage(folder, console_port=free_console_port(), say=print, staff=ACTING)
    SongList(catalog).write_for_vod(stage.songs)
    try:
        stage.open_fleet()
        stage.release_catalog(catalog)
        yield stage
    finally:
        stage.close()


@pytest.fixture(scope="session")
def strategy(stage: Stage) -> Strategy:
    """The way of the first venue."""
    return Strategy(stage, stage.venues[0], stop, resume)


@pytest.fixture
def in_service(strategy: Strategy) -> Iterator[Venue]:
    """A venue that serves its guests, network healed, doors closed; the same again afterwards."""
    venue = strategy.reach("in-service")
    yield venue
    venue.close_doors()
    venue.board.heal_network()


@pytest.fixture
def locked(strategy: Strategy) -> Venue:
    """A venue that is closed by an order in force."""
    return strategy.reach("locked")


@pytest.fixture
def songs(stage: Stage) -> Path:
    return stage.songs
