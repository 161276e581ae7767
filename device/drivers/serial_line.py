"""The serial line to the VOD server, driven by its file descriptor in the event loop.

pyserial opens and sets the port; from then on the loop reads and writes it without a thread. A pty is as
good as a port. Errors of the port end `chunks` and `write` with DriverError SERIAL_DOWN; the caller
opens it again.
"""

import asyncio
import os
from collections.abc import AsyncIterator

import serial

from device.ports import DriverError

READ_BYTES_MAX = 4096
CHUNKS_WAITING_MAX = 64  # then the line is faster than the box; the framing recovers from what is dropped


class SerialLine:
    """An open line; make it with `open_line` in the running loop."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._descriptor = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        os.set_blocking(self._descriptor, False)
        self._loop.add_reader(self._descriptor, self._read)

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            chunk = await self._arrived.get()
            if not chunk:
                raise DriverError("SERIAL_DOWN", "the port is gone")
            yield chunk

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise DriverError("SERIAL_DOWN", str(error)) from error

    def close(self) -> None:
        if self._port.is_open:
            self._loop.remove_reader(self._descriptor)
            self._port.close()

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, READ_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""  # a pty whose far side closed reads EIO
        if not chunk:
            self._loop.remove_reader(self._descriptor)
        if not chunk or self._arrived.qsize() < CHUNKS_WAITING_MAX:
            self._arrived.put_nowait(chunk)

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self._descriptor, ready.set_result, None)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._descriptor)


def open_line(path: str, baud: int) -> SerialLine:
    """8 data bits, no parity, 1 stop bit. Raises DriverError SERIAL_DOWN: missing, busy or not
    permitted.
    """
    try:
        return SerialLine(serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True))
    except (OSError, ValueError) as error:
        raise DriverError("SERIAL_DOWN", str(error)) from error
