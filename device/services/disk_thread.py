"""A thread for calls that block on the disk, made one after the other.

A card may keep a call for minutes, or for ever. The thread is then lost until the call returns, and no other is
made in its place: whoever asks looks first whether it is idle. It does not keep the process from ending.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

END_S_MAX = 5.0


class DiskThread(Executor):
    """For `loop.run_in_executor`."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        self._calls.put((answer, lambda: call(*arguments, **named)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was asked for, but not for a call that stands still."""
        self._calls.put(None)
        if wait and self._thread is not None:
            self._thread.join(END_S_MAX)

    def _run(self) -> None:
        while (asked := self._calls.get()) is not None:
            answer, call = asked
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(call())
                except BaseException as error:  # noqa: BLE001 - whatever it is goes to who asked
                    answer.set_exception(error)
