"""The serial line on a pty: every byte, and an end that is noticed."""

import asyncio
import os
import tty
from collections.abc import Iterator

import pytest

from device.drivers.serial_line import open_line
from device.ports import DriverError


@pytest.fixture
def cable() -> Iterator[tuple[int, str]]:
    """Descriptor of the far end, path of the near one."""
    far, near = os.openpty()
    tty.setraw(near)
    path = os.ttyname(near)
    os.close(near)
    os.set_blocking(far, False)
    try:
        yield far, path
    finally:
        os.close(far)


async def test_bytes_go_both_ways_unchanged(cable: tuple[int, str]) -> None:
    far, path = cable
    line = open_line(path, 115200)
    every_byte = bytes(range(256))
    os.write(far, every_byte)
    received = b""
    async with asyncio.timeout(30):
        async for chunk in line.chunks():
            received += chunk
            if len(received) == 256:
                break
    await line.write(every_byte)
    assert received == every_byte
    assert os.read(far, 1000) == every_byte
    line.close()


async def test_a_slow_reader_delays_a_writer_and_loses_nothing(cable: tuple[int, str]) -> None:
    far, path = cable
    line = open_line(path, 115200)
    sent = os.urandom(200_000)
    writing = asyncio.create_task(line.write(sent))
    received = bytearray()
    async with asyncio.timeout(30):
        while len(received) < len(sent):
            await asyncio.sleep(0)
            try:
                received += os.read(far, 4096)
            except BlockingIOError:
                continue
    await writing
    assert bytes(received) == sent
    line.close()


async def test_a_line_that_is_pulled_out_ends_with_its_code() -> None:
    far, near = os.openpty()
    line = open_line(os.ttyname(near), 115200)
    os.close(near)
    os.close(far)
    with pytest.raises(DriverError, match="SERIAL_DOWN"):
        await asyncio.wait_for(anext(line.chunks()), 30)
    with pytest.raises(DriverError, match="SERIAL_DOWN"):
        await line.write(b"x")
    line.close()


async def test_a_port_that_is_missing_or_taken_is_said(cable: tuple[int, str], tmp_path: object) -> None:
    with pytest.raises(DriverError, match="SERIAL_DOWN"):
        open_line("/dev/no-such-port", 9600)
    with pytest.raises(DriverError, match="SERIAL_DOWN"):
        open_line("/dev/null", 9600)
    first = open_line(cable[1], 9600)
    with pytest.raises(DriverError, match="SERIAL_DOWN"):
        open_line(cable[1], 9600)
    first.close()
