"""A published fleet, its server, a hostile one, and a box that fetches from them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.bench.hostile_fleet import HostileFleet
from tests.device.services.content.rig import Box
from tests.device.services.content.tuf_server import TufServer, serve
from tests.fleet_server.repository.published import PublishedFleet


@pytest.fixture
def fleet(tmp_path: Path) -> PublishedFleet:
    return PublishedFleet(tmp_path)


@pytest.fixture
def hostile(fleet: PublishedFleet) -> HostileFleet:
    return HostileFleet(fleet.data)


@pytest.fixture
def server(fleet: PublishedFleet, tmp_path: Path) -> Iterator[TufServer]:
    with serve(fleet.data / "tuf", tmp_path) as running:
        yield running


@pytest.fixture
def box(fleet: PublishedFleet, server: TufServer, tmp_path: Path) -> Box:
    return Box(fleet, server, tmp_path / "box")
