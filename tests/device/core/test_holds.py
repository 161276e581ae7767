"""The rules of holds, one by one, then under every order of arrival (SPEC 6.3)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core import holds as holds_module
from device.core.holds import Hold, Holds
from device.protocol.errors import RejectedError
from device.protocol.limits import ORDER_ACCEPTED_FOR_MS
from tests import builders
from tests.builders import CITY, NOON_MS, PROVINCE, REGION, file_sha256, picture_sha256, song


def hold(order: str = "440106-2026-000001", **changes: object) -> Hold:
    fields: dict[str, object] = {
        "order": order,
        "kind": "stop",
        "authority": REGION,
        "document": "穗天文执 2026-1",
        "text_zh": "停业整顿",
        "text_en": "",
        "issued_at_ms": NOON_MS,
        "ends_at_ms": None,
        "targets": "",
        "rooms": [],
    }
    fields.update(changes)
    return Hold(**fields)  # type: ignore[arg-type] # one dict for fields of many types


def ban(order: str = "440106-2026-000001", *targets: str, **changes: object) -> Hold:
    return hold(order, kind="ban", targets=" ".join(targets), **changes)


def orders_in_force(state: Holds, now_ms: int | None = NOON_MS) -> list[str]:
    return [found.order for found in state.in_force(now_ms)]


def test_6_3_1_the_same_stop_twice_is_one_hold() -> None:
    state = Holds()
    assert state.add(hold("x"))
    assert not state.add(hold("x"))
    assert orders_in_force(state) == ["x"]


@pytest.mark.parametrize(("authority", "is_ended"), [(REGION, False), (CITY, True), (PROVINCE, True)])
def test_6_3_2_only_the_level_or_above_ends_a_hold(authority: str, is_ended: bool) -> None:
    state = Holds()
    state.add(hold("x", authority=CITY))
    assert state.end("stop", ["x"], authority, NOON_MS) == (["x"] if is_ended else [])
    assert orders_in_force(state) == ([] if is_ended else ["x"])


def test_6_3_2_two_endings_of_a_low_level_do_not_add_up() -> None:
    state = Holds()
    state.add(hold("x", authority=PROVINCE))
    state.end("stop", ["x"], CITY, NOON_MS)
    state.end("stop", ["x"], REGION, NOON_MS)
    assert orders_in_force(state) == ["x"]


def test_6_3_3_an_ending_that_overtakes_its_hold_ends_it() -> None:
    state = Holds()
    state.end("stop", ["x"], REGION, NOON_MS)
    assert not state.add(hold("x"))
    assert orders_in_force(state) == []


def test_6_3_3_a_low_ending_that_came_early_gains_no_power() -> None:
    state = Holds()
    state.end("stop", ["x"], REGION, NOON_MS)
    assert state.add(hold("x", authority=CITY))
    assert orders_in_force(state) == ["x"]


def test_6_3_a_lift_ends_no_stop_and_a_resume_no_ban() -> None:
    state = Holds()
    state.add(hold("x"))
    state.add(ban("y", "version:000482"))
    assert state.end("ban", ["x"], PROVINCE, NOON_MS) == []
    assert state.end("stop", ["y"], PROVINCE, NOON_MS) == []
    assert orders_in_force(state) == ["x", "y"]


@pytest.mark.parametrize(("now_ms", "stands"), [(NOON_MS - 1, True), (NOON_MS, False), (None, True)])
def test_6_3_4_a_hold_with_an_end_ends_by_signed_time_only(now_ms: int | None, stands: bool) -> None:
    state = Holds()
    state.add(hold("x", ends_at_ms=NOON_MS))
    assert bool(state.stops(now_ms)) is stands
    assert state.forget(now_ms) is not stands
    assert bool(state.all_holds()) is stands


def test_6_3_5_one_hold_too_many_is_rejected_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds_module, "HOLDS_MAX", 1)
    state = Holds()
    state.add(hold("x"))
    with pytest.raises(RejectedError, match="ORDER_TOO_MANY"):
        state.add(hold("y"))
    assert orders_in_force(state) == ["x"]


def test_6_3_5_one_target_too_many_is_rejected_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds_module, "BANNED_MAX", 3)
    state = Holds()
    state.add(ban("x", "version:1", "version:2"))
    with pytest.raises(RejectedError, match="ORDER_TOO_MANY"):
        state.add(ban("y", "version:3", "version:4"))
    assert orders_in_force(state) == ["x"]
    state.end("ban", ["x"], REGION, NOON_MS)
    assert state.add(ban("z", "version:3", "version:4")), "what was lifted counts no more"


def test_6_3_5_one_ending_too_many_is_rejected_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds_module, "ENDINGS_MAX", 1)
    state = Holds()
    state.add(hold("x"))
    with pytest.raises(RejectedError, match="ORDER_TOO_MANY"):
        state.end("stop", ["x", "y"], REGION, NOON_MS)
    assert orders_in_force(state) == ["x"]
    assert state.all_endings() == []


def test_6_3_5_years_of_resumes_never_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds_module, "ENDINGS_MAX", 2)
    state = Holds()
    for month in range(24):
        now_ms = NOON_MS + month * ORDER_ACCEPTED_FOR_MS
        state.forget(now_ms)
        state.end("stop", [f"440106-2026-{month:06d}"], REGION, now_ms)
    assert len(state.all_endings()) == 2


def test_6_3_5_an_ending_is_remembered_as_long_as_its_stop_could_come() -> None:
    state = Holds()
    state.end("stop", ["x"], REGION, NOON_MS)
    assert not state.forget(NOON_MS + ORDER_ACCEPTED_FOR_MS)
    assert not state.add(hold("x"))
    assert state.forget(NOON_MS + ORDER_ACCEPTED_FOR_MS + 1)


def test_6_3_5_the_last_of_several_endings_decides_how_long_they_are_remembered() -> None:
    for instants in ((NOON_MS, NOON_MS + 5), (NOON_MS + 5, NOON_MS)):
        state = Holds()
        for at_ms in instants:
            state.end("stop", ["x"], REGION, at_ms)
        assert not state.forget(NOON_MS + 5 + ORDER_ACCEPTED_FOR_MS)


@pytest.mark.parametrize(
    ("target", "is_banned"),
    [
        ("version:000482", True),
        ("version:000483", False),
        ("work:w-000482", True),
        ("work:000482", False),
        (f"file:{file_sha256('000482')}", True),
        (f"file:{file_sha256('000483')}", False),
        (f"picture:{file_sha256('000482')}", True),
        (f"picture:{picture_sha256('000482')}", True),
        (f"picture:{picture_sha256('000483')}", False),
        (f"file:{picture_sha256('000482')}", False),
        ("file:abc", False),
        ("picture:" + "Z" * 64, False),
        ("file:" + "0" * 64, False),
    ],
)
def test_6_3_6_a_ban_names_version_work_file_or_picture(target: str, is_banned: bool) -> None:
    state = Holds()
    assert not state.is_banned(song(), NOON_MS)
    state.add(ban("x", target))
    assert state.is_banned(song(), NOON_MS) is is_banned


def test_6_3_6_a_banned_file_is_known_by_itself() -> None:
    state = Holds()
    state.add(ban("x", f"file:{file_sha256('000482')}", ends_at_ms=NOON_MS))
    key = song().file_key
    assert state.is_file_banned(key, NOON_MS - 1)
    assert not state.is_file_banned(key, NOON_MS)
    assert not state.is_file_banned(song("000483").file_key, NOON_MS - 1)


def test_6_3_6_a_ban_on_the_zero_file_does_not_ban_songs_whose_file_is_unknown() -> None:
    state = Holds()
    state.add(ban("x", "file:" + "0" * 64))
    state.add(ban("y", "picture:" + "0" * 64))
    assert not state.is_banned(song(file="", picture=""), NOON_MS)


def test_6_3_6_a_song_stays_banned_until_the_last_ban_is_lifted() -> None:
    state = Holds()
    state.add(ban("x", "version:000482", "version:000482"))
    state.add(ban("y", "work:w-000482", "version:000482"))
    state.end("ban", ["x"], REGION, NOON_MS)
    assert state.is_banned(song(), NOON_MS)
    state.end("ban", ["y"], REGION, NOON_MS)
    assert not state.is_banned(song(), NOON_MS)


def test_6_3_6_a_ban_with_an_end_ends() -> None:
    state = Holds()
    state.add(ban("x", "version:000482", ends_at_ms=NOON_MS))
    assert state.is_banned(song(), NOON_MS - 1)
    assert not state.is_banned(song(), NOON_MS)
    assert state.is_banned(song(), None)


def test_a_hold_keeps_what_the_venue_may_read_of_its_order() -> None:
    order = builders.order("ban", number=7)
    found = holds_module.hold_of(order)
    assert (found.order, found.document, found.text_zh) == (order.order, order.document, order.text_zh)
    assert found.targets == "version:000482"


STEPS = (
    ("add", "x", CITY),
    ("add", "y", REGION),
    ("end", "y", REGION),
    ("end", "x", REGION),  # too low: must never matter
)


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_order_of_arrival_and_repetition_never_matter(noise: list[tuple[str, str, str]]) -> None:
    """However orders are replayed and shuffled, the end is the same once each has come."""
    for tail in itertools.permutations(STEPS):
        state = Holds()
        for kind, order, authority in [*noise, *tail]:
            if kind == "add":
                state.add(hold(order, authority=authority))
            else:
                state.end("stop", [order], authority, NOON_MS)
        assert orders_in_force(state) == ["x"]
