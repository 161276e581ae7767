"""The door without asyncio: what is asked is answered however it comes, and nobody's end is another's."""

import contextlib
import os
import resource
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from device.core import events as on
from device.core.events import PlayRequested
from device.services import lan_connection, lan_door, lan_wire
from device.services.desk import Desk
from device.services.lan_answers import Answers
from device.services.lan_connection import HEAD_S, Connection, Shared
from device.services.lan_door import Door
from device.services.lan_quick import Quick
from device.services.runtime import ANSWER_FOR_S_MAX, Answer
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS, order_envelope
from tests.device.core.test_rooms import stop_rooms

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
            self.door.serve_for(0)
            if self.door.rounds == before:
                return
        raise AssertionError("the door spins")

    def serve_until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.door.serve_for(0.1)

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


@pytest.fixture
def venue() -> Iterator[Venue]:
    venue = Venue()
    yield venue
    venue.close()


def songs(said: bytes) -> list[bytes]:
    """The songs that were answered about, in order."""
    return [part.partition(b'"')[0] for part in said.split(b'"song":"')[1:]]


def test_a_question_is_answered_wherever_it_is_cut(venue: Venue) -> None:
    client = venue.client()
    whole = venue.said_to(client, QUESTION)
    assert b'{"allowed":true,"code":"","room":"K1","song":"000482"}' in whole
    for cut in range(1, len(QUESTION)):
        assert venue.said_to(client, QUESTION[:cut]) == b""
        said = venue.said_to(client, QUESTION[cut:])
        # The request id differs; the second may.
        assert (said[:250], said[-78:]) == (whole[:250], whole[-78:])


def test_answers_come_in_the_order_of_the_requests_also_where_one_waits_for_the_disk(venue: Venue) -> None:
    client = venue.client()
    said = venue.said_to(client, QUESTION + UNKNOWN + PLAY + UNKNOWN + QUESTION)
    assert songs(said) == [b"000482", b"nobodys"]
    venue.asked[0][1](Answer(201, {"play": "1-1", "song": "the play"}))
    assert songs(venue.said_to(client)) == [b"the play", b"nobodys", b"000482"]


def test_a_question_does_not_overtake_a_play_that_waits_for_the_disk(venue: Venue) -> None:
    client = venue.client()
    assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
    assert venue.said_to(client, PLAY) == b""
    assert venue.said_to(client, QUESTION) == b""
    venue.asked[0][1](Answer(201, {"play": "1-1", "song": "the play"}))
    assert songs(venue.heard(client)) == [b"the play", b"000482"]


def test_an_answer_waits_for_the_rest_of_the_one_before(venue: Venue) -> None:
    client = venue.client()
    whole = venue.said_to(client, QUESTION)
    (connection,) = venue.shared.open
    wire, send = connection._wire, connection._send

    connection._send = lambda data: send(data[:10])
    venue.sent[client.getsockname()] += len(QUESTION)
    client.sendall(QUESTION)
    select.select((wire.fd,), (), ())
    connection.readable()
    venue.door.watch(wire, select.EPOLLIN)  # as if the socket took no more
    connection._send = send
    assert venue.heard(client) == whole[:10]
    assert venue.said_to(client, UNKNOWN) == b""
    venue.door.watch(wire, select.EPOLLIN | select.EPOLLOUT)
    said = venue.heard(client)
    assert songs(said) == [b"000482", b"nobodys"]
    assert said.startswith(whole[10:250])


def test_what_stands_between_two_requests_is_no_target(venue: Venue) -> None:
    """The path of headers that are known must not read two requests as one, nor a line break as a part of a song."""
    client = venue.client()
    venue.said_to(client, QUESTION)
    assert songs(venue.said_to(client, QUESTION * 3)) == [b"000482"] * 3
    tail = QUESTION[QUESTION.index(b" HTTP") :]
    for target in (b"000482?room=K1\r\nX: y", b"000482?room=K1 HTTP/1.1\r\nX: y\r\n\r\nGET /v1/songs/1", b"\n?room=K1"):
        venue.said_to(other := venue.client(), QUESTION)
        assert (
            b'"allowed":true'
            not in venue.said_to(other, b"GET /v1/songs/" + target + tail).partition(b"\r\n\r\nGET")[2]
        )


def test_a_token_that_was_replaced_opens_nothing_on_a_connection_that_showed_it(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = venue.client()
    assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
    monkeypatch.setattr(venue.tokens, "changes", 1)
    monkeypatch.setattr(venue.tokens, "vod_of", lambda _token: "")
    assert venue.said_to(client, QUESTION) == b""  # it waits for those who say what is wrong


def test_what_is_known_of_a_question_is_known_only_where_it_was_read(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Host may name the address that was connected to, and another connection has another."""
    question = QUESTION.replace(b"localhost", b"127.0.0.1")
    assert songs(venue.said_to(venue.client(), question * 2)) == [b"000482"] * 2
    assert len(venue.shared.known) == 1
    client = venue.client()
    (connection,) = [one for one in venue.shared.open if one._wire.peer == client.getsockname()]
    monkeypatch.setattr(connection, "_local", "10.0.0.1")
    connection._is_paired = True  # by a question with another Host
    assert venue.said_to(client, question) == b""  # it waits for those who say what is wrong


def test_a_connection_shows_its_token_with_its_first_question_also_where_it_is_known(venue: Venue) -> None:
    assert songs(venue.said_to(venue.client(), QUESTION)) == [b"000482"]
    client = venue.client()
    (connection,) = [one for one in venue.shared.open if one._wire.peer == client.getsockname()]
    assert not connection._is_paired
    assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
    assert connection._is_paired


@pytest.mark.parametrize("old", [b"Bearer good", b"localhost", b"K1", b"HTTP/1.1", b"\r\n\r", b"GET ", b"songs"])
def test_one_byte_more_in_what_is_known_is_read_anew(venue: Venue, old: bytes) -> None:
    for cut in range(1, len(old) + 1):
        client = venue.client()
        assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
        said = venue.said_to(client, QUESTION.replace(old, old[:cut] + b"x" + old[cut:], 1))
        assert b'"room":"K1"' not in said, cut


def test_a_long_request_is_read_to_its_end(venue: Venue) -> None:
    """More than is read at first; the rest is not waited for, and what is cut there is read on."""
    for length in range(lan_connection.READ_BYTES - 2, lan_connection.READ_BYTES + 3):
        question = QUESTION.replace(b"\r\n\r\n", b"\r\nX-Note: " + b"y" * (length - len(QUESTION) - 10) + b"\r\n\r\n")
        assert len(question) == length
        client = venue.client()
        assert songs(venue.said_to(client, question)) == songs(venue.said_to(client, question)) == [b"000482"]
        assert songs(venue.said_to(client, QUESTION * 9)) == [b"000482"] * 9


def test_what_the_core_says_is_asked_for_every_question_that_is_known(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = venue.client()
    assert b'"allowed":true,"code":""' in venue.said_to(client, QUESTION)
    box = venue.rig.box
    monkeypatch.setattr(box, "question_at", lambda _now: lambda _room, _song, _file: "HOURS_CLOSED")
    assert b'"allowed":false,"code":"HOURS_CLOSED"' in venue.said_to(client, QUESTION)
    venue.desk.is_shut = True
    assert venue.said_to(client, QUESTION) == b""  # it waits for those who say why


def _wait_until_two(rig: Rig) -> None:
    """No event, no tick: the hour strikes."""
    rig.mono_ms += 14 * HOUR_MS
    rig.rtc_ms += 14 * HOUR_MS


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (_wait_until_two, b"HOURS_CLOSED"),
        (lambda rig: rig.receipt_of(order_envelope("stop")), b"VENUE_LOCKED"),
        (lambda rig: rig.receipt_of(stop_rooms("K1")), b"ROOM_LOCKED"),
        (lambda rig: rig.receipt_of(order_envelope("ban")), b"SONG_BANNED"),
        (lambda rig: rig.give(on.CatalogLoaded(epoch=0, entries=3)), b"SONG_UNKNOWN"),
        (lambda rig: rig.songs.pop("000482"), b"SONG_UNKNOWN"),
        (lambda rig: rig.give(on.Stopping()), b"JOURNAL_UNAVAILABLE"),
    ],
)
def test_what_happens_between_two_questions_is_in_the_second_answer(
    venue: Venue, happens: Callable[[Rig], object], code: bytes
) -> None:
    client = venue.client()
    for _ in range(2):
        assert b'"allowed":true,"code":""' in venue.said_to(client, QUESTION)
    happens(venue.rig)
    assert b'"allowed":false,"code":"' + code in venue.said_to(client, QUESTION)


def test_no_two_answers_have_one_id(venue: Venue) -> None:
    client = venue.client()
    ids: set[bytes] = set()
    for _ in range(100):
        said = venue.said_to(client, QUESTION) + venue.said_to(client, UNKNOWN + QUESTION * 4)
        ids |= {part[:16] for part in said.split(b"Request-Id: ")[1:]}
    ids.add(venue.shared.answers.request_id().encode())
    assert len(ids) == 601
    assert {len(one.strip()) for one in ids} == {16}


def test_who_reads_slowly_gets_every_answer_and_costs_no_more_than_the_limit(venue: Venue) -> None:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(venue.address)
    venue.let_in(client)
    (connection,) = venue.shared.open
    wire = connection._wire
    wire._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    count, most = 2_000, 0
    requests, said = QUESTION * count, b""
    # All is sent before anything is read: what waits then is what the box holds for who does not read.
    while requests:
        with contextlib.suppress(BlockingIOError):
            requests = requests[client.send(requests[:10_000]) :]
        venue.serve()
        most = max(most, len(wire.waiting))
    while said.count(b'"song"') < count:
        said += venue.heard(client)
        most = max(most, len(wire.waiting))
    assert songs(said) == [b"000482"] * count
    assert lan_wire.WAITING_BYTES_HIGH < most < lan_wire.WAITING_BYTES_HIGH + 1_000
    assert len(connection._held) == len(wire.waiting) == 0


def test_who_goes_in_the_middle_of_an_answer_leaves_nothing_behind(venue: Venue) -> None:
    for request in (QUESTION[:30], QUESTION * 2_000, PLAY, PLAY[:-3]):
        client = venue.client()
        client.send(request)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        venue.serve_until(lambda: not venue.door.count)
        assert (venue.door.count, venue.shared.open, venue.shared.seats.count) == (0, set(), 0)
    for _, answered in venue.asked:
        answered(Answer(201, {"play": "1-1"}))  # nobody hears it
    assert songs(venue.said_to(venue.client(), QUESTION)) == [b"000482"]


def test_who_has_said_all_hears_the_answer(venue: Venue) -> None:
    client = venue.client()
    client.sendall(PLAY)
    client.shutdown(socket.SHUT_WR)
    (connection,) = venue.shared.open
    venue.serve_until(lambda: connection._has_said_all)
    assert venue.heard(client) == b""
    venue.asked[0][1](Answer(201, {"play": "1-1"}))
    assert venue.heard_to_the_end(client).endswith(b'{"play":"1-1"}<end>')


def test_an_answer_that_comes_too_late_is_no_answer_to_what_is_asked_next(venue: Venue) -> None:
    client = venue.client()
    venue.send(client, PLAY + PLAY)
    venue.shared.sweep(time.monotonic() + ANSWER_FOR_S_MAX + 1)
    venue.asked[0][1](Answer(201, {"play": "1-1"}))
    said = venue.heard_to_the_end(client)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert said.endswith(b"<end>")
    assert (b'"play"' in said, len(venue.asked)) == (False, 1)


def test_a_head_that_does_not_come_ends_the_connection_and_no_other(venue: Venue) -> None:
    slow, other = venue.client(), venue.client()
    venue.send(slow, QUESTION[:-1])
    venue.shared.sweep(time.monotonic() + HEAD_S - 1)
    assert venue.said_to(other, QUESTION)
    (waits,) = [one for one in venue.shared.open if one._held]
    waits._due_s = time.monotonic() - 1
    venue.shared.sweep(time.monotonic())
    assert venue.heard_to_the_end(slow) == b"<end>"
    assert (venue.door.count, songs(venue.said_to(other, QUESTION))) == (1, [b"000482"])


def test_an_event_of_a_client_that_was_cut_in_the_round_meets_no_other(venue: Venue) -> None:
    """Its descriptor is given back at the end of the round: the next client may get the same number."""
    first, second = venue.client(), venue.client()
    read = Connection.readable
    cut: list[int] = []

    def readable(connection: Connection) -> None:
        for other in venue.shared.open - {connection}:
            cut.append(other._wire.fd)
            other.cut()
            os.fstat(cut[-1])  # still open: nobody else can have this number
        read(connection)

    for connection in venue.shared.open:
        venue.door._readers[connection._wire.fd] = partial(readable, connection)
    first.sendall(QUESTION)
    second.sendall(QUESTION)
    for client in (first, second):
        (wire,) = [one for one in venue.door._wires.values() if one.peer == client.getsockname()]
        select.select((wire.fd,), (), ())
    venue.serve()
    said = b"".join(venue.heard(client).replace(b"<end>", b"") for client in (first, second))
    assert songs(said) == [b"000482"]
    assert (len(cut), venue.door.count) == (1, 1)


def test_a_flood_of_connections_keeps_no_paired_server_out(venue: Venue) -> None:
    known = venue.client()
    assert songs(venue.said_to(known, QUESTION)) == [b"000482"]
    for _ in range(300):
        venue.client()
    assert venue.door.count <= 192 + 1
    assert songs(venue.said_to(known, QUESTION)) == [b"000482"]
    assert songs(venue.said_to(venue.client(), QUESTION)) == [b"000482"]


def test_without_descriptors_those_inside_are_served_and_the_door_does_not_spin(venue: Venue) -> None:
    inside = venue.client()
    outside = socket.socket()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (outside.fileno() + 1, hard))
    try:
        holes = []  # every number below the limit is taken
        with contextlib.suppress(OSError):
            while True:
                holes.append(socket.socket())
        outside.connect(venue.address)
        outside.setblocking(False)
        venue.serve_until(lambda: not venue.door._is_accepting)
        assert songs(venue.said_to(inside, QUESTION)) == [b"000482"]
        outside.sendall(QUESTION)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for hole in holes:
            hole.close()
    venue.door.sweep()
    venue.clients.append(outside)
    venue.serve_until(lambda: venue.welcomed == len(venue.clients))
    venue.serve_until(lambda: venue.written[outside.getsockname()] > 0)
    assert songs(venue.heard(outside)) == [b"000482"]


def test_what_goes_wrong_with_one_client_ends_that_one(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = venue.client(), venue.client()

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError

    for connection in venue.shared.open:
        if connection._wire.peer == first.getsockname():
            monkeypatch.setattr(connection, "_recv", broken)
    first.sendall(QUESTION)
    venue.serve_until(lambda: venue.door.count == 1)
    assert songs(venue.said_to(second, QUESTION)) == [b"000482"]
    assert (venue.door.count, lan_door.__name__ in caplog.text or "ZeroDivisionError" in caplog.text) == (1, True)
