"""One client's socket (SPEC 15.2): what asyncio's transport is elsewhere, without asyncio.

1. What is written goes out at once as far as the socket takes it; the rest waits, in order, and its owner is told to
   stop above WAITING_BYTES_HIGH and to go on below WAITING_BYTES_LOW.
2. A wire that is closed writes what waits, reads nothing more, and ends; one that is lost ends as it is. Its owner
   hears `connection_lost` once, never from within a call of its own. Until then its descriptor is not given back, so
   that an event of this round can meet no other client.
3. Who has said all is heard once: `eof_received` says whether the wire stays for the answer.

aiohttp uses it as its transport (`lan_connection.py`), so these methods have asyncio's names.
"""

import select
import socket
from collections.abc import Callable, Iterable

from device.typed import Any, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.services.lan_door import Door

WAITING_BYTES_HIGH = 65_536
WAITING_BYTES_LOW = 16_384
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_OVER = select.EPOLLERR | select.EPOLLHUP


class Owner(Protocol):
    """Whose wire it is (`lan_connection.Connection`)."""

    def readable(self) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...


class Wire:
    """Made by the door for a client that it has accepted."""

    __slots__ = (
        "_door", "_events", "_is_at_end", "_is_clogged", "_is_ending", "_is_lost", "_is_read", "_socket",
        "error", "fd", "local", "owner", "peer", "recv", "send", "waiting",
    )  # fmt: skip

    def __init__(self, door: "Door", client: socket.socket, peer: Any) -> None:
        self.owner: Owner
        self.peer = peer
        self.local = client.getsockname()
        self.fd = client.fileno()
        self.recv: Callable[[int], bytes] = client.recv
        self.send: Callable[[bytes], int] = client.send
        self.waiting = b""  # what the socket has not taken yet
        self.error: OSError | None = None
        self._door = door
        self._socket = client
        self._events = _IN
        self._is_read = True
        self._is_at_end = False
        self._is_clogged = False
        self._is_ending = False
        self._is_lost = False

    def ready(self, events: int) -> None:
        """The door has seen these events."""
        if events & _OUT and self.waiting:
            self._write_on()
        if self._is_lost:
            return
        if self._is_read and events & (_IN | _OVER):
            self.owner.readable()
        elif events & _OVER:
            self.abort()

    def end_of_input(self) -> None:
        """Rule 3: there will be no more to read."""
        self._is_at_end = True
        if self.owner.eof_received():
            self.pause_reading()
        else:
            self.close()

    def lose(self, error: OSError | None) -> None:
        """It has failed, or is given up: rule 2."""
        if not self._is_lost:
            self._is_lost = self._is_ending = True
            self._is_read = False
            self.waiting = b""
            self.error = error
            self._door.let_go(self)

    def bury(self) -> None:
        """The end, at the end of the door's round."""
        self.owner.connection_lost(self.error)
        self._socket.close()

    # As asyncio's transports.

    def write(self, data: bytes) -> None:
        if self._is_ending or not data:
            return
        if self.waiting:
            self.waiting += data
        else:
            try:
                sent = self.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self.lose(error)
                return
            if sent == len(data):
                return
            self.keep(data[sent:])
        if not self._is_clogged and len(self.waiting) > WAITING_BYTES_HIGH:
            self._is_clogged = True
            self.owner.pause_writing()

    def keep(self, rest: bytes) -> None:
        """What the socket did not take of an answer; nothing waits before it."""
        self.waiting = bytes(rest)
        self._follow()

    def writelines(self, lines: Iterable[bytes]) -> None:
        self.write(b"".join(lines))

    def is_closing(self) -> bool:
        return self._is_ending

    def close(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self._is_read = False
            if self.waiting:  # nobody waits for ever: the owner's deadlines go on
                self._follow()
            else:
                self.lose(None)

    def abort(self) -> None:
        self.lose(None)

    def pause_reading(self) -> None:
        self._is_read = False
        self._follow()

    def resume_reading(self) -> None:
        if not self._is_ending and not self._is_at_end:
            self._is_read = True
            self._follow()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self.peer, "sockname": self.local, "socket": self._socket}.get(name, default)

    def _write_on(self) -> None:
        try:
            sent = self.send(self.waiting)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.lose(error)
            return
        self.waiting = self.waiting[sent:]
        if not self.waiting:
            if self._is_ending:
                self.lose(None)
                return
            self._follow()
        if self._is_clogged and len(self.waiting) <= WAITING_BYTES_LOW:
            self._is_clogged = False
            self.owner.resume_writing()

    def _follow(self) -> None:
        """Ask the door for what is of interest now."""
        events = (_IN if self._is_read else 0) | (_OUT if self.waiting else 0)
        if events != self._events and not self._is_lost:
            self._events = events
            self._door.watch(self, events)
