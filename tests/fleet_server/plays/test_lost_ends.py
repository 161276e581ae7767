"""A play whose end is lost does not run for ever (SPEC 10.2)."""

import pytest

from fleet_server.plays.model import meters, plays
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.plays.conftest import Desk

A_BOOT: dict[str, object] = {"version": "1.0.0", "slot": "a", "clean": True, "torn_bytes": 0, "torn_sha256": "",
                             "counter": 1}  # fmt: skip


def ends(desk: Desk) -> list[tuple[str, str | None, int | None, bool]]:
    """Room, reason, seconds and whether it counts, in the order of the starts."""
    rows = sorted(desk.rows(plays), key=lambda row: (row["epoch"], row["seq"]))
    return [(row["room"], row["reason"], row["played_s"], row["counted"]) for row in rows]


@pytest.fixture
def damaged(desk: Desk, journal: FakeJournal) -> FakeJournal:
    """The epoch behind one whose entry 2, the end of the play in 101, cannot be read; 102 goes on singing."""
    first, second = journal.start("101", "S000001"), journal.start("102", "S000002")
    journal.end(first)
    journal.end(second)
    journal.start("102", "S000003")
    behind = journal.next_epoch(reason="damaged", at=2)
    desk.take(journal.batch(0, 2), journal.batch_behind_gap(2, 3), behind.batch())
    assert ends(desk) == [("101", None, None, False), ("102", "end", 200, True), ("102", None, None, False)]
    return behind


def test_10_2_the_next_song_of_the_room_ends_it(desk: Desk, damaged: FakeJournal) -> None:
    damaged.start("101", "S000004")
    at_ms = damaged.now_ms
    desk.take(damaged.batch(1))
    lost = ("101", "lost", None, False)
    assert ends(desk) == [lost, ("102", "end", 200, True), ("102", None, None, False), ("101", None, None, False)]
    row = desk.rows(plays)[0]
    assert (row["ended_at_ms"], row["end_epoch"], row["end_seq"]) == (at_ms, 2, 1)
    (meter,) = desk.rows(meters)
    assert (meter["started"], meter["ended"], meter["counted"], meter["played_s"]) == (4, 2, 1, 200)


def test_10_2_behind_a_boot_runs_nothing_that_began_before_it(desk: Desk, damaged: FakeJournal) -> None:
    damaged._songs["1-4"] = ("102", "S000003", "guest")
    damaged.end("1-4", 90, "power")
    damaged.add("BOOT", A_BOOT)
    damaged.start("103", "S000005")
    desk.take(damaged.batch(1))
    assert [reason for _, reason, _, _ in ends(desk)] == ["lost", "end", "power", None]


def test_10_2_an_end_that_comes_after_all_stands_and_is_metered_once(desk: Desk, journal: FakeJournal) -> None:
    play = journal.start("101", "S000001")
    desk.take(journal.batch())
    journal.end(play)
    behind = journal.next_epoch()
    behind.add("BOOT", A_BOOT)
    desk.take(behind.batch())
    assert ends(desk) == [("101", "lost", None, False)]
    for _ in range(2):
        desk.take(journal.batch(1))
        assert ends(desk) == [("101", "end", 200, True)]
    (meter,) = desk.rows(meters)
    assert (meter["started"], meter["ended"], meter["counted"], meter["played_s"]) == (1, 1, 1, 200)


def test_10_2_what_began_behind_the_boot_goes_on(desk: Desk, journal: FakeJournal) -> None:
    journal.add("BOOT", A_BOOT)
    journal.start("101", "S000001")
    journal.start("102", "S000002")
    desk.take(journal.batch())
    assert [reason for _, reason, _, _ in ends(desk)] == [None, None]
