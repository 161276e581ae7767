"""News for whoever watches now: events of this process, fanned out to its listeners.

    with live.listen(lambda region: region.startswith("44")) as listener:
        async for event in listener: ...

Nothing is kept: a listener that comes late, or that is too slow, reads the state again. Being told `lost`
is how it knows.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WAITING_MAX = 256  # events that one listener may leave unread
LISTENERS_MAX = 1024


class TooManyListenersError(Exception):
    """LISTENERS_MAX is reached."""


@dataclass(frozen=True, slots=True)
class Event:
    """`topic` is what changed (`order`, `box`, `play`, ...), `subject` which one, `region` where."""

    topic: str
    region: str
    subject: str
    facts: dict[str, object] = field(default_factory=dict)


LOST = Event("lost", "000000", "")


class Listener:
    """An async iterator of events that ends with `Live.close`; made by `Live.listen`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sees: Callable[[str], bool]) -> None:
        self._loop = loop
        self._sees = sees
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def end(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._is_over = True
        self._news.set()

    def offer(self, event: Event) -> None:
        """From any thread."""
        if self._sees(event.region):
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
            self._waiting.append(LOST)
        self._waiting.append(event)
        self._news.set()


class Live:
    """The listeners of one process."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()

    def publish(self, topic: str, region: str, subject: str, **facts: object) -> None:
        """Tell everybody who may see the region. From any thread; returns at once."""
        self.tell(Event(topic, region, subject, facts))

    def tell(self, event: Event) -> None:
        """As `publish`."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.offer(event)

    def close(self) -> None:
        """The server stops: everybody listens no longer, so that streams end before connections are cut."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.end()

    @contextmanager
    def listen(self, sees: Callable[[str], bool]) -> Iterator[Listener]:
        """A listener for the regions that `sees` accepts. Raises TooManyListenersError."""
        listener = Listener(asyncio.get_running_loop(), sees)
        with self._lock:
            if len(self._listeners) >= LISTENERS_MAX:
                raise TooManyListenersError(f"{LISTENERS_MAX} listeners")
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)
