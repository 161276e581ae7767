"""The door waits for asyncio's loop: whatever the loop has to do is done, whoever asks meanwhile."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from device.services.desk import Question
from device.services.lan_lead import Lead
from tests.device.services.lan_rig import LanRig, lan_rig

WITHIN_S = 30


def selector() -> Any:
    return asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # private to asyncio


async def ask(rig: LanRig, asked: list[int]) -> None:
    """One connection that asks again as soon as it has its answer."""
    reader, writer = await asyncio.open_connection(*rig.address)
    request = f"GET /v1/songs/000482?room=K1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {rig.token}\r\n\r\n"
    try:
        while True:
            writer.write(request.encode())
            await reader.readuntil(b'"song":"000482"}')
            asked.append(1)
    finally:
        writer.close()


class Flood(threading.Thread):
    """Questions from outside the loop, on connections of its own."""

    def __init__(self, rig: LanRig) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.is_over = threading.Event()
        self._rig = rig

    def run(self) -> None:
        async def flood() -> None:
            asking = [asyncio.create_task(ask(self._rig, self.asked)) for _ in range(8)]
            await asyncio.to_thread(self.is_over.wait)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

        asyncio.run(flood())


async def test_timers_threads_tasks_and_sockets_of_the_loop_have_their_turns_beside_a_flood(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, asyncio.timeout(WITHIN_S):
        assert isinstance(selector(), Lead)
        flood = Flood(rig)
        flood.start()
        try:
            loop = asyncio.get_running_loop()
            for _ in range(20):
                before = len(flood.asked)
                while len(flood.asked) == before:  # noqa: ASYNC110 - nobody tells of what another thread has heard
                    await asyncio.sleep(0)
                await asyncio.sleep(0.01)
                heard = asyncio.Event()
                threading.Thread(target=loop.call_soon_threadsafe, args=(heard.set,)).start()
                await heard.wait()
                assert await loop.run_in_executor(None, lambda: 1) == 1
                assert (await rig.get("/v1/state"))[0] == 200
                assert (await rig.play())[0] == 201
        finally:
            flood.is_over.set()
            await asyncio.to_thread(flood.join)


def ask_once(rig: LanRig, is_waiting: threading.Event) -> None:
    """From a thread, of which the loop hears nothing."""
    is_waiting.wait()
    with socket.create_connection(rig.address) as client:
        client.sendall(b"GET /v1/songs/000482?room=K1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ")
        client.sendall(rig.token.encode() + b"\r\n\r\n")
        client.recv(1_000)


async def test_a_timer_that_is_made_by_what_was_served_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop had said how long it would wait before there was that timer."""
    async with lan_rig(tmp_path) as rig, asyncio.timeout(WITHIN_S):
        loop, door = asyncio.get_running_loop(), rig.listener.door
        rang, timers = asyncio.Event(), list[asyncio.TimerHandle]()
        serve_and_wait, question = door.serve_and_wait, rig.desk.question
        is_waiting = threading.Event()

        def waits(wait_s: float | None) -> None:
            # A loop without a timer of its own would wait without end.
            if wait_s and not timers:
                is_waiting.set()
                wait_s = 20
            serve_and_wait(wait_s)

        monkeypatch.setattr(door, "serve_and_wait", waits)

        def asked() -> Question:
            timers.append(loop.call_later(0.001, rang.set))
            return question()

        monkeypatch.setattr(rig.desk, "question", asked)
        await rig.runtime.settled()  # the disk has nothing to tell any more
        begun_s = loop.time()
        asking = threading.Thread(target=ask_once, args=(rig, is_waiting))
        asking.start()
        await rang.wait()
        assert loop.time() < begun_s + 15
        asking.join()


async def test_a_descriptor_of_the_loop_ends_the_waiting_at_once(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, asyncio.timeout(WITHIN_S):
        loop, door, heard = asyncio.get_running_loop(), rig.listener.door, asyncio.Event()
        ours, other = socket.socketpair()
        loop.add_reader(ours, heard.set)
        before = door.rounds
        threading.Timer(0.01, other.send, (b"x",)).start()
        await heard.wait()
        assert door.rounds < before + 50  # else it waits for a loop that is ready
        loop.remove_reader(ours)
        ours.close()
        other.close()


async def test_a_look_at_the_sockets_ends_where_the_loop_is_ready(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        loop, door = asyncio.get_running_loop(), rig.listener.door
        ours, other = socket.socketpair()
        loop.add_reader(ours, lambda: None)
        other.send(b"x")
        before = door.rounds
        rig.runtime.look()
        assert door.rounds == before + 1  # else it finds the loop ready again and again
        loop.remove_reader(ours)
        ours.close()
        other.close()


async def test_the_door_gives_the_loop_its_selector_back(tmp_path: Path) -> None:
    before = selector()
    async with lan_rig(tmp_path / "first"), lan_rig(tmp_path / "second") as second:
        lead = selector()
        assert isinstance(lead, Lead)
        assert lead._selector is before  # the second door is served as a reader of the loop
        assert (await second.get("/v1/songs/000482?room=K1"))[0] == 200
    while selector() is not before:  # noqa: ASYNC110 - nobody tells of the end of the last client
        await asyncio.sleep(0)


async def test_what_goes_wrong_in_a_round_does_not_end_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with lan_rig(tmp_path) as rig, asyncio.timeout(WITHIN_S):
        begin_round, failures = rig.listener.shared.begin_round, [OSError("the clock"), OSError("the clock")]

        def begun(now_s: float) -> None:
            if failures:
                raise failures.pop()
            begin_round(now_s)

        monkeypatch.setattr(rig.listener.shared, "begin_round", begun)
        assert (await rig.get("/v1/songs/000482?room=K1"))[0] == 200
    assert not failures
    assert "the door could not serve" in caplog.text
