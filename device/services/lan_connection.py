"""One connection of the LAN interface: what comes in, in order, and who answers it (SPEC 15.2).

1. A whole request that is plain in every part (`lan_heads.py`) and asks for what is asked all the time (`lan_quick.py`)
   is answered here. Every other byte goes to aiohttp, unchanged and in order, as soon as aiohttp is there.
2. A connection comes back from aiohttp only where both must agree on where the request ended: a plain head, a body of
   the length it names, nothing behind it, and aiohttp waits for the next. Else aiohttp keeps it to its end.
3. Answers go out in the order of the requests: while one is under way, what comes in waits, at most HELD_BYTES_MAX,
   then the socket is not read. So too while the other side does not read its answers.
4. A head is complete HEAD_S after the connection was made or the last answer ended, a small body BODY_S after its head,
   an answer comes within ANSWER_FOR_S_MAX; or the connection is cut.
5. What has to wait for aiohttp at a start waits STARTING_S; then it is told when to ask again.
"""

from functools import partial

from device.services.lan_clock import mono_s
from device.services.lan_heads import END, HEAD_BYTES_MAX, Head, is_plain_so_far, read_head
from device.services.lan_quick import KNOWN_BYTES_MAX, KNOWN_MAX, PLAYS_PATH, SONG_PATH, Known
from device.services.runtime import ANSWER_FOR_S_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.services.lan_guests import Shared, Slow
    from device.services.lan_wire import Wire

HEAD_S = 10.0
BODY_S = 10.0
STARTING_S = 10.0
AGAIN_S = 2  # Retry-After
HELD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 4_096  # of a body that is read here
HEADS_MAX = 8  # different heads of one connection that are remembered
HEAD, BODY, ANSWER, AIOHTTP = "head", "body", "answer", "aiohttp"  # what a connection waits for
_GET = b"GET /v1/songs/"
_GET_BYTES = len(_GET)
_VERSION = b" HTTP/1.1"
READ_BYTES = 448  # at first: more than a question has, and what Python need not ask the system for
READ_ON_BYTES = 16_384  # and then in one go


class Connection:
    """Rules 1 to 5."""

    __slots__ = (
        "_answer", "_asked", "_due_s", "_has_said_all", "_heads", "_held", "_is_answering", "_is_clogged",
        "_is_going_on", "_is_paired", "_is_read", "_is_slow_for_good", "_known", "_local", "_recv", "_send", "_shared",
        "_slow", "_tokens", "_waits_for", "_wire", "address",
    )  # fmt: skip

    def __init__(self, shared: "Shared", wire: "Wire") -> None:
        self.address = str(wire.peer[0])
        self._shared = shared
        self._tokens = shared.tokens
        self._known = shared.known
        self._answer = shared.quick.answer
        self._wire = wire
        self._recv, self._send = wire.recv, wire.send
        self._local = str(wire.local[0])
        self._heads: dict[bytes, Head] = {}
        self._is_paired = False
        self._slow: Slow | None = None
        self._is_slow_for_good = False
        self._held = b""
        self._is_answering = False  # the core has a request of this connection
        self._asked = ""  # which, so that an answer that comes too late meets no other one
        self._is_going_on = False
        self._is_clogged = False
        self._is_read = True
        self._has_said_all = False
        self._waits_for = HEAD
        self._due_s: float | None = None  # None: aiohttp has a request under way, and its own limits hold

    def take_seat(self) -> None:
        self._shared.open.add(self)
        if self._shared.seats.take(self):
            self.expect_head()
        else:
            self.cut()

    # What the wire says.

    def readable(self) -> None:
        """There is something to read, or the other side has said all."""
        try:
            data = self._recv(READ_BYTES)
        except OSError as error:
            self._is_not_read(error)
            return
        # The one request in a packet that a VOD server sends all day: all behind its song was read before. What stands
        # there as the song is asked whole: what is no song is no such question.
        head, _, rest = data.partition(b"?")
        known = self._known.get(rest)
        if (
            known is not None
            and head.startswith(_GET)
            and known.pairings == self._tokens.changes
            and known.local == self._local
            and self._is_paired
            and not (self._held or self._is_answering or self._wire.waiting)
            and (self._slow is None or self._is_at_rest)
        ):
            answer = self._answer(known.asked, head[_GET_BYTES:])
            if answer is not None:
                self._waits_for, self._due_s = HEAD, self._shared.head_due_s
                try:
                    sent = self._send(answer)
                except OSError:
                    self._wire.write(answer)
                else:
                    if sent != len(answer):
                        self._wire.keep(answer[sent:])
                return
        self._has_read(data)

    def _is_not_read(self, error: OSError) -> None:
        if not isinstance(error, (BlockingIOError, InterruptedError)):
            self._wire.lose(error)

    def _has_read(self, data: bytes) -> None:
        if len(data) == READ_BYTES:
            try:
                data += self._recv(READ_ON_BYTES)
            except OSError as error:
                self._is_not_read(error)
        if data:
            self.data_received(data)
        else:
            self._wire.end_of_input()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._shared.open.discard(self)
        self._shared.seats.leave(self)
        if self._slow is not None:
            self._slow.connection_lost(exc)
        self._slow, self._held = None, b""

    def data_received(self, data: bytes) -> None:
        if self._is_slow_for_good and self._slow is not None:
            self._slow.data_received(data)
            return
        self._held += data
        self.go_on()

    def eof_received(self) -> bool | None:
        if self._slow is not None:
            return self._slow.eof_received()
        self._has_said_all = True
        return self._is_answering  # who has said all may still hear the answer

    def pause_writing(self) -> None:
        self._is_clogged = True
        if self._slow is not None:
            self._slow.pause_writing()

    def resume_writing(self) -> None:
        self._is_clogged = False
        if self._slow is not None:
            self._slow.resume_writing()
        self.go_on()

    # What comes in.

    def go_on(self) -> None:
        """Take from what has come in what can be taken now."""
        if self._is_going_on:
            return
        self._is_going_on = True
        try:
            while self._held and not self._is_answering and not self._is_clogged and self._is_connected:
                if not self._take_one():
                    break
        finally:
            self._is_going_on = False
        if self._is_connected and self._is_read != (len(self._held) <= HELD_BYTES_MAX):
            self._is_read = not self._is_read
            (self._wire.resume_reading if self._is_read else self._wire.pause_reading)()

    @property
    def _is_at_rest(self) -> bool:
        """Everything that came in is answered, and answers are read."""
        if self._held or self._is_answering or self._wire.waiting:
            return False
        return self._slow is None or (not self._is_slow_for_good and self._slow.is_waiting)

    @property
    def _is_connected(self) -> bool:
        return not self._wire.is_closing()

    def _take_one(self) -> bool:
        """One request; False if there is something to be waited for."""
        held = self._held
        if self._slow is not None and not self._slow.is_waiting:
            return self._give_to_slow(is_exact=False)
        line_end = held.find(b"\r\n")
        body_at = held.find(END) + len(END)
        if body_at < len(END):
            is_hopeful = len(held) <= HEAD_BYTES_MAX and is_plain_so_far(held)
            return False if is_hopeful else self._give_to_slow(is_exact=False)
        head = self._head(held[line_end:body_at])
        if head is None:
            return self._give_to_slow(is_exact=False)
        behind = body_at + head.length
        if len(held) < behind and head.length <= BODY_BYTES_MAX:
            return self._wait_for(BODY, BODY_S)
        if len(held) >= behind and self._take(held[:line_end], head, held[body_at:behind], held[behind:]):
            if not head.has_body:
                self._remember(held[:line_end], held[line_end:body_at], head)
            return True
        return self._give_to_slow(is_exact=len(held) == behind)

    def _head(self, raw: bytes) -> Head | None:
        """What the headers say, from memory if they came before."""
        head = self._heads.get(raw)
        if head is None or head.pairings != self._tokens.changes:
            shared = self._shared
            head = read_head(raw, shared.names, self._local, self._tokens.vod_of, self._tokens.changes)
            if head is None:
                return None
            self.show_token()
            if len(self._heads) >= HEADS_MAX:
                self._heads.clear()
            self._heads[raw] = head
        return head

    def _remember(self, line: bytes, raw: bytes, head: Head) -> None:
        """A question that was answered: the next with all of this behind its song is read by its song alone."""
        query_and_version = line.partition(b"?")[2]
        asked = self._shared.quick.asked(query_and_version.removesuffix(_VERSION))
        rest = query_and_version + raw
        if asked is not None and len(rest) <= KNOWN_BYTES_MAX and not head.closes:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[rest] = Known(asked, self._local, head.pairings)

    def _take(self, line: bytes, head: Head, body: bytes, rest: bytes) -> bool:
        """Answer a request, or hand it to the core; False if it is for aiohttp."""
        method, _, rest_of_line = line.partition(b" ")
        target, _, version = rest_of_line.partition(b" ")
        if version != _VERSION[1:]:
            return False
        if method == b"GET" and target.startswith(SONG_PATH) and not head.has_body:
            answer = self._shared.quick.question(target[len(SONG_PATH) :], head.closes)
            if answer is None:
                return False
            self._held = rest
            self._write(answer, head.closes)
            return True
        if method != b"POST" or not head.is_json or not target.startswith(PLAYS_PATH):
            return False
        event = self._shared.quick.read_post(target, body)
        if event is None:
            return False
        self._held = rest
        self._is_answering = True
        self._asked = event.request
        self._wait_for(ANSWER, ANSWER_FOR_S_MAX)
        self._shared.quick.ask(event, head.closes, partial(self._answered, event.request, head.closes))
        return True

    def _answered(self, request: str, closes: bool, answer: bytes) -> None:
        """The core has answered."""
        if request == self._asked and self._is_answering:
            self._is_answering = False
            self._write(answer, closes)
            self.go_on()

    def _write(self, answer: bytes, closes: bool) -> None:
        self._wire.write(answer)
        if closes or self._has_said_all:
            self._held = b""
            self._wire.close()
        self.expect_head()

    def _give_to_slow(self, is_exact: bool) -> bool:
        """Rule 2. False while there is no aiohttp: the request waits."""
        if self._slow is None:
            if self._shared.make_slow is None:
                return self._wait_for(AIOHTTP, STARTING_S)
            self._slow = self._shared.make_slow(self)
            self._slow.connection_made(self._wire)
            self.expect_head()
        self._is_slow_for_good = not is_exact
        held, self._held = self._held, b""
        self._slow.data_received(held)
        return True

    # Time, and places.

    def show_token(self) -> None:
        """A token was good on this connection."""
        if not self._is_paired:
            self._is_paired = True
            self._shared.seats.show_token(self)

    def expect_head(self) -> None:
        """The next head is due, from now."""
        self._waits_for, self._due_s = HEAD, mono_s() + HEAD_S

    def head_is_here(self) -> None:
        """aiohttp has a request under way."""
        self._waits_for, self._due_s = ANSWER, None

    def body_is_awaited(self) -> None:
        """aiohttp has a head; who drips a body is as idle as who drips a head."""
        self._waits_for, self._due_s = BODY, None

    @property
    def is_idle(self) -> bool:
        return self._waits_for in (HEAD, BODY)

    def cut(self) -> None:
        self._wire.abort()

    def end(self) -> None:
        """The box ends: what is under way may end."""
        if self._slow is None and not self._is_answering:
            self._wire.close()

    def _wait_for(self, what: str, for_s: float) -> bool:
        """Always False. What is waited for already has its time running."""
        if self._waits_for != what:
            self._waits_for, self._due_s = what, mono_s() + for_s
        return False

    def look_at_clock(self, now_s: float) -> None:
        if self._due_s is not None and now_s >= self._due_s:
            self._is_due()

    def _is_due(self) -> None:
        """Rules 4 and 5."""
        answers = self._shared.answers
        if self._waits_for == HEAD or not self._is_connected:
            self.cut()
        elif self._waits_for == BODY:
            self._write(answers.refused(408, "REQUEST_TIMEOUT"), closes=True)
        elif self._waits_for == AIOHTTP:
            self._write(answers.refused(503, "BOX_STARTING", more=f"Retry-After: {AGAIN_S}\r\n"), closes=True)
        else:
            self._is_answering = False
            self._shared.quick.forget(self._asked)
            self._write(answers.refused(503, "TOO_MANY_REQUESTS"), closes=True)
