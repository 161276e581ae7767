"""A thread for calls that block on the disk, made one after the other, for one event loop.

A card may keep a call for minutes, or for ever. The thread is then lost until the call returns, and no other is
made in its place: whoever asks looks first whether it is idle. It does not keep the process from ending.
"""

import queue
import threading
from collections.abc import Callable

from device.first_loop import Loop, running_loop
from device.typed import Any, Protocol

END_S_MAX = 5.0

Done = Callable[[Any, BaseException | None], None]


class Disk(Protocol):
    """Where calls that block are made, in the order in which they were asked for."""

    def ask(self, call: Callable[[], Any], done: Done) -> None:
        """Make the call; `done` gets what came of it, in the event loop, however late."""

    def shutdown(self) -> None: ...


class DiskThread:
    """One wake-up there and one back is all that a call costs; futures and locks of an executor cost as much again."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Loop, Callable[[], Any], Done] | None]
        self._calls = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def ask(self, call: Callable[[], Any], done: Done) -> None:
        self._calls.put((running_loop(), call, done))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def shutdown(self) -> None:
        """Wait for what was asked for, but not for a call that stands still."""
        self._calls.put(None)
        if self._thread is not None:
            self._thread.join(END_S_MAX)

    def _run(self) -> None:
        while (asked := self._calls.get()) is not None:
            loop, call, done = asked
            result, failure = None, None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is goes to who asked
                failure = error
            try:
                loop.call_soon_threadsafe(done, result, failure)
            except RuntimeError:
                return  # the loop has ended: nobody waits any more
            del asked, call, done, result, failure


def made(disk: Disk, call: Callable[[], Any], returned: Callable[[], object] = lambda: None) -> Any:
    """A future of what comes of a call. `returned` is called when it does, also where nobody waits any more."""
    answer = running_loop().create_future()

    def done(result: Any, failure: BaseException | None) -> None:
        returned()
        if answer.done():
            return
        if failure is None:
            answer.set_result(result)
        else:
            answer.set_exception(failure)

    disk.ask(call, done)
    return answer
