"""Waiting for a condition: the one way in which the bench lets time pass.

Deadlines are generous, since a shared machine may be four times slower than a quiet one; what was
measured is reported, not asserted tightly.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE_S = 60.0
LOOK_EVERY_S = 0.02

T = TypeVar("T")


class WaitedInVainError(AssertionError):
    """The condition did not come true in time; says what it was and what was seen last."""


def now_s() -> float:
    """The stopwatch."""
    return time.monotonic()


def pause(for_s: float) -> None:
    """Let the world run on; for pacing a display or a simulator, never for hoping."""
    threading.Event().wait(for_s)


def wait_for(what: str, look: Callable[[], T | None], within_s: float = DEADLINE_S, every_s: float = LOOK_EVERY_S) -> T:
    """Look until there is something true to see; returns it.

    Raises WaitedInVainError after ``within_s``, with the last error or answer.
    """
    ends = now_s() + within_s
    seen: object = None
    while now_s() < ends:
        try:
            answer = look()
        except (OSError, LookupError, ValueError) as error:
            seen = error
        else:
            if answer:
                return answer
            seen = answer
        pause(every_s)
    raise WaitedInVainError(f"{what}: not within {within_s:.0f} s; seen last: {seen!r}")
