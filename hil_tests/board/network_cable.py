"""The network between box and fleet: one user-space relay per service, so that it can be cut without root.

The box is told the relay's address. ``cut``: every connection ends and new ones end at once. ``stall``:
connections stay, no byte moves in either direction (what a dead link looks like before anybody notices).
``heal``: all is well again; what was stalled goes on.
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Literal

State = Literal["healed", "cut", "stalled"]
CHUNK_BYTES = 65536
HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 21_000, 32_000
PORTS_OF_A_BOARD = 16  # at most


def free_port(taken: set[int]) -> int:
    """A port below the range from which the kernel serves outgoing connections, so that it stays ours.

    A box's own port is bound only while its power is on: boards that run beside each other look in different places.
    """
    count = LAST_PORT - FIRST_PORT
    for number in range(count):
        port = FIRST_PORT + (os.getpid() * PORTS_OF_A_BOARD + number) % count
        if port in taken:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise OSError(f"no port is free between {FIRST_PORT} and {LAST_PORT}")


class NetworkCable:
    def __init__(self, port: int) -> None:
        self.port = port
        self.target: tuple[str, int] | None = None
        self.state: State = "healed"
        self.connections_count = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._streams: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    def set_state(self, state: State) -> None:
        self.state = state
        if state == "stalled":
            self._flows.clear()
        else:
            self._flows.set()
        if state == "cut":
            self._drop_all()

    def aim(self, target: str) -> None:
        """Connect to ``host:port`` from now on."""
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._drop_all()

    def _drop_all(self) -> None:
        for stream in self._streams:
            stream.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "cut" or self.target is None:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections_count += 1
        self._streams |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._streams -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()
