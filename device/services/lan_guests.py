"""What the connections of one LAN interface share, and how they come and go (SPEC 15.2).

One connection is `lan_connection.py`; who may have a place `lan_seats.py`; who calls here, once a round, `lan_door.py`.
"""

from collections.abc import Callable

from device.services import lan_connection
from device.services.lan_answers import Answers
from device.services.lan_connection import Connection
from device.services.lan_quick import Known, Quick
from device.services.lan_seats import Seats
from device.typed import Any, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.services.lan_wire import Wire


class Slow(Protocol):
    """aiohttp's protocol of one connection (`lan_guard.GuardedConnection`)."""

    def connection_made(self, transport: Any) -> None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

    @property
    def is_waiting(self) -> bool:
        """Everything that came in is answered."""


class Tokens(Protocol):
    """`pairing.Pairing`, as a connection sees it."""

    changes: int

    def vod_of(self, token: str) -> str: ...


class Shared:
    """What all connections of one interface have in common; the guests of `lan_door.Door`."""

    def __init__(self, quick: Quick, answers: Answers, tokens: Tokens, names: frozenset[str]) -> None:
        self.quick = quick
        self.answers = answers
        self.tokens = tokens
        self.names = names
        self.seats = Seats()
        self.open: set[Connection] = set()
        self.make_slow: Callable[[Connection], Slow] | None = None  # None while there is no aiohttp yet
        self.known: dict[bytes, Known] = {}
        self.head_due_s = 0.0  # when the next head of a connection is due that has its answer in this round

    def begin_round(self, now_s: float) -> None:
        self.head_due_s = now_s + lan_connection.HEAD_S
        self.quick.begin_round(now_s)

    def welcome(self, wire: "Wire") -> Connection:
        connection = Connection(self, wire)
        connection.take_seat()
        return connection

    def sweep(self, now_s: float) -> None:
        for connection in list(self.open):
            connection.look_at_clock(now_s)

    def go_on(self) -> None:
        """Something that connections may wait for is here now: the core, or aiohttp."""
        for connection in list(self.open):
            connection.go_on()
