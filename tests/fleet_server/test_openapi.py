"""What the OpenAPI says is what the server takes: generated requests never make it fail.

Each operation gets requests of the shape that is described, by somebody who may do everything; whatever comes back
is a success or a problem with its code, and never a failure of ours.
"""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case

from fleet_server import fleet as fleets
from fleet_server.app import console_app
from fleet_server.people import Role
from fleet_server.settings import Settings
from tests.fleet_server.people.clients import People

EXAMPLES = 10


def description() -> dict[str, Any]:
    """The OpenAPI document, without a database behind it."""
    built = fleets.build(Settings(data=Path("nowhere")))
    transport = httpx.ASGITransport(console_app(built))

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return dict((await client.get("/openapi.json")).json())

    return asyncio.run(fetch())


DESCRIPTION = description()
OPERATIONS = [
    (path, method.upper())
    for path, item in DESCRIPTION["paths"].items()
    for method in item
    if path.startswith("/api/") and method in ("get", "post", "put", "delete")
]


def test_every_operation_says_what_it_does() -> None:
    for path, method in OPERATIONS:
        assert DESCRIPTION["paths"][path][method.lower()].get("description"), f"{method} {path} has no docstring"


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_described_requests_never_make_the_server_fail(path: str, method: str, people: People) -> None:
    everybody = [(role.value, "000000") for role in Role]
    client = people.client("everybody", *everybody)
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    with asyncio.Runner() as runner:

        @given(case=schema[path][method].as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def ask(case: Case[Any]) -> None:
            sent = case.as_transport_kwargs(base_url="http://localhost:8080")
            headers = {name: value for name, value in (sent.pop("headers") or {}).items() if name != "User-Agent"}
            cookies = sent.pop("cookies", None)
            assert not cookies
            if "data" in sent:
                sent["content"] = sent.pop("data")
            sent = {
                name: value for name, value in sent.items() if name in ("method", "url", "params", "json", "content")
            }
            answer = runner.run(client.request(**sent, headers=headers))
            # 503 has its reasons, as a key ceremony that was not held yet; 500 is our defect.
            assert answer.status_code != 500, answer.text
            if answer.status_code >= 400:
                assert answer.json()["message_zh"]

        ask()
