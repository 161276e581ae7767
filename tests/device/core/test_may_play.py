"""The question and the start (SPEC 15.1, 15.3): at one instant they never disagree."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.core import events as on
from device.protocol.limits import DAY_MS, PLAYS_OPEN_MAX
from tests import builders
from tests.box_rig import SONGS, Rig
from tests.builders import HOUR_MS, NOON_MS
from tests.device.core.test_listed_bans import a_ban
from tests.device.core.test_rooms import stop_rooms

FILE = "ab" * 32


def asked(rig: Rig, room: str = "K1", song: str = "000482", file: str = "") -> str:
    code = rig.box.may_play(room, song, file, rig.now)
    question = rig.box.question_at(rig.now)
    assert [question(room, song, file) for _ in range(2)] == [code, code]
    return code


def test_15_1_the_question_begins_counts_and_writes_nothing() -> None:
    rig = Rig()
    before = (rig.disk.size, rig.box.state_body(rig.now))
    assert asked(rig) == ""
    assert asked(rig, song="unknown") == "SONG_UNKNOWN"
    assert (rig.disk.size, rig.box.state_body(rig.now)) == before


def test_15_3_before_the_start_and_at_the_end_nothing_may_play() -> None:
    rig = Rig()
    rig.give(on.Stopping())
    assert asked(rig) == "JOURNAL_UNAVAILABLE"
    assert rig.play().body["code"] == "JOURNAL_UNAVAILABLE"


def test_15_3_another_file_than_the_catalog_has_is_refused() -> None:
    rig = Rig()
    known = rig.songs["000482"].file_key.hex() + "0" * 32
    assert (asked(rig, file=FILE), rig.play(file=FILE).body["code"]) == ("SONG_FILE", "SONG_FILE")
    assert (asked(rig, file=known), rig.play(file=known).status) == ("", 201)
    assert rig.play(file="no hash").status == 422


def test_an_edge_of_time_is_seen_at_its_very_millisecond() -> None:
    """Two edges between two questions, no event between them: nothing kept may outlive its instant."""
    rig = Rig(at_ms=NOON_MS - 10 * HOUR_MS - 1_000, in_service=True)
    assert asked(rig) == ""
    for passed_ms, code in ((999, ""), (1, "HOURS_CLOSED"), (6 * HOUR_MS - 1, "HOURS_CLOSED"), (1, "")):
        rig.mono_ms += passed_ms
        rig.rtc_ms += passed_ms
        assert asked(rig) == code


def test_what_an_event_changes_is_seen_at_the_same_instant() -> None:
    rig = Rig()
    question = rig.box.question_at(rig.now)
    assert (asked(rig), question("K1", "000482", "")) == ("", "")
    rig.receipt_of(builders.order_envelope("stop"))
    assert (asked(rig), question("K1", "000482", "")) == ("VENUE_LOCKED", "VENUE_LOCKED")


def _fill(rig: Rig) -> None:
    for number in range(PLAYS_OPEN_MAX):
        assert rig.play(f"B{number}").status == 201


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda rig: rig.receipt_of(builders.order_envelope("ban")), "SONG_BANNED"),
        (lambda rig: rig.give(on.CatalogLoaded(epoch=2, entries=3, bans=(a_ban(),))), "SONG_BANNED"),
        (lambda rig: rig.receipt_of(stop_rooms("K1")), "ROOM_LOCKED"),
        (lambda rig: rig.give(on.CatalogLoaded(epoch=0, entries=3)), "SONG_UNKNOWN"),
        (lambda rig: rig.songs.update({"000482": builders.song("000482", not_before=65_000)}), "SONG_NOT_NOW"),
        (_fill, "PLAYS_TOO_MANY"),
    ],
)
def test_15_3_whatever_may_stand_against_a_song_stands_against_the_question(
    happens: Callable[[Rig], object], code: str
) -> None:
    """The way on which nothing stands against any song is left as soon as something may."""
    rig = Rig()
    assert asked(rig) == ""
    happens(rig)
    assert asked(rig) == code
    assert rig.play().body["code"] == code


def test_a_song_is_free_by_its_record_where_nobody_says_so_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.songs["limited"] = builders.song("limited", not_before=65_000)
    monkeypatch.setattr(rig.box, "_is_free", rig.box._has_free)
    for song in (*SONGS, "limited", "unknown"):
        assert rig.box._has_free(song) == rig.is_free(song) == (asked(rig, song=song) == "")


def test_what_is_said_quicker_is_asked_only_where_nothing_stands_against_any_song(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig, wanted = Rig(), list[str]()

    def is_free(song: str) -> bool:
        wanted.append(song)
        return True

    monkeypatch.setattr(rig.box, "_is_free", is_free)
    question = rig.box.question_at(rig.now)
    assert (question("K1", "000482", ""), question("K1", "000483", FILE)) == ("", "SONG_FILE")
    rig.receipt_of(builders.order_envelope("ban"))
    assert question("K1", "000482", "") == "SONG_BANNED"
    assert wanted == ["000482"]


def _order(rig: Rig, kind: str, **changes: Any) -> None:
    number = len(rig.entries("ORDER")) + 1
    fields: dict[str, Any] = {
        "number": number,
        "issued_at_ms": rig.rtc_ms,
        "expires_at_ms": rig.rtc_ms + 7 * DAY_MS,
        **changes,
    }
    rig.give(on.OrderReceived(request="", raw=builders.order_envelope(kind, **fields)))


def _fail(rig: Rig) -> None:
    rig.journal_works = False
    rig.seal(True)


def _recover(rig: Rig) -> None:
    rig.journal_works = True
    rig.recover_journal()


HAPPENINGS: "dict[str, Callable[[Rig], object]]" = {
    "stop": lambda rig: _order(rig, "stop", ends_at_ms=rig.rtc_ms + HOUR_MS),
    "ban": lambda rig: _order(rig, "ban"),
    "power": lambda rig: rig.restart(),
    "session": lambda rig: rig.give(on.Connected()),
    "lease": lambda rig: rig.grant_lease() if rig.report.get("nonce") else None,
    "old catalog": lambda rig: rig.give(on.CatalogLoaded(epoch=0, entries=3)),
    "journal fails": _fail,
    "journal recovers": _recover,
    "tick": lambda rig: rig.give(on.Tick()),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*HAPPENINGS, "nothing"]),
            st.sampled_from([0, 1, 999, HOUR_MS, 6 * HOUR_MS, 20 * DAY_MS]),
            st.sampled_from([*SONGS, "unknown"]),
            st.sampled_from(["K1", "K2"]),
            st.sampled_from(["", FILE]),
        ),
        max_size=12,
    )
)
def test_the_question_and_the_start_never_disagree(steps: "list[tuple[str, int, str, str, str]]") -> None:
    rig = Rig()
    for what, passed_ms, song, room, file in steps:
        if what in HAPPENINGS:
            HAPPENINGS[what](rig)
        asked(rig, room, song, file)  # so that something is kept that could be stale
        rig.mono_ms += passed_ms
        rig.rtc_ms += passed_ms
        code = asked(rig, room, song, file)
        answer = rig.play(room, song, file=file)
        said = "JOURNAL_UNAVAILABLE" if answer.status == 503 else answer.body.get("code", "")
        assert code == said, (what, passed_ms)
