"""What all of a question but its song says is read once; what may change is asked each time."""

from collections.abc import Callable, Iterator

import pytest

from device.core import events as on
from device.services import lan_connection
from tests.box_rig import Rig
from tests.builders import HOUR_MS, order_envelope
from tests.device.core.test_rooms import stop_rooms
from tests.device.services.lan_venue import QUESTION, UNKNOWN, Venue, songs


@pytest.fixture
def venue() -> Iterator[Venue]:
    venue = Venue()
    yield venue
    venue.close()


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


@pytest.mark.parametrize("begin", [b"PUT /v1/songs/", b"GET /v2/songs/", b"get /v1/songs/", b"GET /v1/songs?"])
def test_what_stands_before_the_song_is_not_known_by_its_length(venue: Venue, begin: bytes) -> None:
    client = venue.client()
    assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
    assert venue.said_to(client, QUESTION.replace(b"GET /v1/songs/", begin)) == b""


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


def test_a_token_that_was_replaced_opens_nothing_on_a_connection_that_showed_it(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = venue.client()
    assert songs(venue.said_to(client, QUESTION)) == [b"000482"]
    monkeypatch.setattr(venue.tokens, "changes", 1)
    monkeypatch.setattr(venue.tokens, "vod_of", lambda _token: "")
    assert venue.said_to(client, QUESTION) == b""  # it waits for those who say what is wrong


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
