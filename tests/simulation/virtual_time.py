"""An event loop whose time passes only when nobody has anything to do.

    loop = VirtualLoop(); loop.run_until_complete(world.live())     # forty days in seconds, the same by every seed

1. Nothing waits for sockets or threads: what would block runs inline, after `blocking_s` of virtual time.
2. `leap` lets time pass as if the process had stood still: every timer that fell due meanwhile fires late.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class DeadEndError(Exception):
    """Everybody waits for somebody else."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time in seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self.blocking_s = 0.0  # how long each blocking call takes: a disk that stalls
        self._selector = self  # the base class asks it what to wait for
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._now_s

    def leap(self, seconds: float) -> None:
        """Rule 2."""
        self._now_s += seconds

    def select(self, timeout: float | None) -> list[Any]:
        """What the base class asks when nothing is ready: no file ever is, so time passes."""
        if timeout is None:
            raise DeadEndError
        self._now_s += max(0.0, timeout)
        return []

    def run_in_executor(  # type: ignore[override]  # the types of arguments do not matter here
        self, _executor: Any, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Rule 1. Like a thread, a call that nobody waits for any more is made all the same."""
        done = self.create_future()

        def make_the_call() -> None:
            try:
                result = call(*arguments)
            except BaseException as error:  # noqa: BLE001 - as an executor does: whoever waits gets it
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(result)

        if self.blocking_s:
            self.call_later(self.blocking_s, make_the_call)
        else:
            make_the_call()
        return done

    def _process_events(self, _events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""


class InlineDisk:
    """Where the box makes calls that block: in this loop (rule 1)."""

    def ask(self, call: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        answer = asyncio.get_running_loop().run_in_executor(None, call)
        answer.add_done_callback(lambda made: done(None if made.exception() else made.result(), made.exception()))

    def shutdown(self) -> None:
        """There is no thread."""
