"""The emulated lines: seal switch in; relay and lamp out.

Example: `EmulatedRelay(link).set_closed(True)` puts the board's line `relay` to true; the bench reads it back
with its time. At a reset the board itself lets the relay fall open and the lamp go off, as hardware would.
"""

from collections.abc import Callable

from device.drivers.emulated.link import BoardLink
from device.ports import LAMP_PATTERNS


class EmulatedSealSwitch:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def is_open(self) -> bool:
        return bool(self._link.ask("level", line="seal")["value"])

    def was_opened(self) -> bool:
        return bool(self._link.ask("seal-latch")["set"])

    def release(self) -> None:
        self._link.ask("seal-latch", release=True)

    def subscribe(self, changed: Callable[[bool], None]) -> None:
        self._link.subscribe("seal", changed)


class EmulatedRelay:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def set_closed(self, closed: bool) -> None:
        self._link.ask("drive", line="relay", value=closed)


class EmulatedLamp:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def show(self, pattern: str) -> None:
        assert pattern in LAMP_PATTERNS, pattern
        self._link.ask("drive", line="lamp", value=pattern)
