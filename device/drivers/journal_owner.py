"""Whose journal it is: what on the card this box can have written, and what nobody else can have.

A frame has no key behind it: its sum and its chain value are made anew by whoever edits the card. So an entry that is
not one of this box is damage, however sound its frame is (SPEC 9.13). A bookmark has the card's code
(`crypto.card_mac`); what chains to a place that it names is the box's own word, and need not be looked at again.
"""

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.ports import BoardSecret, Frame
from device.protocol.errors import ProtocolError
from device.protocol.journal import Entry, entry_of
from device.typed import Any

_PURPOSE = b"journal"


class Owner:
    """One box on its board. Calls with codes raise DriverError if the board's secret cannot be read."""

    def __init__(self, box: str, secret: BoardSecret) -> None:
        self._box = box
        self._secret = secret

    def wrote(self, frame: Frame) -> bool:
        """Whether this can be an entry of this box; of a frame whose sum is right."""
        return self.entry_of(frame) is not None

    def entry_of(self, frame: Frame) -> dict[str, Any] | None:
        """The same, and what stands in it; None where this box cannot have written it."""
        return entry_of(frame.entry, self._box, frame.epoch, frame.seq)

    def would_send(self, entry: bytes) -> bool:
        """Whether the fleet takes it for an entry, which this box's program made sure of before it wrote it."""
        try:
            Entry.decode(entry)
        except ProtocolError:
            return False
        return True

    def with_code(self, line: bytes) -> bytes:
        """A line and, in a second one, the card's code of it; nothing behind these counts."""
        return authenticate(self._secret.read(), _PURPOSE, line) + b"\n"

    def of_code(self, lines: bytes) -> bytes | None:
        """The line under its code; None where this board has not written it."""
        try:
            return authentic(self._secret.read(), _PURPOSE, b"\n".join(lines.split(b"\n", 2)[:2]))
        except NotAuthenticError:
            return None
