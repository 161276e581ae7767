"""What a VOD server asks all the time - may this play, play it, it is over - answered from bytes to bytes.

The same answers as the routes of `lan_api.py`, byte for byte (`tests/device/services/test_lan_quick.py` compares them);
whatever is not wholly plain is left to those.
"""

from collections.abc import Callable
from functools import partial

from device.core.events import PlayEnded, PlayRequested
from device.patterns import pattern
from device.protocol import codec
from device.protocol.errors import ProtocolError
from device.protocol.journal import PLAY_KINDS
from device.protocol.limits import LAN_BODY_BYTES_MAX, PLAYED_S_MAX
from device.services import vod_requests
from device.services.desk import Desk, NotReadyError
from device.services.lan_answers import Answers
from device.services.runtime import Answer, BusyError
from device.typed import TypeVar

QUERIES_MAX = 1_024  # rooms x kinds of a venue; what was read of them once is kept
KNOWN_MAX = 2_048  # the same with all headers, of each VOD server
KNOWN_BYTES_MAX = 512  # of one
SONG_BYTES_MAX = 20
SONG_PATH = b"/v1/songs/"
PLAYS_PATH = b"/v1/plays"

_SONG = pattern(rb"[A-Za-z0-9_-]{1,20}")
_END_PATH = pattern(rb"/v1/plays/([0-9]{1,15}-[0-9]{1,15})/end")
# Bodies as every writer of JSON writes them, in whatever order: no escapes, nothing but ASCII, so that any two readers
# read them alike. What matches has passed the checks of `vod_requests.py`; what a field says twice leaves another out.
_KIND = rb'"kind": ?"(%b)"' % "|".join(PLAY_KINDS).encode()
_ROOM = rb'"room": ?"([!#-\[\]-~]{1,16})"'
_NAMED = rb'"song": ?"([A-Za-z0-9_-]{1,20})"'
_PLAY = pattern(rb"\{(?:(?:%b|%b|%b)(?:, ?(?!\})|(?=\}))){3}\}" % (_KIND, _ROOM, _NAMED))
_END = pattern(rb'\{"played_s": ?(0|[1-9][0-9]{0,5}), ?"reason": ?"(end|skip)"\}')
# A query whose parts every reader cuts at the same places; escapes in it are of whole bytes.
_ESCAPE = pattern(rb"%([0-9A-Fa-f]{2})")
_QUERY = pattern(rb"(?:[A-Za-z0-9._~=&-]|%[0-9A-Fa-f]{2}){1,400}")

_Event = TypeVar("_Event", PlayRequested, PlayEnded)


class Quick:
    """For all connections together."""

    def __init__(self, desk: Desk, answers: Answers) -> None:
        self._desk = desk
        self._answers = answers
        self._queries: dict[bytes, Asked] = {}
        self._ask: Callable[[str, str, str], str] | None = None

    def begin_round(self, now_s: float) -> None:
        """All questions of a round are asked of one instant."""
        self._ask = None
        self._answers.begin_round(now_s)

    def question(self, target: bytes, closes: bool) -> bytes | None:
        """The answer to `GET /v1/songs/` and this rest of its target; None if it has to be looked at more closely."""
        song, _, query = target.partition(b"?")
        asked = self.asked(query)
        answer = self.answer(asked, song) if asked is not None else None
        if answer is None or not closes:
            return answer
        answers = self._answers
        return answers.written(200, answer.partition(b"\r\n\r\n")[2], answers.request_id(), closes)

    def asked(self, query: bytes) -> "Asked | None":
        """What it asks for; None where it is not plain or not right."""
        return self._queries.get(query) or self._read_query(query)

    def answer(self, asked: "Asked", song: bytes) -> bytes | None:
        """The answer about a song to whoever goes on asking; None if it has to be looked at more closely."""
        # The first is the second for nearly every song, at a third of its cost.
        if len(song) > SONG_BYTES_MAX or not (song.replace(b"-", b"0").isalnum() or _SONG.fullmatch(song)):
            return None
        try:
            code = (self._ask or self._ask_now())(asked.room, song.decode(), asked.file)
        except NotReadyError:
            return None
        begun = asked.allowed.get(len(song)) if not code else None
        if begun is None:
            begun = asked.body(code, len(song))
        answers = self._answers
        last = next(answers.lasts, None) or answers.next_block()
        return b"".join((answers.good, last, begun, song, b'"}'))

    def _ask_now(self) -> Callable[[str, str, str], str]:
        self._ask = self._desk.question()
        return self._ask

    def read_post(self, path: bytes, body: bytes) -> PlayRequested | PlayEnded | None:
        """The event of a play or of its end; None if it has to be looked at more closely."""
        request = self._answers.request_id()
        if path == PLAYS_PATH:
            found = _PLAY.fullmatch(body)
            if found is not None:
                kind, room, song = found.groups()
                if kind and room and song:
                    return PlayRequested(request, room.decode(), song.decode(), kind.decode(), "")
            return self._read_closely(vod_requests.play_requested, request, body)
        of_play = _END_PATH.fullmatch(path)
        if of_play is None:
            return None
        play = of_play[1].decode()
        found = _END.fullmatch(body)
        if found is not None and int(found[1]) <= PLAYED_S_MAX:
            return PlayEnded(request, play, int(found[1]), found[2].decode())
        return self._read_closely(partial(vod_requests.play_ended, play=play), request, body)

    def _read_closely(self, read: Callable[..., _Event], request: str, body: bytes) -> _Event | None:
        """The event of a body that is not wholly plain; None if it is wrong."""
        try:
            return read(request, value=codec.loads(body, LAN_BODY_BYTES_MAX))
        except ProtocolError:
            return None

    def ask(self, event: PlayRequested | PlayEnded, closes: bool, answered: Callable[[bytes], None]) -> None:
        """Hand an event to the core; `answered` is called with the answer, at once if there is no core yet."""
        answers = self._answers

        def told(answer: Answer) -> None:
            answered(answers.said(answer.status, dict(answer.body), event.request, closes))

        try:
            self._desk.runtime.ask_soon(event.request, event, told)
        except (BusyError, NotReadyError) as error:
            answered(answers.refused(error.status, error.code, closes))

    def forget(self, request: str) -> None:
        """Nobody waits for that answer any more."""
        self._desk.runtime.forget(request)

    def _read_query(self, query: bytes) -> "Asked | None":
        if _QUERY.fullmatch(query) is None:
            return None
        value = {}
        parts = query.split(b"&")
        for part in parts:
            name, equals, text = part.partition(b"=")
            if not equals or b"=" in text or b"%" in name:
                return None
            try:
                value[name.decode()] = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text).decode()
            except UnicodeDecodeError:
                return None
        if len(value) != len(parts):
            return None
        try:
            asked = vod_requests.question("-", value)
        except ProtocolError:
            return None
        if len(self._queries) >= QUERIES_MAX:
            self._queries.clear()
        found = self._queries[query] = Asked(asked["room"], asked["file"])
        return found


class Asked:
    """What a query asks for, and what of the answers does not depend on the song."""

    __slots__ = ("allowed", "file", "room")

    def __init__(self, room: str, file: str) -> None:
        self.room = room
        self.file = file
        self.allowed: dict[int, bytes] = {}  # `body` of what may start, by the length of the song's id

    def body(self, code: str, song_bytes: int) -> bytes:
        """From behind the request id up to the song: canonical JSON of `vod_requests.answer_to`."""
        begun = b'{"allowed":%b,"code":"%b","room":%b,"song":"' % (
            b"false" if code else b"true",
            code.encode(),
            codec.dumps(self.room),
        )
        length = len(begun) + song_bytes + len(b'"}')
        found = b"\r\nContent-Length: %d\r\n\r\n%b" % (length, begun)
        if not code:
            self.allowed[song_bytes] = found
        return found


class Known:
    """What all of a question but its song says: who asks for which room, and where and when that was read."""

    __slots__ = ("asked", "local", "pairings")

    def __init__(self, asked: Asked, local: str, pairings: int) -> None:
        self.asked = asked
        self.local = local  # the address that was connected to: Host may name it
        self.pairings = pairings  # how often tokens had changed when this one was good
