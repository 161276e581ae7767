"""Pairs of officers who draft and approve."""

import httpx
import pytest

from tests.fleet_server.country import Country

Pair = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
def province(country: Country) -> Pair:
    """wang and chen, who may sign everything."""
    return country.officer("wang"), country.officer("chen")
