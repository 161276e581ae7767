"""Those who are told at once: VOD servers and status pages on WebSockets, the serial line (SPEC 15.4).

A page needs no token, and a VOD server must hear of a cut: so pages stop at PAGES_MAX listeners, WebSockets of VOD
servers at LISTENERS_MAX, and the serial line always has its place.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

from device.typed import Any

WAITING_MAX = 64
LISTENERS_MAX = 32
PAGES_MAX = 12
WITH_SERIAL_MAX = LISTENERS_MAX + 1
assert PAGES_MAX < LISTENERS_MAX

Event = Mapping[str, Any]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    Mailbox = asyncio.Queue[Event | None]
else:
    Mailbox = Any


class TooManyListenersError(Exception):
    """As many are connected as may be."""


class Listeners:
    """Fan-out in one loop. A listener that does not keep up is cut off, and comes back for the whole
    state.
    """

    def __init__(self) -> None:
        self._mailboxes: set[Mailbox] = set()

    @contextmanager
    def mailbox(self, most: int = LISTENERS_MAX) -> Iterator[Mailbox]:
        """Events from now on; None means cut off. Raises TooManyListenersError if `most` listen already."""
        if len(self._mailboxes) >= most:
            raise TooManyListenersError
        mailbox: Mailbox = import_module("asyncio").Queue(WAITING_MAX + 1)
        self._mailboxes.add(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes.discard(mailbox)

    def tell(self, event: Event) -> None:
        for mailbox in list(self._mailboxes):
            if mailbox.qsize() >= WAITING_MAX:
                self._mailboxes.discard(mailbox)
                mailbox.put_nowait(None)
            else:
                mailbox.put_nowait(event)

    def close(self) -> None:
        """Tell everybody that the box ends."""
        for mailbox in list(self._mailboxes):
            self._mailboxes.discard(mailbox)
            mailbox.put_nowait(None)
