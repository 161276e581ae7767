"""What is answered on the connection itself is what aiohttp answers, byte for byte, whatever is asked and however."""

import asyncio
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from device.services import lan_connection, lan_guard, lan_seats
from device.services.lan_door import Door
from device.services.lan_quick import Quick
from tests.device.services.lan_rig import LABEL, LanRig, lan_rig

PLAIN = b"Host: HOST\r\nAuthorization: Bearer TOKEN\r\n"
TYPED = PLAIN + b"Content-Type: application/json\r\n"
HEADERS = (
    PLAIN,
    b"Host: localhost\r\nAuthorization: Bearer TOKEN\r\nUser-Agent: vod/1.0 (x; y)\r\nAccept: */*\r\n",
    b"HOST: HOST\r\nauthorization: bearer TOKEN\r\nConnection: Keep-Alive\r\n",
    PLAIN + b"Connection: close\r\n",
    PLAIN + b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    PLAIN + b"Origin: OURS\r\n",
    PLAIN + b"Origin: http://127.0.0.1:1\r\n",
    PLAIN + b"Content-Length: 0\r\n",
    PLAIN + b"Content-Length: 2\r\n",
    PLAIN + b"Transfer-Encoding: chunked\r\n",
    PLAIN + b"Expect: 100-continue\r\n",
    PLAIN + b"X-Note:  two spaces \r\n",
    PLAIN + b"X-Note:\ttab\r\n",
    PLAIN + b"X: \r\n",
    PLAIN + b"X-Note: \xe6\xad\x8c\r\n",
    PLAIN + b"X: a\r\n b\r\n",
    PLAIN + PLAIN,
    b"Host: HOST\r\n",
    b"Host: HOST\r\nAuthorization: Bearer nobody\r\n",
    b"Host: HOST\r\nAuthorization: Basic TOKEN\r\n",
    b"Host: elsewhere\r\nAuthorization: Bearer TOKEN\r\n",
    b"Authorization: Bearer TOKEN\r\n",
    b"",
)
TARGETS = (
    b"/v1/songs/000482?room=K1",
    b"/v1/songs/000483?room=K2&kind=test",
    b"/v1/songs/000484?kind=guest&room=%E5%8C%85%E6%88%BF1",
    b"/v1/songs/unheard-of?room=K1&file=" + b"ab" * 32,
    b"/v1/songs/000482?room=K1&file=",
    b"/v1/songs/%30%30%30482?room=K1",
    b"/v1/songs/000482?room=a+b",
    b"/v1/songs/000482?room=a%20b",
    b"/v1/songs/000482?room=%ff",
    b"/v1/songs/000482?room=%zz",
    b"/v1/songs/000482?room=K1&room=K2",
    b"/v1/songs/000482?room=K1&song=000483",
    b"/v1/songs/000482?room=K1&other=1",
    b"/v1/songs/000482?room=K1&",
    b"/v1/songs/000482?room",
    b"/v1/songs/000482?room=K%3D1",
    b"/v1/songs/000482?room=K=1",
    b"/v1/songs/000482?r%6fom=K1",
    b"/v1/songs/000482?room=K1;kind=test",
    b"/v1/songs/000482?room=K1#part",
    b"/v1/songs/000482?room=" + b"K" * 17,
    b"/v1/songs/" + b"7" * 21 + b"?room=K1",
    b"/v1/songs/000482/?room=K1",
    b"/v1/songs/?room=K1",
    b"/v1/songs/000482",
    b"/v1/songs/../plays?room=K1",
    b"http://HOST/v1/songs/000482?room=K1",
)
VERSIONS = (b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/1.2", b"  HTTP/1.1", b"")
BODIES = (
    b'{"room":"K1","song":"000482","kind":"guest"}',
    b'{ "kind": "test", "song": "000483", "room": "\\u5305\\u623f" }',
    b'{"room":"K1","song":"unheard-of","kind":"guest"}',
    b'{"room":"K1","song":"000482","kind":"guest","file":"' + b"ab" * 32 + b'"}',
    b'{"room":"K1","song":"000482"}',
    b'{"room":"K1","room":"K2","song":"000482","kind":"guest"}',
    b'{"room": "K1", "kind": "test", "song": "000482"}',
    b'{"room":"K1","room":"K2","song":"000482"}',
    b'{"room":"K12345678901234567","song":"000482","kind":"guest"}',
    b'{"room":"K1","song":"0004.82","kind":"guest"}',
    b'{"room":"K1","song":"000482","kind":"party"}',
    b'{"room":"K1","song":"000482","kind":"guest",}',
    b'{"room":"K1","song":"000482","kind":"guest", }',
    b'{"kind":"guest","kind":"test","song":"000482"}',
    b'{"room":"","song":"000482","kind":"guest"}',
    b'{"room":"K1""song":"000482","kind":"guest"}',
    b"[]",
    b"{",
    b"",
)
LAST = b"GET /v1/none HTTP/1.1\r\n" + PLAIN + b"Connection: close\r\n\r\n"
END = b'{"played_s":3,"reason":"end"}'
ENDS = (
    END,
    END,
    b'{"played_s":-1}',
    b'{"played_s": 3, "reason": "skip"}',
    b'{"played_s":03,"reason":"end"}',
    b'{"played_s":999999,"reason":"end"}',
    b'{"played_s":3,"reason":"power"}',
)


def asked(chance: random.Random, is_sound: bool) -> bytes:
    """A request. One that is not sound HTTP takes those before it in its packet with it, at aiohttp; not so here."""
    headers = chance.choice(HEADERS) if not is_sound and chance.random() < 0.6 else PLAIN
    version = chance.choice(VERSIONS) if not is_sound and chance.random() < 0.2 else b" HTTP/1.1"
    if chance.random() < 0.6:
        target = chance.choice(TARGETS)
        return (
            chance.choice((b"GET ", b"GET ", b"GET ", b"HEAD ", b"GET " if is_sound else b"get "))
            + target
            + version
            + b"\r\n"
            + headers
            + b"\r\n"
        )
    path, body = b"/v1/plays", chance.choice(BODIES)
    if chance.random() < 0.3:
        path, body = b"/v1/plays/1-%d/end" % chance.randrange(3, 12), chance.choice(ENDS)
    kind = chance.choice((b"application/json", b"application/json", b"application/json; charset=utf-8", b"text/plain"))
    headers += b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n" % len(body)
    return b"POST " + path + version + b"\r\n" + headers + b"\r\n" + body


def in_portions(raw: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.sample(range(len(raw)), min(len(raw), chance.choice((0, 0, 1, 2, 5)))))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True) if start < end]


async def answers(rig: LanRig, requests: list[bytes], chance: random.Random) -> list[tuple[Any, ...]]:
    """All that one connection says to these requests, sent behind each other, up to its end."""
    reader, writer = await asyncio.open_connection(*rig.address)
    said: list[tuple[Any, ...]] = []
    try:
        for portion in in_portions(for_rig(rig, b"".join(requests)), chance):
            writer.write(portion)
            await writer.drain()
            await asyncio.sleep(0)
        while True:
            is_head = b"".join(requests[len(said) : len(said) + 1]).startswith(b"HEAD ")
            said.append(await answer_of(reader, is_head=is_head))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
    return said


async def one_by_one(rig: LanRig, requests: list[bytes]) -> list[tuple[Any, ...]]:
    """As `answers`, but each request is sent when the one before it was answered."""
    reader, writer = await asyncio.open_connection(*rig.address)
    said: list[tuple[Any, ...]] = []
    try:
        for request in requests:
            writer.write(for_rig(rig, request))
            said.append(await answer_of(reader, is_head=request.startswith(b"HEAD ")))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
    return said


def for_rig(rig: LanRig, raw: bytes) -> bytes:
    host = f"127.0.0.1:{rig.address[1]}".encode()
    raw = raw.replace(b"OURS", b"http://" + host).replace(b"HOST", host)
    return raw.replace(b"TOKEN", rig.token.encode())


async def answer_of(reader: asyncio.StreamReader, *, is_head: bool) -> tuple[Any, ...]:
    head = b"HTTP/1.1 100"
    while head.startswith(b"HTTP/1.1 100"):
        head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line[16:]) for line in lines if line.startswith(b"content-length: "))
    body = json.loads(await reader.readexactly(0 if is_head else length) or b"null")
    for changing in ("request_id", "play"):
        if isinstance(body, dict) and changing in body:
            body[changing] = "*"
    pointer = [line for line in lines if line.startswith((b"error-pointer", b"allow"))]
    return int(head[9:12]), body, pointer, b"connection: close" in lines


@pytest.mark.parametrize("seed", range(4))
async def test_both_paths_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    quick_count = 0
    question, answer, read_post = Quick.question, Quick.answer, Quick.read_post

    for module in (lan_connection, lan_guard):
        monkeypatch.setattr(module, "BODY_S", 0.2)
    monkeypatch.setattr(lan_connection, "HEAD_S", 0.4)
    # A loop has one door that leads. Both must hear the portions of a body at the same turns: aiohttp closes behind a
    # refusal whose body has not come.
    monkeypatch.setattr(Door, "lead", lambda *_: None)
    async with lan_rig(tmp_path / "quick") as quick, lan_rig(tmp_path / "slow") as slow:
        slow_one = slow.listener.shared.quick

        def counted(one: Quick, *arguments: Any) -> bytes | None:
            nonlocal quick_count
            quick_count += 1
            return None if one is slow_one else question(one, *arguments)

        monkeypatch.setattr(Quick, "question", counted)
        monkeypatch.setattr(Quick, "answer", lambda one, *rest: None if one is slow_one else answer(one, *rest))
        monkeypatch.setattr(Quick, "read_post", lambda one, *rest: None if one is slow_one else read_post(one, *rest))
        chance = random.Random(seed)
        for number in range(120):
            count = chance.choice((1, 1, 2, 4))
            requests = [asked(chance, is_sound=count > 1) for _ in range(count)]
            if b"Connection: close" not in requests[0]:
                requests.append(LAST)
            found = [await answers(rig, requests, random.Random(f"{seed} {number}")) for rig in (quick, slow)]
            assert found[0] == found[1], requests
        assert (await quick.get("/v1/state"))[1]["rooms"] == (await slow.get("/v1/state"))[1]["rooms"]
    assert quick_count > 50


async def test_both_paths_say_the_same_of_what_comes_behind_a_question_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone in its packet, as the question before it: what is known of that must fit nothing else."""
    monkeypatch.setattr(lan_connection, "HEAD_S", 0.2)
    requests = [b"GET " + target + b" HTTP/1.1\r\n" + PLAIN + b"\r\n" for target in TARGETS]
    requests += [b"GET " + TARGETS[0] + version + b"\r\n" + PLAIN + b"\r\n" for version in VERSIONS]
    requests += [b"GET " + TARGETS[0] + b" HTTP/1.1\r\n" + headers + b"\r\n" for headers in HEADERS]
    requests += [method + TARGETS[0] + b" HTTP/1.1\r\n" + PLAIN + b"\r\n" for method in (b"HEAD ", b"POST ", b"get ")]
    async with lan_rig(tmp_path / "quick") as quick, lan_rig(tmp_path / "slow") as slow:
        for rig in (quick, slow):
            assert (await one_by_one(rig, requests[:1] * 2)) == await one_by_one(rig, requests[:1]) * 2
        monkeypatch.setattr(slow.listener.shared.quick, "answer", lambda *_: None)
        slow.listener.shared.known.clear()
        for request in requests:
            found = [await one_by_one(rig, [requests[0], request]) for rig in (quick, slow)]
            assert found[0] == found[1], request
        assert len(quick.listener.shared.known) > 1


async def test_a_token_is_good_no_longer_than_it_is_paired(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        assert (await rig.get("/v1/songs/000482?room=K1"))[0] == 200
        rig.pairing.pair(LABEL, "vod")
        asked_again = await rig.get("/v1/songs/000482?room=K1")
        played = await rig.play()
    assert (asked_again[0], asked_again[1]["code"]) == (401, "TOKEN_UNKNOWN")
    assert (played[0], played[1]["code"]) == (401, "TOKEN_UNKNOWN")


async def test_a_stranger_finds_no_door_behind_a_connection_that_aiohttp_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What aiohttp takes for a header or a body is no request, even if it looks like one."""
    question = b"GET /v1/songs/000482?room=K1 HTTP/1.1\r\n" + PLAIN + b"\r\n"
    beginnings = (
        b"GET /v1/state HTTP/1.1\r\n" + PLAIN + b"X-\xff: ",
        b"POST /v1/orders HTTP/1.1\r\n" + PLAIN + b"Content-Length: 5000\r\nContent-Type: application/json\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\n" + PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    )
    monkeypatch.setattr(lan_connection, "HEAD_S", 0.4)
    monkeypatch.setattr(lan_guard, "BODY_S", 0.2)
    async with lan_rig(tmp_path) as rig:
        host = f"127.0.0.1:{rig.address[1]}".encode()
        for beginning in beginnings:
            reader, writer = await asyncio.open_connection(*rig.address)
            said = b""
            for part in (question, beginning, question):
                writer.write(part.replace(b"HOST", host).replace(b"TOKEN", rig.token.encode()))
                if not said:
                    said = await reader.readuntil(b"}")
                await rig.get("/v1/state")  # by now the part is read
            with suppress(ConnectionError):
                said += await reader.read()
            writer.close()
            assert said.count(b'"allowed"') == 1, beginning


async def test_a_vod_server_that_comes_back_finds_a_place_among_any_number_of_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding of the review: four addresses with idle connections kept everybody out."""
    monkeypatch.setattr(lan_seats, "STRANGERS_MAX", 12)
    monkeypatch.setattr(lan_seats, "STRANGERS_PER_ADDRESS_MAX", 4)
    async with lan_rig(tmp_path) as rig:
        strangers = [
            await asyncio.open_connection(*rig.address, local_addr=(f"127.0.0.{2 + number % 4}", 0))
            for number in range(40)
        ]
        assert (await rig.get("/v1/songs/000482?room=K1"))[0] == 200
        more = [await asyncio.open_connection(*rig.address, local_addr=("127.0.0.9", 0)) for _ in range(40)]
        assert (await rig.get("/v1/songs/000482?room=K1"))[0] == 200
        assert rig.listener.shared.seats.count <= 12 + lan_seats.PAIRED_MAX
        for _, writer in strangers + more:
            writer.close()


async def test_who_drips_a_body_gives_its_place_up_to_whoever_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding of the review: after a start no address is known, and half-sent orders held every place."""
    monkeypatch.setattr(lan_seats, "STRANGERS_MAX", 6)
    head = (
        b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    async with lan_rig(tmp_path) as rig:
        strangers = []
        for number in range(6):
            _, writer = await asyncio.open_connection(*rig.address, local_addr=(f"127.0.0.{2 + number}", 0))
            writer.write(head)
            strangers.append(writer)
        async with asyncio.timeout(30):
            while [one._waits_for for one in rig.listener.shared.open] != [lan_connection.BODY] * 6:  # noqa: ASYNC110 - nobody tells of a head that is read
                await asyncio.sleep(0)
        for number in range(3):
            assert (await rig.play(f"K{number}"))[0] == 201
        for writer in strangers:
            writer.close()


async def test_before_aiohttp_is_there_plays_are_answered_and_the_rest_waits(tmp_path: Path) -> None:
    rig = LanRig(tmp_path)
    rig.address = rig.listener.start()
    await rig.begin()
    await rig.open()
    await rig.bring_into_service()
    await rig.runtime.settled()
    song = await rig.get("/v1/songs/000482?room=K1")
    played = await rig.play()
    state = asyncio.create_task(rig.get("/v1/state"))
    unpaired = asyncio.create_task(rig.get("/"))
    await rig.play("K2")
    assert not state.done()
    await rig.lan.start()
    assert (song[0], played[0], (await state)[0]) == (200, 201, 200)
    unpaired.cancel()
    await rig.close()


async def test_whoever_waits_too_long_for_the_rest_of_the_box_is_told_when_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lan_connection, "STARTING_S", 0.1)
    monkeypatch.setattr(lan_connection, "HEAD_S", 0.2)
    rig = LanRig(tmp_path)
    rig.address = rig.listener.start()
    await rig.begin()
    async with rig.http.get("/v1/state") as response:
        said = (response.status, (await response.json())["code"], response.headers["Retry-After"])
    assert said == (503, "BOX_STARTING", "2")
    await rig.close()


async def test_a_thousand_slow_sockets_keep_no_answer_back(tmp_path: Path) -> None:
    """Half a head each and then silence; the paired server asks all the while."""
    async with lan_rig(tmp_path) as rig:
        await rig.get("/v1/songs/000482?room=K1")
        slow = []
        for number in range(1_000):
            _, writer = await asyncio.open_connection(*rig.address, local_addr=(f"127.0.1.{1 + number % 250}", 0))
            writer.write(b"GET /v1/songs/000482?room=K1 HTTP/1.1\r\nHost: ")
            slow.append(writer)
        waits_s = []
        loop = asyncio.get_running_loop()
        for number in range(200):
            begun_s = loop.time()
            answers = (await rig.get("/v1/songs/000482?room=K1"), await rig.play(f"K{number}"))
            waits_s.append((loop.time() - begun_s) / 2)
            assert [status for status, _ in answers] == [200, 201]
        assert rig.listener.shared.seats.count <= lan_seats.STRANGERS_MAX + lan_seats.PAIRED_MAX
        for writer in slow:
            writer.close()
    assert sorted(waits_s)[-3] < 0.5
