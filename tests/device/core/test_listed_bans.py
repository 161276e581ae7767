"""Bans that the catalog carries: without the order, here, until they end or are lifted (SPEC 8.7)."""

import pytest

from device.core import events as on
from device.core.holds import Holds
from device.protocol.bans import ListedBan
from device.protocol.limits import ORDER_ACCEPTED_FOR_MS
from device.protocol.orders import Scope, Target
from tests import builders
from tests.box_rig import Rig
from tests.builders import CHEN, CITY, ELSEWHERE, NOON_MS, PROVINCE, REGION, VENUE, ZHOU, file_sha256, picture_sha256

SONG = "000482"
ORDER = "440106-2026-000001"


def a_ban(by: str = "version", name: str = SONG, **changes: object) -> ListedBan:
    return ListedBan(
        order=ORDER,
        authority=REGION,
        ends_at_ms=None,
        scope=Scope(venues=(), region=PROVINCE),
        lifted=(),
        targets=(Target(by=by, id=name),),
    ).replace(**changes)


def code_of(rig: Rig, song: str = SONG, file: str = "") -> str:
    answer = rig.play(song=song, file=file)
    return "" if answer.status == 201 else str(answer.body["code"])


def with_bans(*bans: ListedBan) -> Rig:
    rig = Rig()
    rig.give(on.CatalogLoaded(epoch=2, entries=3, bans=bans))
    return rig


@pytest.mark.parametrize(
    ("by", "name"),
    [
        ("version", SONG),
        ("work", f"w-{SONG}"),
        ("file", file_sha256(SONG)),
        ("picture", picture_sha256(SONG)),
    ],
)
def test_8_7_a_box_without_the_order_bans_what_the_release_names(by: str, name: str) -> None:
    assert code_of(with_bans()) == ""
    rig = with_bans(a_ban(by, name))
    assert code_of(rig) == "SONG_BANNED"
    assert rig.report["holds"] == [], "a release is no order"


def test_8_7_a_file_is_banned_under_whatever_name_it_is_played() -> None:
    rig = with_bans(a_ban("file", "ab" * 32))
    assert code_of(rig, song="999999", file="ab" * 32) == "SONG_BANNED"
    assert code_of(rig, song="999999", file="cd" * 32) == "SONG_UNKNOWN"


@pytest.mark.parametrize(
    ("scope", "lifted", "is_banned"),
    [
        (Scope(venues=(VENUE,), region=""), (), True),
        (Scope(venues=(builders.OTHER_VENUE,), region=""), (), False),
        (Scope(venues=(), region=ELSEWHERE), (), False),
        (Scope(venues=(), region=PROVINCE), (Scope(venues=(), region=CITY),), False),
        (Scope(venues=(), region=PROVINCE), (Scope(venues=(VENUE,), region=""),), False),
        (Scope(venues=(), region=PROVINCE), (Scope(venues=(builders.OTHER_VENUE,), region=""),), True),
    ],
)
def test_8_7_a_ban_stands_where_its_scope_is_and_no_lift(
    scope: Scope, lifted: tuple[Scope, ...], is_banned: bool
) -> None:
    assert code_of(with_bans(a_ban(scope=scope, lifted=lifted))) == ("SONG_BANNED" if is_banned else "")


def test_8_7_the_ban_goes_with_the_release_that_leaves_it_out() -> None:
    rig = with_bans(a_ban())
    rig.give(on.CatalogLoaded(epoch=3, entries=3))
    assert code_of(rig) == ""


def test_8_7_an_older_release_takes_no_ban_away() -> None:
    rig = with_bans(a_ban())
    rig.give(on.CatalogLoaded(epoch=1, entries=3))
    rig.give(on.CatalogLoaded(epoch=2, entries=3, bans=(a_ban(),)))
    assert code_of(rig) == "SONG_BANNED"


def test_8_7_a_ban_with_an_end_ends() -> None:
    rig = with_bans(a_ban(ends_at_ms=NOON_MS + 3_600_000))
    assert code_of(rig) == "SONG_BANNED"
    rig.wait(3_700, tick_s=100)  # proven time lags behind by the drift
    assert code_of(rig) == ""


@pytest.mark.parametrize(("authority", "code"), [(REGION, "SONG_BANNED"), (CITY, "")])
def test_8_7_a_lift_that_may_end_the_ban_ends_it_at_once(authority: str, code: str) -> None:
    rig = with_bans(a_ban(authority=CITY))
    raw = builders.order_envelope(
        "lift", signers=(CHEN, ZHOU), drafted_by="chen", number=2, authority=authority, ends=(ORDER,)
    )
    assert rig.receipt_of(raw)["result"] == "accepted"
    assert code_of(rig) == code


def test_8_7_a_lift_is_remembered_as_long_as_the_release_carries_the_ban() -> None:
    holds = Holds()
    holds.end("ban", [ORDER], REGION, NOON_MS)
    assert not holds.forget(NOON_MS + 2 * ORDER_ACCEPTED_FOR_MS, [ORDER])
    assert holds.is_ended("ban", ORDER, REGION)
    assert holds.forget(NOON_MS + 2 * ORDER_ACCEPTED_FOR_MS, [])
    assert not holds.is_ended("ban", ORDER, REGION)


def test_8_7_the_box_keeps_the_lift_of_what_its_catalog_carries() -> None:
    rig = with_bans(a_ban())
    rig.receipt_of(builders.order_envelope("lift", number=2, ends=(ORDER,)))
    rig.restart()
    rig.give(on.CatalogLoaded(epoch=2, entries=3, bans=(a_ban(),)))
    rig.give(on.Connected())
    rig.grant_lease()
    assert code_of(rig) == ""
