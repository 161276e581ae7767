"""An older VOD server on the serial line: the same plays, frame by frame, through noise."""

import asyncio
import json
import os
import tty
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from device.core import events as on
from device.drivers.serial_line import open_line
from device.ports import DriverError
from device.protocol.serial_frame import FrameReader, frame
from device.services import serial_api
from device.services.listeners import LISTENERS_MAX, PAGES_MAX, WAITING_MAX
from device.services.serial_api import SerialApi
from tests import builders
from tests.device.services.lan_rig import LanRig, lan_rig


class FarEnd:
    """The VOD server's end of a line in memory; `pull` ends the line."""

    def __init__(self) -> None:
        self.to_box: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reader = FrameReader()
        self.opened = 0

    def open(self) -> "FarEnd":
        self.opened += 1
        if self.opened == 1:
            raise DriverError("SERIAL_DOWN", "no such port yet")
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self.to_box.get()) is not None:
            yield chunk
        raise DriverError("SERIAL_DOWN", "pulled out")

    async def write(self, data: bytes) -> None:
        for payload in self._reader.feed(data, 0):
            self.frames.put_nowait(json.loads(payload))

    def close(self) -> None:
        """Nothing is held."""

    async def ask(self, **fields: Any) -> dict[str, Any]:
        self.to_box.put_nowait(frame(json.dumps(fields).encode()))
        async with asyncio.timeout(30):
            while True:
                answer = await self.frames.get()
                if answer["id"] == fields.get("id", 0) and "status" in answer:
                    return answer


async def on_the_line(rig: LanRig) -> tuple[FarEnd, "asyncio.Task[None]"]:
    far = FarEnd()
    api = SerialApi(far.open, rig.desk, rig.clock.mono_ms)
    return far, asyncio.create_task(api.run())


async def test_play_end_and_state_have_the_fields_of_http(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        play = await far.ask(id=1, op="play", room="K1", song="000482", kind="guest")
        rig.clock.passed_ms += 100_000
        end = await far.ask(id=2, op="end", play=play["play"], played_s=100, reason="end")
        state = await far.ask(id=3, op="state")
        asked = await far.ask(id=5, op="ask", room="K1", song="unheard-of")
        refused = await far.ask(id=4, op="play", room="K1", song="unheard-of", kind="guest")
        task.cancel()
    assert (play["status"], play["room"]) == (201, "K1")
    assert (end["status"], end["counted"]) == (200, True)
    assert (state["status"], state["state"], state["venue"]) == (200, "in-service", builders.VENUE)
    assert (asked["status"], asked["allowed"], asked["code"]) == (200, False, "SONG_UNKNOWN")
    assert (refused["status"], refused["code"]) == (403, "SONG_UNKNOWN")


async def test_nonsense_in_a_sound_frame_gets_its_refusal(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = [
        {"id": 7, "op": "dance"},
        {"id": 7},
        {"id": 7, "op": "state", "more": 1},
        {"id": 7, "op": "play", "room": "K1"},
        {"id": 7, "op": "end", "play": 5, "played_s": 1, "reason": "end"},
    ]
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        answers = [await far.ask(**fields) for fields in asked]
        without_number = await far.ask(op="state")
        task.cancel()
    assert {(answer["status"], answer["code"]) for answer in answers} == {(422, "REQUEST_MALFORMED")}
    assert without_number["status"] == 422


async def test_noise_and_a_pulled_cable_cost_nothing_but_time(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        sound = frame(b'{"id":1,"op":"state"}')
        for noise in (b"\xfb\x01\xff\xff", b"\x00" * 50, sound[:10], sound[:-1] + b"\0", b"\xfb" * 9):
            far.to_box.put_nowait(noise)
        rig.clock.passed_ms += 1_000
        assert (await far.ask(id=5, op="state"))["status"] == 200
        opened = far.opened
        far.to_box.put_nowait(None)
        assert (await far.ask(id=6, op="state"))["status"] == 200
        assert far.opened > opened
        task.cancel()


async def test_a_long_notice_is_told_by_its_number(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        assert (await far.ask(id=1, op="state"))["status"] == 200
        raw = builders.notice_envelope(text_zh="请检查消防通道。" * 60, text_en="x" * 400)
        await rig.runtime.post(on.NoticeReceived(request="", raw=raw))
        async with asyncio.timeout(30):
            told = await far.frames.get()
        task.cancel()
    assert (told["event"]["type"], told["event"]["notice"]) == ("notice", f"{builders.REGION}-2026-T00001")
    assert "text_zh" not in told["event"]


async def test_a_line_that_stood_still_gets_the_state_and_goes_on(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        assert (await far.ask(id=1, op="state"))["status"] == 200
        for number in range(WAITING_MAX + 10):  # in one go: nobody reads meanwhile
            rig.desk.listeners.tell({"type": "ban", "number": number})
        async with asyncio.timeout(30):
            while (await far.frames.get())["event"]["type"] != "state":
                pass
            rig.desk.listeners.tell({"type": "late"})
            assert (await far.frames.get())["event"] == {"type": "late"}
        task.cancel()


async def test_pages_take_no_place_of_vod_servers_nor_these_of_the_line(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, AsyncExitStack() as open_sockets:
        for path, most in (("/live", PAGES_MAX), ("/v1/events", LISTENERS_MAX - PAGES_MAX)):
            for _ in range(most):
                await open_sockets.enter_async_context(rig.http.ws_connect(path))
            with pytest.raises(WSServerHandshakeError, match="503"):
                await rig.http.ws_connect(path)
        far, task = await on_the_line(rig)
        assert (await far.ask(id=1, op="state"))["status"] == 200
        rig.desk.listeners.tell({"type": "ban"})
        async with asyncio.timeout(30):
            assert (await far.frames.get())["event"] == {"type": "ban"}
        task.cancel()


async def test_a_lock_is_pushed_and_a_box_without_core_says_so(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        far, task = await on_the_line(rig)
        assert (await far.ask(id=1, op="state"))["status"] == 200
        await rig.runtime.post(on.OrderReceived(request="", raw=builders.order_envelope("stop")))
        async with asyncio.timeout(30):
            told = await far.frames.get()
        task.cancel()
    assert (told["id"], told["event"]["state"]) == (0, "locked")
    bare = LanRig(tmp_path / "bare")
    far, task = await on_the_line(bare)
    assert (await far.ask(id=1, op="play", room="K1", song="1", kind="guest"))["code"] == "BOX_UNCLAIMED"
    assert (await far.ask(id=2, op="state"))["state"] == "unclaimed"
    task.cancel()


class Cable:
    """A real line: two ends of a pty, and a name in a folder as the board's port has one."""

    def __init__(self, port: Path) -> None:
        self.port = port
        self.far = self.near = -1

    def plug(self) -> None:
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.port.symlink_to(os.ttyname(self.near))

    def unplug(self) -> None:
        self.port.unlink()
        os.close(self.near)
        os.close(self.far)

    def write(self, raw: bytes) -> None:
        os.write(self.far, raw)

    async def ask(self, **fields: Any) -> dict[str, Any]:
        """As the VOD server: a frame, and the answer that bears its id."""
        self.write(frame(json.dumps(fields).encode()))
        reader = FrameReader()
        async with asyncio.timeout(30):
            while True:
                raw = await asyncio.to_thread(os.read, self.far, 4096)
                for payload in reader.feed(raw, 0):
                    answer: dict[str, Any] = json.loads(payload)
                    if answer["id"] == fields["id"]:
                        return answer


async def test_a_real_line_that_is_pulled_in_mid_frame_again_and_again_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_api, "OPEN_AGAIN_S", 0.02)
    monkeypatch.setattr(serial_api, "OPEN_AGAIN_S_MAX", 0.05)
    monkeypatch.setattr(serial_api, "STEADY_S", 0.1)
    cable = Cable(tmp_path / "port")
    async with lan_rig(tmp_path) as rig:
        api = SerialApi(lambda: open_line(str(cable.port), 115200), rig.desk, rig.clock.mono_ms)
        running = asyncio.create_task(api.run())
        for number in range(1, 4):
            await rig.until("faults", ["SERIAL_DOWN"])
            cable.plug()
            await rig.until("faults", [])
            assert (await cable.ask(id=number, op="state"))["state"] == "in-service"
            half = frame(json.dumps({"id": 9, "op": "play", "room": "K1", "song": "000482", "kind": "guest"}).encode())
            cable.write(half[: len(half) // 2])
            cable.unplug()
        await rig.until("faults", ["SERIAL_DOWN"])
        assert (await rig.get("/v1/state"))[1]["rooms"] == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_port_that_somebody_else_has_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_api, "OPEN_AGAIN_S", 0.02)
    monkeypatch.setattr(serial_api, "OPEN_AGAIN_S_MAX", 0.05)
    monkeypatch.setattr(serial_api, "STEADY_S", 0.1)
    cable = Cable(tmp_path / "port")
    cable.plug()
    other = open_line(str(cable.port), 9600)
    async with lan_rig(tmp_path) as rig:
        api = SerialApi(lambda: open_line(str(cable.port), 115200), rig.desk, rig.clock.mono_ms)
        running = asyncio.create_task(api.run())
        await rig.until("faults", ["SERIAL_DOWN"])
        other.close()
        await rig.until("faults", [])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    cable.unplug()


async def test_a_line_that_cannot_be_written_to_is_opened_again(tmp_path: Path) -> None:
    class Mute(FarEnd):
        async def write(self, data: bytes) -> None:
            if self.opened == 2:
                raise DriverError("SERIAL_DOWN", "input/output error")
            await super().write(data)

    async with lan_rig(tmp_path) as rig:
        far = Mute()
        running = asyncio.create_task(SerialApi(far.open, rig.desk, rig.clock.mono_ms).run())
        while far.opened < 3:
            rig.desk.listeners.tell({"type": "ban"})
            await asyncio.sleep(0.01)
        assert (await far.ask(id=1, op="state"))["status"] == 200
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
