"""The control socket: how the box's emulated drivers and the bench reach the board.

One JSON object a line, answered in order: ``{"do": NAME, ...}`` gives ``{"ok": true, ...}`` or
``{"ok": false, "error": TEXT}``. After ``{"do": "watch"}`` the same connection also gets
``{"event": "line", "line", "value", "at_ms"}`` at every change of a line.

The socket is reached through the folder's descriptor: the path of a unix socket holds 107 bytes, and
test folders are longer than that.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from hil_tests.board.pins import Change, Pins

Fields = dict[str, object]
Verb = Callable[[Fields], "Fields | Awaitable[Fields]"]
LINE_BYTES_MAX = 65536


def short_path(folder_descriptor: int, name: str) -> str:
    return f"/proc/self/fd/{folder_descriptor}/{name}"


class ControlSocket:
    def __init__(self, path: Path, verbs: dict[str, Verb], pins: Pins) -> None:
        self._path = path
        self._verbs = verbs
        self._pins = pins
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            self._server = await asyncio.start_unix_server(
                self._connected, short_path(folder, self._path.name), limit=LINE_BYTES_MAX
            )
        finally:
            os.close(folder)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(change: Change) -> None:
            writer.write(_line({"event": "line", **change.told()}))

        unwatch: Callable[[], None] | None = None
        try:
            while raw := await reader.readline():
                answer = await self._answer(raw)
                if answer.get("watching") and unwatch is None:
                    unwatch = self._pins.watch(tell)
                writer.write(_line(answer))
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # The other end is gone, or sends lines without end: nothing to answer to.
        finally:
            if unwatch is not None:
                unwatch()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, raw: bytes) -> Fields:
        try:
            request = json.loads(raw)
            verb = self._verbs[request["do"]]
            result = verb(request)
            fields = result if isinstance(result, dict) else await result
        except (ValueError, KeyError, TypeError, OSError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True, **fields}


def _line(fields: Fields) -> bytes:
    return json.dumps(fields).encode() + b"\n"
