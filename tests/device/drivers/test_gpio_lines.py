"""The lamp of a real board (`device/drivers/gpio_lines.py`), with the kernel's lines stood in for."""

import asyncio
import enum
import socket
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from device.ports import DriverError

SEAL, RELAY, LAMP = 1, 2, 3


class Line(enum.Enum):
    """Whatever the driver asks of `gpiod.line`."""

    PULL_UP, OUTPUT, INPUT, BOTH, ACTIVE, INACTIVE = range(6)


class Lines:
    """What `gpiod.request_lines` gives; nothing takes a value while it `fails`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.fails = False
        self.left, self.done = 0, asyncio.Event()
        self.shown: list[str] = []

    def set_value(self, line: int, value: Line) -> None:
        assert line == LAMP
        self.left -= 1
        if self.left == 0:
            self.done.set()
        if self.fails:
            raise OSError(5, "Input/output error")
        self.shown.append(value.name)


@pytest.fixture
def gpio_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    gpiod, line = ModuleType("gpiod"), ModuleType("gpiod.line")
    for name in ("Bias", "Direction", "Edge", "Value"):
        setattr(line, name, Line)
    vars(gpiod).update(line=line, LineSettings=lambda **_: None)
    monkeypatch.setitem(sys.modules, "gpiod", gpiod)
    monkeypatch.setitem(sys.modules, "gpiod.line", line)
    monkeypatch.delitem(sys.modules, "device.drivers.gpio_lines", raising=False)
    module = import_module("device.drivers.gpio_lines")
    monkeypatch.setattr(module, "STEP_S", 0.001)
    yield module
    sys.modules.pop("device.drivers.gpio_lines", None)


async def _until(lines: Lines, tries_count: int) -> None:
    """So many attempts more."""
    lines.left, lines.done = tries_count, asyncio.Event()
    await lines.done.wait()


async def test_a_lamp_that_fails_for_a_moment_goes_on_blinking(
    gpio_lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = socket.socketpair()  # as good a descriptor as any: no edge comes
    lines = Lines(reader.fileno())
    monkeypatch.setattr(sys.modules["gpiod"], "request_lines", lambda *_, **__: lines, raising=False)
    with reader, writer:
        board = gpio_lines.GpioLines("chip", SEAL, RELAY, LAMP)
        lines.fails = True
        await asyncio.wait_for(_until(lines, 3), 10)
        with pytest.raises(DriverError, match="BOARD_FAILED"):
            board.show("failed")
        lines.fails = False
        await asyncio.wait_for(_until(lines, 30), 10)
        assert {"ACTIVE", "INACTIVE"} == set(lines.shown[-20:])
        board.show("in-service")
        await asyncio.wait_for(_until(lines, 30), 10)
        assert set(lines.shown[-20:]) == {"ACTIVE"}
        asyncio.get_running_loop().remove_reader(lines.fd)
