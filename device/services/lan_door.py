"""The door: one epoll for the listening socket and every client, in front of asyncio or without it (docs/adr/0013).

1. A round looks once at what is ready and serves each: accept, or read, answer, write. Nothing in it waits. One reading
   of the clock serves a round; it is well under a millisecond.
2. The epoll is one descriptor. `serve` is called when it is ready: by the loop that runs (`join_loop`), or the door
   waits for asyncio's loop as well (`lead`). It makes rounds as long as each finds something, up to AT_A_TIME events;
   then others have their turn.
3. What ends in a round is buried at its end: until then no descriptor is given back, so no event meets another client.
4. Where the process has no descriptors left, nothing is accepted until the next sweep; who is inside is served.
5. Whatever goes wrong in serving a client ends that client alone.
6. Every SWEEP_S the clients' deadlines are looked at.
"""

import errno
import select
import socket
from collections.abc import Callable, Iterator

from device.first_loop import Loop
from device.log import Log
from device.services.lan_clock import mono_s
from device.services.lan_lead import Lead, can_lead
from device.services.lan_wire import Owner, Wire
from device.typed import Any, Protocol

BACKLOG = 128
EVENTS_MAX = 64  # in one round
AT_A_TIME = 256
ACCEPTS_MAX = 64  # in one round
SWEEP_S = 0.25
_READ = select.EPOLLIN
_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_log = Log(__name__)


def _nobody() -> None:
    """Who reads for a client that has ended in this round (rule 3)."""


class Guests(Protocol):
    """Who serves the clients (`lan_guests.Shared`)."""

    def begin_round(self, now_s: float) -> None: ...
    def welcome(self, wire: Wire) -> Owner: ...
    def sweep(self, now_s: float) -> None: ...


class Door:
    """From `open` to `close`, and until the last client has gone."""

    def __init__(self, guests: Guests) -> None:
        self._guests = guests
        self._epoll = select.epoll()
        self._poll = self._epoll.poll
        self._listening: socket.socket | None = None
        self._is_accepting = False
        self._wires: dict[int, Wire] = {}
        self._readers: dict[int, Callable[[], None]] = {}
        self._dying: list[Wire] = []
        self.rounds = 0  # so far
        self._is_in_round = False
        self._is_closing = self._is_closed = False
        self._loop: Loop | None = None
        self._timer: Any = None
        self._lead: Lead | None = None
        self._is_loop_ready = False
        self._now_s = 0.0  # of the round

    @property
    def count(self) -> int:
        """Clients inside."""
        return len(self._wires)

    def open(self, host: str, port: int) -> tuple[str, int]:
        """Bind and listen; returns host and port. Raises OSError."""
        listening = socket.create_server((host, port), backlog=BACKLOG)
        listening.setblocking(False)
        self._listening = listening
        self._readers[listening.fileno()] = self._accept
        self._accept_again()
        found: tuple[str, int] = listening.getsockname()[:2]
        return found

    def join_loop(self, loop: Loop) -> None:
        """From here on the loop serves."""
        self._loop = loop
        loop.add_reader(self._epoll.fileno(), self.serve)
        self.sweep()

    def lead(self, loop: Loop) -> None:
        """From here on the door waits for the loop as well, and gives it its turns (`lan_lead.py`)."""
        if self._loop is None or self._is_closed or not can_lead(loop):
            return
        self._loop.remove_reader(self._epoll.fileno())
        self._lead = Lead(loop, self)
        self._readers[self._lead.fileno()] = self._hear_loop
        self._epoll.register(self._lead.fileno(), _READ)

    def serve_and_wait(self, wait_s: float | None) -> None:
        """For the lead: serve until the loop has something to do, or for so long, or AT_A_TIME events."""
        assert self._lead is not None
        lead, left = self._lead, AT_A_TIME
        had = lead.tasks_count
        ends_s = mono_s() + wait_s if wait_s else None
        self._is_loop_ready = False
        while ready := self._poll(wait_s, EVENTS_MAX):
            self._round(ready)
            left -= len(ready)
            if self._is_loop_ready or self._is_closed or left <= 0 or lead.tasks_count != had:
                return
            if ends_s is not None:
                wait_s = ends_s - self._now_s
            if wait_s is not None and wait_s <= 0:
                return

    def _hear_loop(self) -> None:
        self._is_loop_ready = True

    def serve(self) -> None:
        """Rules 1 and 2. A loop that this door waits for has its turn behind the round in which it became ready."""
        left = AT_A_TIME
        self._is_loop_ready = False
        while left > 0 and not self._is_closed and (ready := self._poll(0, EVENTS_MAX)):
            left -= len(ready)
            self._round(ready)
            if self._is_loop_ready:
                return

    def stop_accepting(self) -> None:
        if self._listening is not None:
            self._refrain()
            self._readers[self._listening.fileno()] = _nobody
            self._listening.close()
            self._listening = None

    def close(self) -> None:
        """Nobody is accepted; who is inside is served to the end."""
        self.stop_accepting()
        self._is_closing = True
        self._bury()

    def watch(self, wire: Wire, events: int) -> None:
        """For wires: what is of interest from now on."""
        self._epoll.modify(wire.fd, events)

    def let_go(self, wire: Wire) -> None:
        """For wires: no event more (rule 3)."""
        del self._wires[wire.fd]
        self._readers[wire.fd] = _nobody
        self._epoll.unregister(wire.fd)
        self._dying.append(wire)
        if not self._is_in_round and len(self._dying) == 1 and self._loop is not None:
            self._loop.call_soon(self._bury)

    def _round(self, ready: list[tuple[int, int]]) -> None:
        self._now_s = now_s = mono_s()
        self._guests.begin_round(now_s)
        self._is_in_round = True
        self.rounds += 1
        events = iter(ready)
        while not self._have_served(events):
            pass
        self._is_in_round = False
        self._bury()

    def _have_served(self, events: Iterator[tuple[int, int]]) -> bool:
        """False if one of them went wrong (rule 5), and there may be others behind it."""
        readers, wires = self._readers, self._wires
        fd = -1
        try:
            for fd, event in events:
                if event == _READ:
                    readers[fd]()
                elif fd in wires:
                    wires[fd].ready(event)
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("a client could not be served")
            if fd in wires:
                wires[fd].abort()
            return False
        return True

    def _bury(self) -> None:
        """Rule 3."""
        while self._dying:
            dying, self._dying = self._dying, []
            for wire in dying:
                del self._readers[wire.fd]
                wire.bury()
        if self._is_closing and not self._wires and not self._is_closed:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
            if self._lead is not None:
                self._lead.end()
            elif self._loop is not None:
                self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_MAX):
            if self._listening is None:
                return
            try:
                client, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                _log.error("no connection can be accepted now: %s", error)
                self._refrain()
                return
            self._let_in(client, peer)

    def _let_in(self, client: socket.socket, peer: Any) -> None:
        try:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(self, client, peer)
            self._epoll.register(wire.fd, _READ)
        except OSError as error:  # gone already, or no room in the kernel
            _log.info("a client was gone before it was let in: %s", error)
            client.close()
            return
        self._wires[wire.fd] = wire
        # Its owner is known to the wire before anything can end it.
        wire.owner = owner = self._guests.welcome(wire)
        if wire.fd in self._wires:
            self._readers[wire.fd] = owner.readable

    def _refrain(self) -> None:
        """Rule 4: a listening socket that is ready and cannot be served would spin."""
        if self._is_accepting and self._listening is not None:
            self._is_accepting = False
            self._epoll.unregister(self._listening.fileno())

    def _accept_again(self) -> None:
        if not self._is_accepting and self._listening is not None:
            self._is_accepting = True
            self._epoll.register(self._listening.fileno(), _READ)

    def sweep(self) -> None:
        """Rule 6."""
        self._accept_again()
        self._guests.sweep(mono_s())
        if self._loop is not None and not self._is_closed:
            self._timer = self._loop.call_later(SWEEP_S, self.sweep)
