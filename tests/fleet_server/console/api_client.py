"""The API as programs use it, in this process: signed in with a password."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp

from fleet_server.app import console_app
from fleet_server.fleet import Fleet

PASSWORD = "a long enough password"


@asynccontextmanager
async def signed_in(fleet: Fleet, account: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client(console_app(fleet), "http://localhost:8080") as program:
        started = await ok(program.post("/api/v1/session", json={"account": account, "password": PASSWORD}))
        program.headers["authorization"] = f"Bearer {started.json()['token']}"
        yield program


def client(app: ASGIApp, url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)


async def ok(answer: Awaitable[httpx.Response]) -> httpx.Response:
    response = await answer
    assert response.is_success, response.text
    return response
