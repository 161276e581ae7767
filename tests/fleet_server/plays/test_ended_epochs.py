"""What ended epochs still had, and what is missing of them (SPEC 9.13, 10.2)."""

import pytest

from fleet_server.plays.model import entries, incidents, meters, plays
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.plays.conftest import BOX, Desk


def test_10_2_what_an_ended_epoch_still_has_comes_late_and_once(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(3)
    desk.take(journal.batch(0, 2))
    second = journal.next_epoch()
    second.sing(1)
    desk.take(second.batch())
    for _ in range(2):
        (ack,) = desk.take(journal.batch(2))
        assert (ack.result, ack.epoch, ack.size, ack.head) == ("ack", 1, 6, journal.chains[6].hex())
    assert [row["text"] for row in desk.rows(entries)] == journal.texts + second.texts
    assert desk.rows(meters)[0]["counted"] == 4
    assert [row["code"] for row in desk.rows(incidents)] == ["JOURNAL_LOST"]


def test_10_2_an_ended_epoch_of_which_nothing_ever_came_is_taken_late(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    second = journal.next_epoch()
    second.sing(1)
    third = second.next_epoch()
    desk.take(journal.batch(), third.batch())
    (stray,) = desk.take(_a_stray(journal))
    assert (stray.result, stray.code, stray.epoch) == ("nack", "BATCH_EPOCH", 3)
    (ack,) = desk.take(second.batch())
    assert (ack.result, ack.epoch, ack.size) == ("ack", 2, 3)


def test_10_2_two_ends_of_an_epoch_are_an_incident(desk: Desk, journal: FakeJournal) -> None:
    """The box has signed, with the next epoch, how this one ended."""
    journal.sing(1)
    desk.take(journal.batch(0, 1))
    second = journal.next_epoch()
    desk.take(second.batch())
    other = FakeJournal(BOX, journal.key)
    other.start("101", "S000000")
    other.start("102", "S999999")
    assert other.texts[0] == journal.texts[0]
    other.ended = True
    (nack,) = desk.take(other.batch(1))
    assert (nack.result, nack.code, nack.epoch, nack.size) == ("nack", "BATCH_FORK", 1, 1)
    assert [row["code"] for row in desk.rows(incidents)] == ["JOURNAL_LOST", "BATCH_FORK"]


def test_9_13_what_stands_behind_damage_is_counted_and_the_gap_is_an_incident(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(5)
    desk.take(journal.batch(0, 2))
    second = journal.next_epoch(reason="damaged", at=3)
    (before, behind, after) = desk.take(journal.batch(2, 3), journal.batch_behind_gap(3, 4), second.batch())
    assert (before.result, behind.result, after.result) == ("ack", "ack", "ack")
    assert (behind.epoch, behind.size, after.epoch) == (1, 10, 2)
    assert [(row["epoch"], row["seq"]) for row in desk.rows(entries)] == [(1, n) for n in range(10) if n != 3] + [
        (2, 0)
    ]
    assert [row["counted"] for row in desk.rows(plays)] == [True, False, True, True, True]
    (incident,) = desk.rows(incidents)
    assert (incident["code"], incident["epoch"], incident["seq"], incident["count"]) == ("JOURNAL_DAMAGED", 1, 3, 2)
    assert incident["detail"] == "entries 3 to 3 of epoch 1 cannot be read on the box"
    for again in (journal.batch_behind_gap(3, 4), journal.batch_behind_gap(3, 4, 6), journal.batch(1, 3)):
        (ack,) = desk.take(again)
        assert ack.result == "ack"
    assert len(desk.rows(entries)) == 10
    assert desk.rows(incidents)[0]["count"] == 2


def test_9_13_a_gap_may_be_where_an_epoch_begins_and_come_twice(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(4)
    journal.ended = True
    answers = desk.take(journal.batch_behind_gap(0, 2, 4), journal.batch_behind_gap(4, 6))
    assert [(ack.result, ack.size) for ack in answers] == [("ack", 4), ("ack", 8)]
    found = [(row["code"], row["epoch"], row["seq"]) for row in desk.rows(incidents)]
    assert found == [("JOURNAL_DAMAGED", 1, 0), ("JOURNAL_DAMAGED", 1, 4)]
    assert [row["seq"] for row in desk.rows(entries)] == [2, 3, 6, 7]


@pytest.mark.parametrize("missing", [1, 3, 4])
def test_9_13_nobody_leaves_out_what_is_not_missing_here(desk: Desk, journal: FakeJournal, missing: int) -> None:
    """The box says which entries it cannot read; a batch that was held back on its way is none of them."""
    journal.sing(4)
    journal.ended = True
    desk.take(journal.batch(0, 2))
    (nack,) = desk.take(journal.batch_behind_gap(missing, 5))
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_GAP", 2)
    assert not desk.rows(incidents)
    (ack,) = desk.take(journal.batch_behind_gap(2, 5))
    assert (ack.result, ack.size) == ("ack", 8)
    (nack,) = desk.take(journal.batch(2, 6))
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_GAP", 8)


def test_9_13_an_epoch_that_goes_on_has_no_gaps(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(4)
    desk.take(journal.batch(0, 2))
    (nack,) = desk.take(journal.batch_behind_gap(2, 5))
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_GAP", 2)
    assert [row["code"] for row in desk.rows(incidents)] == ["BATCH_GAP"]


def test_9_13_a_box_that_lost_its_place_begins_again_where_the_server_stands(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(4)
    journal.ended = True
    desk.take(journal.batch_behind_gap(0, 2, 4))
    (nack,) = desk.take(journal.batch(4))  # the chain that it has on its disk is not the one that is known here
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_CHAIN", 4)
    (nack,) = desk.take(journal.batch_behind_gap(3, 3))
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_CHAIN", 4)
    (ack,) = desk.take(journal.batch_behind_gap(4, 4))
    assert (ack.result, ack.size) == ("ack", 8)
    assert [row["seq"] for row in desk.rows(entries)] == [2, 3, 4, 5, 6, 7]
    assert [row["code"] for row in desk.rows(incidents)] == ["JOURNAL_DAMAGED"]


def test_9_13_what_is_behind_a_gap_is_not_told_otherwise_later(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    journal.ended = True
    desk.take(journal.batch_behind_gap(0, 2))
    other = FakeJournal(BOX, journal.key)
    other.sing(1)
    other.end(other.start("101", "S999999"))
    other.ended = True
    (nack,) = desk.take(other.batch_behind_gap(0, 2))
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_FORK", 4)
    assert [row["code"] for row in desk.rows(incidents)] == ["JOURNAL_DAMAGED", "BATCH_FORK"]


def _a_stray(journal: FakeJournal) -> bytes:
    """Of an epoch that does not say what it begins behind."""
    stray = FakeJournal(BOX, journal.key, 2)
    stray.sing(1)
    return stray.batch()
