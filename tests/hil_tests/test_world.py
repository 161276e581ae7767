"""The bench's world is always an evening, and never goes back."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hil_tests.bench.world import World, choose_offset

CHINA = timezone(timedelta(hours=8))
INSTANTS = st.integers(1_700_000_000_000, 1_900_000_000_000)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


def shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CHINA).isoformat(" ", "minutes")[:16]


def start(host: str, left: str | None) -> str:
    host_ms = at(host)
    return shown(host_ms + choose_offset(host_ms, at(left) if left else None))


def test_a_new_world_starts_at_the_latest_evening() -> None:
    assert start("2026-11-21 19:59", None) == "2026-11-20 20:00"
    assert start("2026-11-21 20:00", None) == "2026-11-21 20:00"
    assert start("2026-11-22 03:30", None) == "2026-11-21 20:00"


def test_a_world_that_is_left_in_the_evening_goes_on_from_there() -> None:
    assert start("2026-11-21 21:00", "2026-11-21 22:15") == "2026-11-21 22:15"
    assert start("2026-11-21 21:00", "2026-11-22 00:29") == "2026-11-22 00:29"


def test_a_world_that_is_left_at_night_goes_on_the_next_evening() -> None:
    assert start("2026-11-21 21:00", "2026-11-22 00:30") == "2026-11-22 20:00"


def test_a_world_that_was_left_long_ago_catches_up() -> None:
    assert start("2026-11-30 09:00", "2026-11-21 22:15") == "2026-11-29 20:00"


@given(host_ms=INSTANTS, left_at_ms=INSTANTS)
def test_a_world_is_open_and_never_goes_back(host_ms: int, left_at_ms: int) -> None:
    begins = host_ms + choose_offset(host_ms, left_at_ms)
    assert begins >= left_at_ms
    assert shown(begins)[11:] >= "20:00" or shown(begins)[11:] < "00:30"


def test_a_world_remembers(tmp_path: Path) -> None:
    first = World(tmp_path)
    assert World(tmp_path).now_ms() >= first.now_ms() - 1
