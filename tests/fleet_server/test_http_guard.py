"""Requests that no route should ever meet (security.md 5): refused by name, and the server goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from fleet_server import http_deadlines, http_guard
from fleet_server.app import console_app
from fleet_server.fleet import Fleet
from fleet_server.serve import Server, http_config
from tests.fleet_server.people.clients import People

DEADLINE_S = 30
HOST = b"Host: localhost\r\n"


@pytest.fixture
async def port(fleet: Fleet) -> AsyncIterator[int]:
    """A real socket with the console behind it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = Server(http_config(console_app(fleet), fleet))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        yield bound.getsockname()[1]
        server.should_exit = True
        await serving


async def talk(port: int, raw: bytes) -> bytes:
    """What the server answers until it closes the connection."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(raw)
            await writer.drain()
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nabcde",
        b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: localhost\n\n",
        b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"not http\r\n\r\n",
    ],
)
async def test_a_doubtful_request_is_refused_and_the_connection_closed(port: int, raw: bytes) -> None:
    answer = await talk(port, raw)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"message_zh"' in answer
    assert answer.count(b"HTTP/1.1") == 1, "what followed was read as a request"


@pytest.mark.parametrize("raw", [b"", b"GET /x HT", b"GET /x HTTP/1.1\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_cut(port: int, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_deadlines, "HEAD_S", 0.2)
    assert await talk(port, raw) == b""


async def test_a_body_that_does_not_come_is_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "BODY_S", 0.2)
    raw = b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\n{"
    assert (await talk(port, raw)).startswith(b"HTTP/1.1 408")


async def test_a_head_without_end_is_cut(port: int) -> None:
    assert await talk(port, b"GET /x HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000) == b""


async def test_a_long_body_that_comes_with_its_head_is_no_long_head(port: int) -> None:
    body = b'{"account":"' + b"a" * 200_000 + b'"}'
    head = b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    raw = head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert (await talk(port, raw)).startswith(b"HTTP/1.1 422")


async def test_one_address_cannot_take_all_connections(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_deadlines, "CONNECTIONS_PER_ADDRESS_MAX", 1)
    monkeypatch.setattr(http_deadlines, "OWN_ADDRESSES", ())
    _, held = await asyncio.open_connection("127.0.0.1", port)
    assert await talk(port, b"") == b""
    held.close()


BODIES = {
    "too large": (b'{"account":"' + b"a" * 300_000 + b'"}', 413, "BODY_TOO_LARGE"),
    "a name twice": (b'{"account":"a","account":"b","password":"c"}', 400, "REQUEST_MALFORMED"),
    "not a number": (b'{"account":NaN}', 400, "REQUEST_MALFORMED"),
    "deep": (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "REQUEST_MALFORMED"),
    "lone surrogate": (b'{"account":"\\ud800","password":"x"}', 400, "REQUEST_MALFORMED"),
    "endless integer": (b'{"account":' + b"9" * 100_000 + b"}", 400, "REQUEST_MALFORMED"),
    "truncated": (b'{"account":"a"', 400, "REQUEST_MALFORMED"),
    "overlong UTF-8": (b'{"account":"\xc0\xaf"}', 400, "REQUEST_MALFORMED"),
    "unknown field": (b'{"account":"a","password":"b","admin":true}', 422, "FIELDS_INVALID"),
    "wrong type": (b'{"account":["a"],"password":"b"}', 422, "FIELDS_INVALID"),
    "an array": (b"[]", 400, "REQUEST_MALFORMED"),
    "nothing": (b"", 422, "FIELDS_INVALID"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_not_right_is_refused_by_name(people: People, name: str) -> None:
    body, status, code = BODIES[name]
    headers = {"content-type": "application/json"}
    answer = await people.stranger().post("/api/v1/session", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_compressed_body_is_refused(people: People) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await people.stranger().post("/api/v1/session", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "CONTENT_TYPE")


@pytest.mark.parametrize(
    "path", ["/tuf/targets/../../keys/lease.pem", "/tuf/targets/%2e%2e/keys", "/tuf/metadata/..%2fx"]
)
async def test_files_are_served_from_their_folder_only(people: People, path: str) -> None:
    assert (await people.box().get(path)).status_code == 404


async def test_targets_are_served_by_range(people: People) -> None:
    file = people.fleet.tuf / "targets" / "catalog" / "abc.manifest.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"0123456789")
    answer = await people.box().get("/tuf/targets/catalog/abc.manifest.json", headers={"range": "bytes=4-"})
    assert (answer.status_code, answer.content) == (206, b"456789")
