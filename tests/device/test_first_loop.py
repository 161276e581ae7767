"""The loop before asyncio: asyncio's order and meaning, and nothing lost or doubled where asyncio takes over."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from device.first_loop import TURN, FirstLoop, Happening, in_thread, pause, running_loop
from device.services.lan_clock import mono_s

# What both loops are asked to do; each story says what happened, in order.


async def _calls_and_timers(said: list[str]) -> None:
    loop = running_loop()
    loop.call_later(0.02, said.append, "late")
    loop.call_later(0.01, said.append, "early")
    loop.call_later(0.015, said.append, "cancelled").cancel()
    loop.call_soon(said.append, "soon")
    said.append("now")
    await TURN
    said.append("after a turn")
    await pause(0.05)


async def _tasks_and_futures(said: list[str]) -> None:
    loop = running_loop()
    future = loop.create_future()

    async def wait(name: str) -> str:
        said.append(f"{name} waits")
        return f"{name} has {await future}"

    tasks = [loop.create_task(wait(name)) for name in ("one", "two")]
    await TURN
    future.set_result("it")
    said.append(f"{tasks[0].done()}")
    said.extend([await tasks[1], await tasks[0]])
    failed = loop.create_future()
    failed.set_exception(ValueError("no"))
    try:
        await failed
    except ValueError as error:
        said.append(f"{error}")


async def _happenings(said: list[str]) -> None:
    happening = Happening()

    async def wait() -> None:
        await happening.wait()
        said.append("heard")

    tasks = [running_loop().create_task(wait()) for _ in range(2)]
    await TURN
    happening.set()
    await tasks[1]
    await happening.wait()
    happening.clear()
    said.append(f"{happening.is_set()}")


async def _cancelled(said: list[str]) -> None:
    async def wait() -> None:
        try:
            await pause(60)
        finally:
            said.append("let go")

    task = running_loop().create_task(wait())
    await TURN
    task.cancel()
    await TURN
    await TURN
    said.append(f"{task.done()}")


async def _threads(said: list[str]) -> None:
    said.append(await in_thread(lambda number: f"{number} of {threading.current_thread().daemon}", 7))
    try:
        await in_thread(os.stat, "/no/such/file")
    except FileNotFoundError:
        said.append("not there")


async def _descriptors(said: list[str]) -> None:
    loop, heard = running_loop(), Happening()
    near, far = os.pipe()

    def read() -> None:
        said.append(os.read(near, 10).decode())
        loop.remove_reader(near)
        heard.set()

    loop.add_reader(near, read)
    os.write(far, b"bytes")
    await heard.wait()
    os.write(far, b"more")
    await TURN
    os.close(near)
    os.close(far)


@pytest.mark.parametrize(
    "story", [_calls_and_timers, _tasks_and_futures, _happenings, _cancelled, _threads, _descriptors]
)
def test_it_tells_the_same_story_as_asyncio(first: FirstLoop, story: Any) -> None:
    said, wanted = list[str](), list[str]()
    first.run(story(said))
    first.join(_Unused())
    asyncio.run(story(wanted))
    assert said == wanted
    assert said


@pytest.fixture
def first() -> Iterator[FirstLoop]:
    loop = FirstLoop(mono_s)
    yield loop
    loop.close()


class _Unused:
    """An asyncio loop that takes over and is asked nothing of interest."""

    def add_reader(self, *_: Any) -> None: ...
    def call_soon(self, *_: Any) -> None: ...
    def call_at(self, *_: Any) -> None: ...


def test_whoever_waits_goes_on_in_asyncio_once(first: FirstLoop) -> None:
    said: list[str] = []
    go_on, happening, future = threading.Event(), Happening(), first.create_future()
    near, far = os.pipe()

    async def wait_for(name: str, awaited: Any) -> str:
        said.append(f"{name} {await awaited}")
        assert isinstance(running_loop(), asyncio.AbstractEventLoop)
        await pause(0)
        return name

    async def wait_for_future() -> Any:
        return await future

    async def turns() -> int:
        count = 0
        while first.successor is None:
            await TURN
            count += 1
        return count

    def at_once() -> None:
        said.append("call")
        first.call_soon(said.append, "call of the call")

    async def taken_over() -> None:
        first.join(asyncio.get_running_loop())
        for task in (*waiting, turning):
            assert not task.done()
        os.write(far, b"x")
        go_on.set()
        happening.set()
        future.set_result("done")
        assert [await task for task in waiting] == ["thread", "timer", "happening", "future"]
        assert await turning > 1

    waiting = [
        first.create_task(wait_for("thread", in_thread(lambda: go_on.wait(60)))),
        first.create_task(wait_for("timer", pause(1.0))),
        first.create_task(wait_for("happening", happening.wait())),
        first.create_task(wait_for("future", wait_for_future())),
    ]
    turning = first.create_task(turns())
    first.call_later(0.9, said.append, "later")
    first.call_later(0.02, said.append, "never").cancel()
    first.add_reader(near, lambda: said.append(os.read(near, 9).decode()))
    first.run(_turns(3))
    first.call_soon(at_once)
    asyncio.run(taken_over())
    os.close(near)
    os.close(far)
    assert sorted(said) == sorted(
        ["thread True", "timer None", "happening True", "future done", "later", "x", "call", "call of the call"]
    )


async def _turns(count: int) -> None:
    for _ in range(count):
        await TURN


def test_what_a_task_comes_to_after_the_take_over_is_known_to_who_made_it(first: FirstLoop) -> None:
    async def fail() -> None:
        await pause(0.01)
        raise ValueError("later")

    async def taken_over() -> None:
        first.join(asyncio.get_running_loop())
        with pytest.raises(ValueError, match="later"):
            await failing
        endless.cancel()
        assert await endless is None
        assert stopped == ["it"]

    async def wait() -> None:
        try:
            await pause(60)
        finally:
            stopped.append("it")

    stopped: list[str] = []
    failing, endless = first.create_task(fail()), first.create_task(wait())
    first.run(_turns(2))
    asyncio.run(taken_over())


def test_a_call_that_fails_stops_nobody_and_is_logged(first: FirstLoop, caplog: pytest.LogCaptureFixture) -> None:
    first.call_soon(int, "no number")
    said: list[str] = []
    first.call_soon(said.append, "next")
    first.run(_turns(2))
    assert said == ["next"]
    assert "no number" in caplog.text


def test_a_signal_wakes_it(first: FirstLoop) -> None:
    told = Happening()
    before = signal.signal(signal.SIGUSR1, lambda *_: first.call_soon_threadsafe(told.set))
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        first.run(told.wait())
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told.is_set()


def test_a_thread_that_outlives_it_is_told_so() -> None:
    loop = FirstLoop(mono_s)
    loop.close()
    assert FirstLoop.standing is None
    with pytest.raises(RuntimeError):
        loop.call_soon_threadsafe(print)
