"""A fleet server in one process: real database, real HTTP shapes, no network.

def test_x(people: People) -> None:
    answer = people.client("zhang", ("officer", "440106")).get("/api/v1/venues")
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_server import fleet as fleets
from fleet_server import founding
from fleet_server.fleet import Fleet
from fleet_server.settings import Settings
from tests.fleet_server.people.clients import People

PASSWORD = "a long enough password"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A founded data directory with the administrator `admin`."""
    path = tmp_path / "fleet"
    founding.found(Settings(data=path), "admin", PASSWORD)
    return path


@pytest.fixture
def fleet(data: Path) -> Iterator[Fleet]:
    built = fleets.build(Settings(data=data))
    yield built
    built.database.close()


@pytest.fixture
def people(fleet: Fleet) -> People:
    return People(fleet)
