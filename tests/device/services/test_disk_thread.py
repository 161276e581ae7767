"""Calls that block are made one after the other, and what comes of each goes to who asked, however late."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from device.services import disk_thread
from device.services.disk_thread import DiskThread, made


async def test_calls_are_made_in_order_and_an_error_goes_to_who_asked() -> None:
    disk, begun = DiskThread("disk"), []

    def call(number: int) -> int:
        begun.append((number, threading.current_thread().name))
        if number == 1:
            raise OSError("number one")
        return number

    asked = [made(disk, partial(call, number)) for number in range(3)]
    came = await asyncio.gather(*asked, return_exceptions=True)
    disk.shutdown()
    assert begun == [(0, "disk"), (1, "disk"), (2, "disk")]
    assert (came[0], str(came[1]), came[2]) == (0, "number one", 2)


async def test_a_call_that_nobody_waits_for_any_more_is_known_to_have_returned() -> None:
    disk, go_on, returned = DiskThread("disk"), threading.Event(), asyncio.Event()
    late = made(disk, lambda: go_on.wait(60), returned.set)
    late.set_exception(TimeoutError("too long"))
    with pytest.raises(TimeoutError, match="too long"):
        await late
    assert not returned.is_set()
    go_on.set()
    await returned.wait()
    assert await made(disk, lambda: "next") == "next"
    disk.shutdown()


def test_a_thread_whose_loop_has_ended_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    disk = DiskThread("disk")

    async def ask() -> None:
        disk.ask(lambda: go_on.wait(60), lambda _result, _failure: None)

    asyncio.run(ask())
    thread: Any = disk._thread
    assert thread.is_alive()
    assert thread.daemon, "it does not keep the process from ending"
    go_on.set()
    thread.join(60)
    assert not thread.is_alive()
    monkeypatch.setattr(disk_thread, "END_S_MAX", 0.01)
    disk.shutdown()
