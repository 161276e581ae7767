"""A fleet server in one process: real database, real HTTP shapes, no network.

def test_x(people: People) -> None:
    answer = people.client("zhang", ("officer", "440106")).get("/api/v1/venues")
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_server import fleet as fleets
from fleet_server import founding
from fleet_server.fleet import Fleet
from fleet_server.settings import Settings
from tests.fleet_server.country import Country, StandingBox
from tests.fleet_server.people.clients import People

PASSWORD = "a long enough password"


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Founded once, copied for each test: keys and a password hash take their time."""
    path = tmp_path_factory.mktemp("founded") / "fleet"
    founding.found(Settings(data=path), "admin", PASSWORD)
    return path


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    """A founded data directory with the administrator `admin`."""
    return shutil.copytree(founded, tmp_path / "fleet")


@pytest.fixture
def fleet(data: Path) -> Iterator[Fleet]:
    built = fleets.build(Settings(data=data))
    yield built
    built.database.close()


@pytest.fixture
def people(fleet: Fleet) -> People:
    return People(fleet)


@pytest.fixture
def country(fleet: Fleet) -> Country:
    """Officers of every level. Where a ceremony comes before, a file has its own of this name."""
    return Country(fleet)


@pytest.fixture
def box(country: Country) -> StandingBox:
    """A box in service, in a venue of its own."""
    return country.box("KTV-AAAA0001", country.venue())
