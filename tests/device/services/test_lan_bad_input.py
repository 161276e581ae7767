"""What comes in broken, hostile or slow: a named answer, nothing lost, and the next one is served."""

import asyncio
import json
from pathlib import Path

import pytest

from device.services import lan_connection, lan_guard, lan_seats
from tests.device.services.lan_rig import LanRig, lan_rig

PLAY = b'{"room":"K1","song":"000482","kind":"guest"}'


async def raw(rig: LanRig, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, JSON body (or empty) and everything that came, up to the close of the connection."""
    reader, writer = await asyncio.open_connection(*rig.address)
    host = f"127.0.0.1:{rig.address[1]}"
    for word, value in (("OURS", f"http://{host}"), ("HOST", host), ("TOKEN", rig.token)):
        request = request.replace(word.encode(), value.encode())
    writer.write(request)
    try:
        async with asyncio.timeout(30):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1") else 0
    try:
        return status, json.loads(body), answer
    except ValueError:
        return status, {}, answer


AUTH = b"Authorization: Bearer TOKEN\r\nConnection: close\r\n"
TYPED = AUTH + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /v1/state HTTP/1.1\r\nHost: HOST\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde" + SMUGGLED,
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: +5\r\n\r\nabcde" + SMUGGLED,
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: HOST\n\n",
        b"GET / HTTP/1.1\r\nHost : HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: other\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\n" + b"X-%d: y\r\n" * 200 % tuple(range(200)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n",
        b"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_request_that_two_readers_could_read_differently_is_refused(
    tmp_path: Path, request_bytes: bytes
) -> None:
    async with lan_rig(tmp_path) as rig:
        status, body, answer = await raw(rig, request_bytes)
        assert (await rig.play())[0] == 201
    assert status in (400, 403, 404, 405, 431)
    assert set(body) == {"code", "message_zh", "message_en", "request_id"}
    assert answer.count(b"\r\n\r\n") == 1, "the bytes behind a refused request were served"
    assert b"other" not in answer
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (b"/v1/%00", 404, "NOT_FOUND"),
        (b"/..%2f..%2fetc/passwd", 404, "NOT_FOUND"),
        (b"/%c0%ae%c0%ae/", 404, "NOT_FOUND"),
        (b"/v1/state/", 404, "NOT_FOUND"),
    ],
)
async def test_a_path_that_leads_nowhere_is_not_found(tmp_path: Path, path: bytes, status: int, code: str) -> None:
    async with lan_rig(tmp_path) as rig:
        found = await raw(rig, b"GET " + path + b" HTTP/1.1\r\nHost: HOST\r\n" + AUTH + b"\r\n")
    assert (found[0], found[1]["code"]) == (status, code)


async def test_another_method_is_said(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        found = await raw(rig, b"DELETE /v1/plays HTTP/1.1\r\nHost: HOST\r\n" + AUTH + b"\r\n")
    assert (found[0], found[1]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert b"\r\nAllow: POST\r\n" in found[2]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (b"Host: rebound.example\r\n", 403, "HOST_FOREIGN"),
        (b"Host: HOST\r\nOrigin: http://127.0.0.1:1\r\n", 403, "ORIGIN_FOREIGN"),
        (b"Host: HOST\r\nOrigin: null\r\n", 403, "ORIGIN_FOREIGN"),
        (b"Host: HOST\r\nOrigin: OURS\r\n", 200, ""),
        (b"Host: localhost\r\n", 200, ""),
    ],
)
async def test_pages_of_other_sites_do_not_speak_to_the_box(
    tmp_path: Path, headers: bytes, status: int, code: str
) -> None:
    async with lan_rig(tmp_path) as rig:
        found = await raw(rig, b"GET /v1/state HTTP/1.1\r\n" + headers + AUTH + b"\r\n")
        assert dict(rig.desk.refused) == ({code: 1} if code else {})
    assert (found[0], found[1].get("code", "")) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "REQUEST_MALFORMED"),
        (b"null", 422, "REQUEST_MALFORMED"),
        (b"[" * 10_000, 422, "REQUEST_MALFORMED"),
        (b'{"room":' + b"[" * 10_000, 422, "REQUEST_MALFORMED"),
        (PLAY[:-1] + b',"kind":"guest"}', 422, "REQUEST_MALFORMED"),
        (PLAY[:-1] + b',"extra":1}', 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b'"000482"', b"NaN"), 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b'"000482"', b"9" * 10_000), 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b'"000482"', b'"\\ud800"'), 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b"000482", b"\xc0\xae"), 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b"K1", b"K" * 17), 422, "REQUEST_MALFORMED"),
        (PLAY.replace(b"guest", b"ghost"), 422, "REQUEST_MALFORMED"),
        (PLAY + b"x", 422, "REQUEST_MALFORMED"),
        (b" " * 65_537, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_a_body_that_is_not_a_play_is_refused(tmp_path: Path, body: bytes, status: int, code: str) -> None:
    async with lan_rig(tmp_path) as rig:
        request = (
            b"POST /v1/plays HTTP/1.1\r\nHost: HOST\r\n" + TYPED + b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        found = await raw(rig, request)
        assert (await rig.play())[0] == 201
    assert (found[0], found[1]["code"]) == (status, code)


async def test_the_field_that_is_wrong_is_named(tmp_path: Path) -> None:
    body = {"room": "K1", "song": 7, "kind": "guest"}
    async with lan_rig(tmp_path) as rig, rig.http.post("/v1/plays", json=body) as response:
        assert (response.status, response.headers["Error-Pointer"]) == (422, "/song")


@pytest.mark.parametrize(
    "header", [b"Content-Type: text/plain\r\n", b"", b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"]
)
async def test_another_kind_or_coding_of_body_is_refused(tmp_path: Path, header: bytes) -> None:
    request = b"POST /v1/plays HTTP/1.1\r\nHost: HOST\r\n" + AUTH + header + b"Content-Length: %d\r\n\r\n" % len(PLAY)
    async with lan_rig(tmp_path) as rig:
        found = await raw(rig, request + PLAY)
    assert (found[0], found[1]["code"]) == (415, "CONTENT_TYPE")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: ",
        b"POST /v1/plays HTTP/1.1\r\nHost: HOST\r\n" + TYPED + b"Content-Length: 44\r\n\r\n{",
        b"GET /openapi.json HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ],
)
async def test_whoever_does_not_finish_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(lan_connection, "HEAD_S", 0.2)
    monkeypatch.setattr(lan_connection, "BODY_S", 0.2)
    monkeypatch.setattr(lan_guard, "BODY_S", 0.2)
    async with lan_rig(tmp_path) as rig:
        await raw(rig, sent)  # returns because the box closed
        assert (await rig.play())[0] == 201


async def test_one_address_cannot_take_every_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan_seats, "STRANGERS_PER_ADDRESS_MAX", 5)
    async with lan_rig(tmp_path) as rig:
        opened = [await asyncio.open_connection(*rig.address) for _ in range(10)]
        async with asyncio.timeout(30):
            cut = await asyncio.gather(*(reader.read() for reader, _ in opened[:5]), return_exceptions=True)
        for _, writer in opened:
            writer.close()
    assert all(end == b"" or isinstance(end, ConnectionError) for end in cut)


async def test_a_hundred_requests_in_one_packet_are_all_answered_in_order(tmp_path: Path) -> None:
    one = b"POST /v1/plays/1-%d/end HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n"
    one += b"Content-Type: application/json\r\nContent-Length: 29\r\n\r\n" + b'{"played_s":1,"reason":"end"}'
    last = b"GET /v1/none HTTP/1.1\r\nHost: HOST\r\n" + AUTH + b"\r\n"
    async with lan_rig(tmp_path) as rig:
        _, _, answer = await raw(rig, b"".join(one % number for number in range(900, 1000)) + last)
    assert answer.count(b"PLAY_UNKNOWN") == 100
    assert answer.count(b"HTTP/1.1 404") == 101
