"""Browsers without a browser: httpx clients with a session cookie, as officers of different regions."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fleet_server.console.api_client import PASSWORD
from tests.fleet_server.console.running import Running, running
from tests.fleet_server.console.seed import Seed, seed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("console")
    with running(folder / "fleet") as server:
        yield server


@pytest.fixture(scope="module")
def seeded(server: Running) -> Seed:
    return seed(server.fleet)


@pytest.fixture
def stranger(server: Running, seeded: Seed) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"accept-language": "zh-CN"}) as client:
        yield client


@pytest.fixture
def officer(stranger: httpx.Client) -> httpx.Client:
    return sign_in(stranger, "zhang")


def sign_in(client: httpx.Client, account: str) -> httpx.Client:
    """The same client, signed in through the page."""
    answer = post(client, "/sign-in", account=account, password=PASSWORD)
    assert answer.status_code == 303, answer.text
    return client


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    """As a form of our own page does."""
    return client.post(path, data=form, headers={"origin": str(client.base_url).rstrip("/")})
