"""A board whose every part does nothing but remember; for tests of what joins the parts."""

import hashlib
import time
from collections.abc import Callable, Iterable

from device.ports import Board


class TrivialBoard:
    """Every port in one object; `lamps` and `relays` are what was shown, in order."""

    def __init__(self) -> None:
        self.lamps: list[str] = []
        self.relays: list[bool] = []
        self.counter = 0
        self.fed = 0
        self.confirmed = 0
        self.armed = 0
        self.trial = True
        self.is_only = False
        self.seal_is_open = False
        self.other_slot = b""
        self.told: list[Callable[[bool], None]] = []

    def board(self) -> Board:
        return Board(
            clock=self, counter=self, seal=self, relay=self, lamp=self, watchdog=self, slots=self, secret=_Secret()
        )

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def rtc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def read(self) -> int:
        return self.counter

    def tick(self) -> int:
        self.counter += 1
        return self.counter

    def is_open(self) -> bool:
        return self.seal_is_open

    def was_opened(self) -> bool:
        return self.seal_is_open

    def release(self) -> None:
        """There is no latch."""

    def subscribe(self, changed: Callable[[bool], None]) -> None:
        self.told.append(changed)

    def set_closed(self, closed: bool) -> None:
        self.relays.append(closed)

    def show(self, pattern: str) -> None:
        self.lamps.append(pattern)

    def feed(self) -> None:
        self.fed += 1

    def running(self) -> str:
        return "a"

    def write(self, chunks: Iterable[bytes]) -> int:
        self.other_slot = b"".join(chunks)
        return len(self.other_slot)

    def digest(self, length: int) -> str:
        return hashlib.sha256(self.other_slot[:length]).hexdigest()

    def arm(self) -> None:
        self.armed += 1

    def confirm(self, is_only: bool) -> None:
        self.confirmed += 1
        self.is_only = is_only
        self.trial = False

    def is_trial(self) -> bool:
        return self.trial


class _Secret:
    def read(self) -> bytes:
        return b"s" * 32
