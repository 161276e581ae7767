"""The door without asyncio: what is asked is answered however it comes, and nobody's end is another's."""

import contextlib
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Iterator
from functools import partial

import pytest

from device.services import lan_door, lan_wire
from device.services.lan_connection import HEAD_S, Connection
from device.services.runtime import ANSWER_FOR_S_MAX, Answer
from tests.device.services.lan_venue import PLAY, QUESTION, UNKNOWN, Venue, songs


@pytest.fixture
def venue() -> Iterator[Venue]:
    venue = Venue()
    yield venue
    venue.close()


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
