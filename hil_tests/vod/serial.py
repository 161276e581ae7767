"""The VOD server's side of the serial line (SPEC 15.5): the same questions, framed, over a pty or port.

A lost frame is asked again: an end with the same play id, a start as a new request.
"""

import asyncio
import json
import os
import struct
import tty
import zlib
from collections.abc import AsyncIterator
from typing import Any

from hil_tests.vod.lan import Answer

MAGIC = b"\xfb\x01"
ANSWER_WITHIN_S = 3.0


def frame(payload: bytes) -> bytes:
    body = struct.pack(">H", len(payload)) + payload
    return MAGIC + body + struct.pack(">I", zlib.crc32(body))


def take_frames(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Whole payloads in the buffer, and what is left; noise before a frame and broken frames are dropped."""
    payloads: list[bytes] = []
    while True:
        start = buffer.find(MAGIC)
        if start < 0:
            return payloads, buffer[-1:] if buffer.endswith(MAGIC[:1]) else b""
        buffer = buffer[start:]
        if len(buffer) < 4:
            return payloads, buffer
        length = int.from_bytes(buffer[2:4], "big")
        if len(buffer) < 8 + length:
            return payloads, buffer
        body, crc = buffer[2 : 4 + length], int.from_bytes(buffer[4 + length : 8 + length], "big")
        if zlib.crc32(body) == crc:
            payloads.append(body[2:])
            buffer = buffer[8 + length :]
        else:
            buffer = buffer[2:]


class BoxSerial:
    """Needs a running loop from ``open`` on."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._buffer = b""
        self._next_id = 1
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.retries = 0

    async def open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._descriptor)
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    async def play(self, room: str, song: str, kind: str) -> Answer:
        return await self._ask({"op": "play", "room": room, "song": song, "kind": kind})

    async def end(self, play: str, played_s: int, reason: str) -> Answer:
        return await self._ask({"op": "end", "play": play, "played_s": played_s, "reason": reason})

    async def reopen(self) -> Answer:
        return await self._ask({"op": "reopen"})

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """The line has no beginning that the box could see: its state is asked first, every change comes unasked."""
        state = await self._ask({"op": "state"})
        yield {"type": "state", **state.body}
        while True:
            yield await self._events.get()

    async def _ask(self, request: dict[str, object]) -> Answer:
        while True:
            number, self._next_id = self._next_id, self._next_id % 1_000_000 + 1
            answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._waiting[number] = answer
            os.write(self._descriptor, frame(json.dumps({"id": number, **request}).encode()))
            try:
                fields = await asyncio.wait_for(answer, ANSWER_WITHIN_S)
            except TimeoutError:
                self.retries += 1
                continue
            finally:
                del self._waiting[number]
            if fields["status"] < 500:
                return Answer(fields["status"], fields)

    def _readable(self) -> None:
        payloads, self._buffer = take_frames(self._buffer + os.read(self._descriptor, 4096))
        for payload in payloads:
            message = json.loads(payload)
            if message["id"] == 0:
                self._events.put_nowait(message["event"])
            elif (waiting := self._waiting.get(message["id"])) and not waiting.done():
                waiting.set_result(message)
