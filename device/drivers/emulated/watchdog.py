"""The emulated watchdog: the board arms it at the first feeding and resets the box 10 s after the last.

Example: `EmulatedWatchdog(link).feed()` once, then nothing: ten seconds later the box is gone and the boot
loader starts it again with `why` = `watchdog`.
"""

from device.drivers.emulated.link import BoardLink


class EmulatedWatchdog:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def feed(self) -> None:
        self._link.ask("feed")
