"""The serial line to an older VOD server (SPEC 15.5): the same requests as by HTTP, in frames.

1. The line needs no token: whoever has it holds a cable in the machine room, and a play is all it can
   ask for.
2. Noise is dropped until a frame is found; a sound frame that asks nonsense gets its refusal.
3. Without the port the box goes on, says SERIAL_DOWN, and opens it again with growing waits.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from device.core.events import ReopenRequested
from device.ports import DriverError, Line
from device.protocol import codec
from device.protocol.codes import refusal
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import SERIAL_PAYLOAD_BYTES_MAX
from device.protocol.serial_frame import FrameReader, frame
from device.services import vod_requests
from device.services.desk import Desk, NotReadyError
from device.services.listeners import WITH_SERIAL_MAX
from device.services.runtime import Answer, BusyError

OPEN_AGAIN_S, OPEN_AGAIN_S_MAX = 0.5, 8.0
STEADY_S = 1.0  # a port that opens and fails at once is none
REQUESTS_AT_ONCE_MAX = 32
ID_MAX = 1 << 31
_log = logging.getLogger(__name__)


class SerialApi:
    """Serves one line for ever."""

    def __init__(self, open_line: Callable[[], Line], desk: Desk, mono_ms: Callable[[], int]) -> None:
        self._open_line = open_line
        self._desk = desk
        self._mono_ms = mono_ms
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = OPEN_AGAIN_S
        while True:
            opened_at_s = loop.time()
            well = loop.call_later(STEADY_S, self._desk.faults.discard, "SERIAL_DOWN")
            try:
                line = self._open_line()
                _log.info("serial line open")
                await self._serve(line)
            except DriverError as error:
                _log.warning("%s; again in %.1f s", error, wait_s)
                self._desk.faults.add(error.code)
            finally:
                well.cancel()
            if loop.time() - opened_at_s > STEADY_S:
                wait_s = OPEN_AGAIN_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, OPEN_AGAIN_S_MAX)

    async def _serve(self, line: Line) -> None:
        """Raises DriverError when the line fails."""
        requests: set[asyncio.Task[None]] = set()
        # Either end may be the first to meet what is wrong: a line that cannot be written to is no line.
        ends = [asyncio.create_task(self._read(line, requests)), asyncio.create_task(self._tell(line))]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*ends, *requests):
                task.cancel()
            await asyncio.gather(*ends, *requests, return_exceptions=True)
            line.close()

    async def _read(self, line: Line, requests: "set[asyncio.Task[None]]") -> None:
        reader = FrameReader()
        async for chunk in line.chunks():
            for payload in reader.feed(chunk, self._mono_ms()):
                if len(requests) < REQUESTS_AT_ONCE_MAX:
                    task = asyncio.create_task(self._answer(line, payload))
                    requests.add(task)
                    task.add_done_callback(requests.discard)

    async def _tell(self, line: Line) -> None:
        """Events as they come. Whoever was cut off for being slow gets the state, and what comes after it."""
        was_cut_off = False
        while True:
            with self._desk.listeners.mailbox(WITH_SERIAL_MAX) as mailbox:
                if was_cut_off:
                    await self._write(line, {"id": 0, "event": {"type": "state", **self._desk.brief()}})
                while (event := await mailbox.get()) is not None:
                    await self._write(line, {"id": 0, "event": dict(event)})
            was_cut_off = True

    async def _answer(self, line: Line, payload: bytes) -> None:
        number = 0
        try:
            asked = codec.loads(payload, SERIAL_PAYLOAD_BYTES_MAX)
            number = asked.pop("id", None)
            if type(number) is not int or not 1 <= number < ID_MAX:
                number = 0
                raise MalformedError("REQUEST_MALFORMED", "id")
            answer = await self._asked(asked)
        except ProtocolError:
            answer = _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "REQUEST_MALFORMED")
        except (NotReadyError, BusyError) as error:
            answer = _refused(error.status, error.code)
        try:
            await self._write(line, {"id": number, "status": int(answer.status), **answer.body})
        except DriverError as error:
            _log.info("answer lost: %s", error)  # the reader meets the same error and opens the line again

    async def _asked(self, asked: dict[str, Any]) -> Answer:
        op = asked.pop("op", None)
        request = secrets.token_hex(8)
        if op == "state" and not asked:
            return Answer(HTTPStatus.OK, self._desk.brief())
        if op == "ask":
            question = vod_requests.question(asked.pop("song", None), asked)
            code = self._desk.may_play(question["room"], question["song"], question["file"])
            return Answer(HTTPStatus.OK, vod_requests.answer_to(question, code))
        if op == "reopen" and not asked:
            return await self._desk.runtime.ask(request, ReopenRequested(request=request))
        if op == "play":
            return await self._desk.runtime.ask(request, vod_requests.play_requested(request, asked))
        if op == "end":
            play = asked.pop("play", None)
            return await self._desk.runtime.ask(request, vod_requests.play_ended(request, play, asked))
        raise MalformedError("REQUEST_MALFORMED", "op")

    async def _write(self, line: Line, message: Mapping[str, Any]) -> None:
        """One frame at a time."""
        raw = _fitting(message)
        async with self._writing:
            await line.write(frame(raw))


def _fitting(message: Mapping[str, Any]) -> bytes:
    """The message within a frame: an event leaves its longest texts out, which are on the LAN; its names stay."""
    raw = codec.dumps(dict(message))
    event = dict(message.get("event", {}))
    while len(raw) > SERIAL_PAYLOAD_BYTES_MAX and event:
        del event[max(event, key=lambda name: len(codec.dumps(event[name])))]
        raw = codec.dumps({"id": message["id"], "event": event})
    return raw


def _refused(status: int, code: str) -> Answer:
    return Answer(status, refusal(code, secrets.token_hex(8)))
