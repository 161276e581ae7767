"""A door with a core behind it and clients before it, without asyncio."""

import select
import socket
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from device.core.events import PlayRequested
from device.services import lan_wire
from device.services.desk import Desk
from device.services.lan_answers import Answers
from device.services.lan_connection import Connection
from device.services.lan_door import Door
from device.services.lan_guests import Shared
from device.services.lan_quick import Quick
from device.services.runtime import Answer
from tests.box_rig import Rig
from tests.builders import NOON_MS

HEADERS = b"Host: localhost\r\nAuthorization: Bearer good\r\n"
QUESTION = b"GET /v1/songs/000482?room=K1 HTTP/1.1\r\n" + HEADERS + b"\r\n"
UNKNOWN = b"GET /v1/songs/nobodys?room=K2 HTTP/1.1\r\n" + HEADERS + b"\r\n"
BODY = b'{"kind":"guest","room":"K1","song":"000482"}'
PLAY = b"POST /v1/plays HTTP/1.1\r\n" + HEADERS + b"Content-Type: application/json\r\nContent-Length: 44\r\n\r\n" + BODY


def _counting(call: Callable[[Any], Any], counts: Counter[Any], name: Any) -> Callable[[Any], Any]:
    def counted(argument: Any) -> Any:
        done = call(argument)
        counts[name] += done if isinstance(done, int) else len(done)
        return done

    return counted


class Tokens:
    changes = 0

    def vod_of(self, token: str) -> str:
        return "vod" if token == "good" else ""


class Turns:
    """What a door needs of a loop: a turn at a time. Nothing comes later; who wants a sweep calls it."""

    def __init__(self) -> None:
        self._readers: dict[int, Callable[[], None]] = {}
        self._soon: list[Callable[[], None]] = []

    def add_reader(self, fd: int, call: Callable[[], None]) -> None:
        self._readers[fd] = call

    def remove_reader(self, fd: int) -> None:
        del self._readers[fd]

    def call_soon(self, call: Callable[[], None]) -> None:
        self._soon.append(call)

    def call_later(self, _delay_s: float, _call: Callable[[], None]) -> SimpleNamespace:
        return SimpleNamespace(cancel=lambda: None)

    def take(self, wait_s: float) -> None:
        """Wait for something to do, this long at most, and do it."""
        soon, self._soon = self._soon, []
        for call in soon:
            call()
        for fd in select.select(list(self._readers), [], [], wait_s)[0]:
            self._readers[fd]()


class Venue:
    """A door with a core behind it, and clients before it."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.asked: list[tuple[PlayRequested, Callable[[Answer], None]]] = []
        runtime = SimpleNamespace(
            ask_soon=lambda _request, event, answered: self.asked.append((event, answered)),
            forget=lambda _request: None,
        )
        nothing = cast(Any, None)  # of enrolment, which is not asked here
        self.desk = desk = Desk(cast(Any, Tokens()), nothing, nothing, nothing, lambda: "", lambda: True)
        desk.open_with(cast(Any, runtime), dict, dict, lambda: self.rig.box.question_at(self.rig.now))
        answers = Answers(lambda: NOON_MS)
        self.tokens = Tokens()
        self.shared = Shared(Quick(desk, answers), answers, self.tokens, frozenset(("localhost",)))
        self.door = Door(self.shared)
        self.address = self.door.open("127.0.0.1", 0)
        self.turns = Turns()
        self.door.join_loop(cast(Any, self.turns))
        self.clients: list[socket.socket] = []
        self.welcomed = 0
        self.sent, self.read, self.written, self.got = (Counter[Any]() for _ in range(4))  # bytes, by client
        shared = cast(Any, self.shared)
        welcome = self.shared.welcome

        def counted(wire: lan_wire.Wire) -> Connection:
            self.welcomed += 1
            wire.recv, wire.send = (
                _counting(wire.recv, self.read, wire.peer),
                _counting(wire.send, self.written, wire.peer),
            )
            return welcome(wire)

        shared.welcome = counted

    def client(self) -> socket.socket:
        return self.let_in(socket.create_connection(self.address))

    def let_in(self, client: socket.socket) -> socket.socket:
        """Connected already."""
        client.setblocking(False)
        self.clients.append(client)
        wanted = len(self.clients)
        self.serve_until(lambda: self.welcomed >= wanted)
        return client

    def serve(self) -> None:
        """Until nothing is left to do."""
        for _ in range(1_000):
            before = self.door.rounds
            self.turns.take(0)
            if self.door.rounds == before:
                return
        raise AssertionError("the door spins")

    def serve_until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.turns.take(0.1)

    def send(self, client: socket.socket, request: bytes) -> None:
        """It is read when this returns, and served."""
        self.sent[client.getsockname()] += len(request)
        client.sendall(request)
        self.serve_until(lambda: self.read[client.getsockname()] == self.sent[client.getsockname()])
        self.serve()

    def heard(self, client: socket.socket) -> bytes:
        """All that has been written to the client."""
        said, name = b"", client.getsockname()
        while True:
            self.serve()
            try:
                part = client.recv(1 << 20)
            except ConnectionResetError:
                return said + b"<end>"
            except BlockingIOError:
                if self.written[name] == self.got[name]:
                    return said
            else:
                if not part:
                    return said + b"<end>"
                self.got[name] += len(part)
                said += part

    def heard_to_the_end(self, client: socket.socket) -> bytes:
        said = b""
        while not said.endswith(b"<end>"):
            said += self.heard(client)
        return said

    def said_to(self, client: socket.socket, request: bytes = b"") -> bytes:
        """All that the client hears when it has sent this."""
        self.send(client, request)
        return self.heard(client)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.serve_until(lambda: not self.door.count)
        self.door.close()


def songs(said: bytes) -> list[bytes]:
    """The songs that were answered about, in order."""
    return [part.partition(b'"')[0] for part in said.split(b'"song":"')[1:]]
