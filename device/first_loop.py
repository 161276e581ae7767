"""The event loop before asyncio, which takes longer to read in than the core needs to answer (docs/adr/0014).

1. It has asyncio's names, as few as the box needs at a start, and asyncio's order: what is ready, then what is due,
   then each call once. Whoever asks for `running_loop` need not know which he got.
2. `join` hands everything over to asyncio's loop: descriptors, timers, calls that wait, and every coroutine where it
   stands, as a task. Until then a coroutine waits for futures of this loop, `pause` and `TURN` alone; each of them
   finds out on waking which loop goes on.
3. Who holds this loop goes on with it: it passes on what it is asked. Threads and signals may come at any time.
"""

import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator

from device.log import Log
from device.typed import Any, Protocol

_READ = select.EPOLLIN
_log = Log(__name__)


class Loop(Protocol):
    """What there is of asyncio's loop from the start on."""

    def time(self) -> float: ...
    def call_soon(self, call: Callable[..., object], /, *arguments: Any) -> Any: ...
    def call_later(self, delay: float, call: Callable[..., object], /, *arguments: Any) -> Any: ...
    def call_soon_threadsafe(self, call: Callable[..., object], /, *arguments: Any) -> Any: ...
    def create_future(self) -> Any: ...
    def create_task(self, coroutine: Coroutine[Any, Any, Any], /) -> Any: ...
    def add_reader(self, fd: Any, call: Callable[..., object], /) -> Any: ...
    def remove_reader(self, fd: Any, /) -> Any: ...


def running_loop() -> Loop:
    """The first loop while it stands, then asyncio's."""
    loop: Loop = FirstLoop.standing or sys.modules["asyncio"].get_running_loop()
    return loop


async def pause(for_s: float) -> None:
    """`asyncio.sleep`."""
    loop = running_loop()
    over = loop.create_future()
    timer = loop.call_later(for_s, _set, over)
    try:
        await over
    finally:
        timer.cancel()


async def in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call that blocks comes to; it is made in a thread of its own, which keeps no process from ending."""
    loop = running_loop()
    made = loop.create_future()

    def make() -> None:
        try:
            result = call(*arguments)
        except BaseException as error:  # noqa: BLE001 - whatever it is goes to who waits
            _tell(loop, made, made.set_exception, error)
        else:
            _tell(loop, made, made.set_result, result)

    threading.Thread(target=make, daemon=True).start()
    return await made


def _tell(loop: Loop, made: Any, end: Callable[[Any], None], what: Any) -> None:
    def tell() -> None:
        if not made.done():
            end(what)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        _log.info("a thread outlived its loop")


def _set(future: Any) -> None:
    if not future.done():
        future.set_result(None)


class Turn:
    """`await TURN`: everybody else has a turn first."""

    def __await__(self) -> Generator[None, None, None]:
        yield


TURN = Turn()


class Happening:
    """`asyncio.Event`."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[Any] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for future in self._waiting:
            _set(future)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> bool:
        if not self._is_set:
            future = running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            finally:
                self._waiting.remove(future)
        return True


class _Future:
    """`asyncio.Future`, which asyncio's tasks may wait for as well."""

    def __init__(self, loop: "FirstLoop") -> None:
        self._loop = loop
        self._told: list[Callable[[Any], object]] = []
        self._is_done = False
        self._result: Any = None
        self._failure: BaseException | None = None

    def done(self) -> bool:
        return self._is_done

    def result(self) -> Any:
        if self._failure is not None:
            raise self._failure
        return self._result

    def set_result(self, result: Any) -> None:
        self._end(result, None)

    def set_exception(self, failure: BaseException) -> None:
        self._end(None, failure)

    def add_done_callback(self, tell: Callable[[Any], object]) -> None:
        if self._is_done:
            self._loop.call_soon(tell, self)
        else:
            self._told.append(tell)

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._is_done and self._loop.successor is None:
            yield self
        if not self._is_done:  # the task goes on in asyncio
            bridge = self._loop.create_future()
            self.add_done_callback(lambda _: _set(bridge))
            yield from bridge.__await__()
        return self.result()

    def _end(self, result: Any, failure: BaseException | None) -> None:
        assert not self._is_done
        self._is_done, self._result, self._failure = True, result, failure
        for tell in self._told:
            self._loop.call_soon(tell, self)
        self._told.clear()


class _Task(_Future):
    """`asyncio.Task`. One that is cancelled ends where it stands, with None."""

    def __init__(self, loop: "FirstLoop", coroutine: Coroutine[Any, Any, Any]) -> None:
        super().__init__(loop)
        self._coroutine = coroutine
        self._successor: Any = None
        loop.call_soon(self._step)

    def cancel(self) -> None:
        if self._successor is not None:
            self._successor.cancel()
        elif not self._is_done:
            self._coroutine.close()
            self._end(None, None)

    def join(self) -> None:
        """Rule 2: asyncio's first step is the next of the coroutine."""
        if not self._is_done:
            self._successor = self._loop.create_task(self._coroutine)
            self._successor.add_done_callback(self._joined)

    def _joined(self, task: Any) -> None:
        if task.cancelled():
            self._end(None, None)
        else:
            self._end(None if task.exception() else task.result(), task.exception())

    def _step(self, _awaited: Any = None) -> None:
        if self._is_done or self._successor is not None:
            return
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            self._end(end.value, None)
        except Exception as error:  # noqa: BLE001 - whoever waits for the task gets it
            self._end(None, error)
        else:
            if awaited is None:
                self._loop.call_soon(self._step)
            else:
                awaited.add_done_callback(self._step)


class _Timer:
    """A call that is due at `at_s`."""

    def __init__(self, at_s: float, call: Callable[[], object]) -> None:
        self.at_s = at_s
        self.call = call
        self.is_over = False
        self.successor: Any = None

    def cancel(self) -> None:
        self.is_over = True
        if self.successor is not None:
            self.successor.cancel()


class FirstLoop:
    """From its making to `join`, and to `close` for what comes late."""

    standing: "FirstLoop | None" = None

    def __init__(self, mono_s: Callable[[], float]) -> None:
        """mono_s: asyncio's own clock."""
        self.time = mono_s
        self.successor: Any = None  # asyncio's
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[..., object]] = {}
        self._soon: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: list[_Timer] = []
        self._tasks: list[_Task] = []
        self._from_threads: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.add_reader(self._bell, self._hear_threads)
        FirstLoop.standing = self

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Everything, until this coroutine has ended; returns or raises what it comes to."""
        task = self.create_task(coroutine)
        while not task.done():
            self._once()
        return task.result()

    def join(self, successor: Any) -> None:
        """Rule 2; called by a task of the asyncio loop that goes on."""
        FirstLoop.standing = None
        self.successor = successor
        for fd, call in self._readers.items():
            self._epoll.unregister(fd)
            successor.add_reader(fd, call)
        self._epoll.close()
        for timer in self._timers:
            if not timer.is_over:
                timer.successor = successor.call_at(timer.at_s, timer.call)
        for call, arguments in self._soon:
            successor.call_soon(call, *arguments)
        for task in self._tasks:
            task.join()

    def close(self) -> None:
        if FirstLoop.standing is self:
            FirstLoop.standing = None
            self._epoll.close()
        os.close(self._bell)
        self._bell = -1

    # As asyncio's.

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        if self.successor is None:
            self._soon.append((call, arguments))
        else:
            self.successor.call_soon(call, *arguments)

    def call_later(self, delay: float, call: Callable[..., object], *arguments: Any) -> Any:
        if self.successor is not None:
            return self.successor.call_later(delay, call, *arguments)
        timer = _Timer(self.time() + delay, lambda: call(*arguments))
        self._timers.append(timer)
        return timer

    def call_soon_threadsafe(self, call: Callable[..., object], *arguments: Any) -> None:
        if self.successor is None:
            self._from_threads.append((call, arguments))
            if self._bell < 0:
                raise RuntimeError("the loop has ended")
            os.eventfd_write(self._bell, 1)
        else:
            self.successor.call_soon_threadsafe(call, *arguments)

    def create_future(self) -> Any:
        return _Future(self) if self.successor is None else self.successor.create_future()

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self.successor is not None:
            return self.successor.create_task(coroutine)
        task = _Task(self, coroutine)
        self._tasks = [task, *(kept for kept in self._tasks if not kept.done())]
        return task

    def add_reader(self, fd: Any, call: Callable[..., object]) -> None:
        if self.successor is None:
            number = fd if isinstance(fd, int) else fd.fileno()
            self._readers[number] = call
            self._epoll.register(number, _READ)
        else:
            self.successor.add_reader(fd, call)

    def remove_reader(self, fd: Any) -> None:
        if self.successor is None:
            number = fd if isinstance(fd, int) else fd.fileno()
            del self._readers[number]
            self._epoll.unregister(number)
        else:
            self.successor.remove_reader(fd)

    def _once(self) -> None:
        """Rule 1."""
        for fd, _ in self._epoll.poll(self._wait_s()):
            self._soon.append((self._read, (fd,)))
        now_s = self.time()
        due = sorted((timer for timer in self._timers if timer.at_s <= now_s), key=lambda timer: timer.at_s)
        self._timers = [timer for timer in self._timers if timer.at_s > now_s and not timer.is_over]
        for timer in due:
            self._soon.append((self._ring, (timer,)))
        for _ in range(len(self._soon)):
            call, arguments = self._soon.popleft()
            try:
                call(*arguments)
            except Exception:  # noqa: BLE001 - as asyncio: one call's defect must not stop the others
                _log.exception("a call of the loop failed")

    def _wait_s(self) -> float | None:
        if self._soon:
            return 0.0
        at_s = min((timer.at_s for timer in self._timers if not timer.is_over), default=None)
        return None if at_s is None else max(0.0, at_s - self.time())

    def _read(self, fd: int) -> None:
        if fd in self._readers:
            self._readers[fd]()

    def _ring(self, timer: _Timer) -> None:
        if not timer.is_over:
            timer.is_over = True
            timer.call()

    def _hear_threads(self) -> None:
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return
        while self._from_threads:
            call, arguments = self._from_threads.popleft()
            self.call_soon(call, *arguments)
