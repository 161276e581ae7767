"""SPEC 8.4, 8.5: what the catalog and the bans say of a song, in their sequence."""

from typing import Any

import pytest

from device.protocol.catalog import day_of
from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import Rig
from tests.builders import NOON_MS, REGION, file_sha256, picture_sha256, song

TODAY = day_of(NOON_MS)
SONG = "000482"


def ban(by: str, name: str) -> bytes:
    return builders.order_envelope("ban", targets=(Target(by=by, id=name),))


def code(rig: Rig, name: str = SONG, file: str = "") -> str:
    answer = rig.play("K1", name, file=file)
    return "" if answer.status == 201 else str(answer.body["code"])


def with_song(**changes: Any) -> Rig:
    rig = Rig()
    rig.songs[SONG] = song(SONG, **changes)
    return rig


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ((), ""),
        ((REGION,), ""),
        (("440100",), ""),
        (("110000", "440000"), ""),
        (("000000",), ""),
        (("440105", "440200", "110000"), "SONG_NOT_HERE"),
    ],
)
def test_8_5_a_song_is_played_where_its_scope_contains_the_claim(regions: tuple[str, ...], expected: str) -> None:
    assert code(with_song(regions=regions)) == expected


def test_8_5_a_scope_that_the_catalog_does_not_have_is_nowhere() -> None:
    assert code(with_song(scope=7)) == "SONG_NOT_HERE"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({"not_before": TODAY}, ""),
        ({"not_before": TODAY + 1}, "SONG_NOT_NOW"),
        ({"not_after": TODAY}, ""),
        ({"not_after": TODAY - 1}, "SONG_NOT_NOW"),
        ({"not_before": TODAY, "not_after": TODAY}, ""),
    ],
)
def test_8_5_both_ends_are_days_on_which_a_song_is_played(days: dict[str, int], expected: str) -> None:
    assert code(with_song(**days)) == expected


def test_8_5_a_clock_that_is_set_begins_no_song_and_may_end_one() -> None:
    """Time that was carried over a boot is a lower bound."""
    rig = with_song(not_before=TODAY + 1)
    rig.songs["000483"] = song("000483", not_after=TODAY)
    rig.restart()
    assert (code(rig), code(rig, "000483")) == ("SONG_NOT_NOW", "")
    rig.rtc_ms += DAY_MS
    rig.restart()
    assert (code(rig), code(rig, "000483")) == ("SONG_NOT_NOW", "SONG_NOT_NOW")


def test_8_4_a_banned_file_is_banned_under_every_name() -> None:
    rig = Rig()
    rig.order(ban("file", file_sha256(SONG)))
    for name in (SONG, "000483", "unknown"):
        assert code(rig, name, file_sha256(SONG)) == "SONG_BANNED"
    assert code(rig, "000483") == ""
    assert code(rig, "unknown") == "SONG_UNKNOWN"


def test_8_4_a_listed_file_under_an_unlisted_name_is_told_as_such() -> None:
    rig = Rig()
    assert code(rig, "unknown", file_sha256(SONG)) == "SONG_RENAMED"
    assert code(rig, "unknown", file_sha256("unknown")) == "SONG_UNKNOWN"
    assert [body["code"] for body in rig.bodies("REFUSED")] == ["SONG_RENAMED", "SONG_UNKNOWN"]


def test_8_4_another_file_than_the_listed_one_is_refused() -> None:
    rig = Rig()
    rig.songs["000483"] = song("000483", file="")
    assert code(rig, SONG, file_sha256(SONG)) == ""
    assert code(rig, SONG, file_sha256("000484")) == "SONG_FILE"
    assert code(rig, SONG, file_sha256("never seen")) == "SONG_FILE"
    assert code(rig, "000483", file_sha256("never seen")) == "", "the catalog does not know its file"
    assert code(rig, "000483", file_sha256(SONG)) == "SONG_FILE", "but it knows whose file this is"


def test_8_4_a_picture_is_banned_for_the_songs_that_show_it() -> None:
    rig = Rig()
    rig.songs["000483"] = song("000483", picture=picture_sha256(SONG))
    rig.order(ban("picture", picture_sha256(SONG)))
    assert [code(rig, name) for name in (SONG, "000483", "000484")] == ["SONG_BANNED", "SONG_BANNED", ""]


def test_8_4_a_ban_comes_before_a_scope_and_a_scope_before_a_file() -> None:
    rig = with_song(regions=("110000",), not_after=TODAY - 1)
    assert code(rig, file=file_sha256("000483")) == "SONG_NOT_HERE"
    rig.order(ban("version", SONG))
    assert code(rig, file=file_sha256("000483")) == "SONG_BANNED"


def test_8_1_a_catalog_that_was_put_back_knows_no_file_either() -> None:
    rig = Rig()
    rig.box._memory.content.catalog_entries = 0
    assert code(rig, SONG, file_sha256(SONG)) == "SONG_UNKNOWN"
