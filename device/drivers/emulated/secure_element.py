"""The emulated secure element: the counter that only rises, and the secret of the board.

Example: `EmulatedCounter(link).tick()` returns 8 after 7, and 8 is permanent, also across a power cut and
over a restored disk, since the board keeps it outside the box's disk.
"""

from device.drivers.emulated.link import BoardLink


class EmulatedCounter:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def read(self) -> int:
        return int(self._link.ask("count")["value"])

    def tick(self) -> int:
        return int(self._link.ask("tick")["value"])


class EmulatedSecret:
    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def read(self) -> bytes:
        return bytes.fromhex(self._link.ask("secret")["secret"])
