"""What leaves for the boxes: the way every domain sends, whatever carries it.

A message is sent after the transaction that is its reason has committed. It may be lost on the way;
the box's next report asks for it (SPEC 10.5), so nobody here waits or tries again.
"""

from typing import Protocol


class Carrier(Protocol):
    """The broker. Both functions return at once and may be called from any thread."""

    def send(self, topic: str, payload: bytes) -> None: ...

    def disconnect(self, box: str) -> None: ...


class Downlink:
    """Passes on to a carrier while there is one."""

    def __init__(self) -> None:
        self._carrier: Carrier | None = None

    def connect(self, carrier: Carrier | None) -> None:
        self._carrier = carrier

    def send(self, topic: str, payload: bytes) -> None:
        if self._carrier:
            self._carrier.send(topic, payload)

    def disconnect(self, box: str) -> None:
        """End the box's session; the callout decides whether it may come back."""
        if self._carrier:
            self._carrier.disconnect(box)
