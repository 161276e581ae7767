"""Batches against the ledger: SPEC 10.2, and the bad-input row of the MQTT uplink."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from device.crypto.p256 import SigningKey
from device.protocol.journal import Entry, first_chain
from device.protocol.limits import BATCH_BYTES_MAX
from fleet_server.broker import NotDeliveredError, UplinkMessage
from fleet_server.mailroom import Outgoing
from fleet_server.mailroom.model import dead_letters
from fleet_server.plays.model import checkpoints, entries, incidents, journals, meters, plays
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.plays.conftest import BOX, VENUE, Desk, changed


def test_a_batch_becomes_plays_and_a_signed_ack(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(3)
    play = journal.start("102", "S000009")
    (ack,) = desk.take(journal.batch())
    assert (ack.result, ack.epoch, ack.size, ack.head, ack.code) == ("ack", 1, 7, journal.chains[7].hex(), "")
    found = desk.rows(plays)
    assert [(row["room"], row["song"], row["counted"], row["reason"]) for row in found] == [
        ("101", "S000000", True, "end"),
        ("101", "S000001", True, "end"),
        ("101", "S000002", True, "end"),
        ("102", "S000009", False, None),
    ]
    assert f"{found[3]['epoch']}-{found[3]['seq']}" == play
    (meter,) = desk.rows(meters)
    assert (meter["venue"], meter["started"], meter["ended"], meter["counted"]) == (VENUE, 4, 3, 3)
    assert [row["text"] for row in desk.rows(entries)] == journal.texts


def test_the_same_batch_again_changes_nothing_and_is_acknowledged_again(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    first = desk.take(journal.batch())
    before = [desk.rows(table) for table in (entries, plays, meters, checkpoints, journals)]
    again = desk.take(journal.batch(), journal.batch())
    assert [(ack.result, ack.size, ack.head) for ack in again] == [("ack", first[0].size, first[0].head)] * 2
    assert [desk.rows(table) for table in (entries, plays, meters, checkpoints, journals)] == before


def test_batches_may_overlap(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(4)
    desk.take(journal.batch(0, 5))
    (ack,) = desk.take(journal.batch(3, 8))
    assert (ack.result, ack.size) == ("ack", 8)
    (inside,) = desk.take(journal.batch(2, 4))
    assert (inside.result, inside.size, inside.head) == ("ack", 4, journal.chains[4].hex())
    assert [row["seq"] for row in desk.rows(entries)] == list(range(8))
    assert [row["counted"] for row in desk.rows(plays)] == [True] * 4


def test_a_gap_is_named_and_closed_when_it_is_filled(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(3)
    desk.take(journal.batch(0, 2))
    (nack,) = desk.take(journal.batch(4, 6))
    assert (nack.result, nack.code, nack.size, nack.head) == ("nack", "BATCH_GAP", 2, journal.chains[2].hex())
    (incident,) = desk.rows(incidents)
    assert (incident["code"], incident["seq"], incident["closed_at_ms"]) == ("BATCH_GAP", 2, None)
    (ack,) = desk.take(journal.batch(2, 6))
    assert (ack.result, ack.size) == ("ack", 6)
    assert desk.rows(incidents)[0]["closed_at_ms"] is not None


def test_a_second_history_is_an_incident_and_never_overwrites_the_first(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    desk.take(journal.batch())
    other = FakeJournal(BOX, journal.key)
    other.sing(1)
    other.end(other.start("101", "S999999"))
    other.sing(1)
    before = desk.rows(entries)
    for _ in range(2):
        (nack,) = desk.take(other.batch())
        assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_FORK", 4)
    (incident,) = desk.rows(incidents)
    assert (incident["code"], incident["seq"], incident["count"]) == ("BATCH_FORK", 2, 2)
    assert "S999999" in json.loads(incident["evidence"])["entries"][2]
    assert desk.rows(entries) == before


def test_an_entry_that_does_not_continue_the_chain_is_refused_whole(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    raw = json.loads(journal.batch())
    raw["entries"][1] = raw["entries"][1].replace("S000000", "S000001")
    (nack,) = desk.take(json.dumps(raw).encode())
    assert (nack.result, nack.code, nack.size) == ("nack", "BATCH_CHAIN", 0)
    assert desk.rows(entries) == desk.rows(plays) == []


def test_a_new_epoch_goes_on_where_the_old_one_ended(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    desk.take(journal.batch())
    second = journal.next_epoch()
    second.sing(1)
    (ack,) = desk.take(second.batch())
    assert (ack.result, ack.epoch, ack.size) == ("ack", 2, 3)
    (old,) = desk.take(journal.batch())
    assert (old.result, old.epoch, old.size) == ("ack", 1, 4)
    journal.sing(1)
    journal.ended = False  # a box that was put back: it learns how far it has been
    (late,) = desk.take(journal.batch())
    assert (late.result, late.code, late.epoch, late.size) == ("nack", "BATCH_EPOCH", 2, 3)
    journal.ended = True  # and beyond its end an epoch never grows
    (late,) = desk.take(journal.batch())
    assert (late.result, late.code, late.epoch, late.size) == ("nack", "BATCH_EPOCH", 1, 4)


@pytest.mark.parametrize(
    ("sent", "behind", "found"),
    [
        (4, 4, "all of them are here, and 0 more"),
        (6, 4, "all of them are here, and 2 more"),  # its last ack was lost, and then the disk
        (2, 6, "4 of them never came here"),
        (0, 6, "6 of them never came here"),
    ],
)
def test_10_2_a_journal_that_was_lost_is_an_incident_and_goes_on(
    desk: Desk, journal: FakeJournal, sent: int, behind: int, found: str
) -> None:
    journal.sing(3)
    if sent:
        desk.take(journal.batch(0, sent))
    second = journal.next_epoch(behind)
    for _ in range(2):
        second.sing(1)
        (ack,) = desk.take(second.batch())
        assert (ack.result, ack.epoch, ack.size) == ("ack", 2, second.size)
    (incident,) = desk.rows(incidents)
    assert (incident["code"], incident["epoch"], incident["count"]) == ("JOURNAL_LOST", 2, 1)
    assert incident["detail"] == f"epoch 2 begins behind {behind} entries of epoch 1: {found}"
    assert [row["text"] for row in desk.rows(entries)] == journal.texts[:sent] + second.texts


def test_10_2_a_journal_that_was_lost_twice_goes_on(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    desk.take(journal.batch())
    second = journal.next_epoch()
    second.sing(4)
    third = second.next_epoch()
    (ack,) = desk.take(third.batch())
    assert (ack.result, ack.epoch, ack.size) == ("ack", 3, 1)
    assert desk.rows(incidents)[0]["detail"].endswith("behind 9 entries of epoch 2: 9 of them never came here")


def test_10_2_an_epoch_behind_what_never_came_so_is_an_incident_too(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(2)
    desk.take(journal.batch())
    other = FakeJournal(BOX, journal.key)
    other.start("102", "S999999")
    (ack,) = desk.take(other.next_epoch().batch())
    assert (ack.result, ack.epoch) == ("ack", 2)
    assert desk.rows(incidents)[0]["detail"].endswith("behind 1 entries of epoch 1: what came here differs")


def test_a_time_that_cannot_be_is_kept_and_an_incident(desk: Desk, journal: FakeJournal) -> None:
    journal.now_ms = desk.fleet.clock.now_ms() + 3_600_000
    for _ in range(2):
        journal.sing(1)
        (ack,) = desk.take(journal.batch(journal.size - 2))
        assert ack.result == "ack"
    (incident,) = desk.rows(incidents)
    assert (incident["code"], incident["count"]) == ("TIME_FUTURE", 2)


def test_9_11_an_epoch_that_does_not_say_what_it_begins_behind_is_refused(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    desk.take(journal.batch())
    stray = FakeJournal(BOX, journal.key, 2)
    stray.sing(1)
    (nack,) = desk.take(stray.batch())
    assert (nack.result, nack.code, nack.epoch, nack.size) == ("nack", "BATCH_EPOCH", 1, 2)
    assert len(desk.rows(incidents)) == 1


def test_9_11_the_checkpoint_signs_what_an_epoch_begins_behind(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    desk.take(journal.batch())
    second = journal.next_epoch(2)
    raw = json.loads(second.batch())
    raw["entries"][0] = raw["entries"][0].replace('"size":2', '"size":1')
    (nack,) = desk.take(json.dumps(raw).encode())
    assert (nack.result, nack.code) == ("nack", "BATCH_CHAIN")
    liar = FakeJournal(BOX, journal.key, 2, first_chain(BOX, 2, journal.chains[1], 1))
    liar.add("EPOCH", {"size": 2, "head": journal.chains[2].hex(), "reason": "lost", "at": 2})
    (nack,) = desk.take(liar.batch())
    assert (nack.result, nack.code) == ("nack", "BATCH_CHAIN")
    assert len(desk.rows(entries)) == 2


def test_an_end_in_a_later_epoch_ends_the_play_of_the_former(desk: Desk, journal: FakeJournal) -> None:
    play = journal.start("101", "S000001")
    desk.take(journal.batch())
    second = journal.next_epoch()
    second.end(play, 90, "power")
    desk.take(second.batch())
    (row,) = desk.rows(plays)
    assert (row["reason"], row["counted"], row["end_epoch"]) == ("power", True, 2)


def test_an_end_whose_start_is_lost_makes_the_play(desk: Desk, journal: FakeJournal) -> None:
    journal._songs["1-7"] = ("101", "S000001", "guest")
    journal.end("1-7", 100)
    desk.take(journal.batch())
    (row,) = desk.rows(plays)
    assert (row["seq"], row["counted"], row["ended_at_ms"] - row["started_at_ms"]) == (7, True, 100_000)
    assert desk.rows(meters)[0]["started"] == 1


def test_without_trusted_time_the_clock_of_the_box_is_kept(desk: Desk, journal: FakeJournal) -> None:
    journal.start("101", "S000001", has_time=False)
    desk.take(journal.batch())
    (row,) = desk.rows(plays)
    assert (row["started_at_ms"], row["time_quality"]) == (journal.now_ms, "none")


def test_late_plays_keep_their_day(desk: Desk, journal: FakeJournal) -> None:
    journal.now_ms = 1_789_925_399_000  # 2026-09-21 01:29:59 in Shanghai
    journal.sing(1)
    desk.take(journal.batch())
    assert desk.rows(plays)[0]["day"] == desk.rows(meters)[0]["day"] == "2026-09-20"


def test_refusals_are_metered(desk: Desk, journal: FakeJournal) -> None:
    journal.add("REFUSED", {"room": "101", "song": "S1", "kind": "guest", "code": "SONG_UNKNOWN"})
    desk.take(journal.batch())
    (meter,) = desk.rows(meters)
    assert (meter["refused"], meter["started"]) == (1, 0)


def _resigned(journal: FakeJournal, key: SigningKey) -> bytes:
    own, journal.key = journal.key, key
    raw = journal.batch()
    journal.key = own
    return raw


def _flipped(journal: FakeJournal) -> bytes:
    raw = json.loads(journal.batch())
    signature = raw["checkpoint"]["signatures"][0]
    first = signature["sig"][0]
    signature["sig"] = ("A" if first != "A" else "B") + signature["sig"][1:]
    return json.dumps(raw).encode()


# Bad input: what is wrong, the code, and whether somebody can be blamed for it.
BAD: dict[str, tuple[Callable[[FakeJournal], bytes], str]] = {
    "not JSON": (lambda j: b"\xff\x00", "DOCUMENT_MALFORMED"),
    "empty": (lambda j: b"", "DOCUMENT_MALFORMED"),
    "deep": (lambda j: b'{"v":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "DOCUMENT_MALFORMED"),
    "duplicate name": (lambda j: b'{"v":1,"v":1}', "DOCUMENT_MALFORMED"),
    "unknown version": (lambda j: changed(j.batch(), v=2), "DOCUMENT_VERSION"),
    "unknown name": (lambda j: changed(j.batch(), more=1), "DOCUMENT_MALFORMED"),
    "too large": (lambda j: b" " * (BATCH_BYTES_MAX + 1), "DOCUMENT_TOO_LARGE"),
    "no entries": (lambda j: changed(j.batch(), entries=[]), "DOCUMENT_MALFORMED"),
    "entry too long": (lambda j: changed(j.batch(), entries=["x" * 1025]), "DOCUMENT_MALFORMED"),
    "entry no document": (lambda j: changed(j.batch(0, 1), entries=["{}"]), "DOCUMENT_VERSION"),
    "another box": (lambda j: j.batch(box="KTV-BBBB0002"), "BATCH_IDENTITY"),
    "another epoch": (lambda j: changed(j.batch(), epoch=2), "BATCH_IDENTITY"),
    "shifted": (lambda j: changed(j.batch(1, 2), **{"from": 0}), "BATCH_IDENTITY"),
    "wrong type": (
        lambda j: changed(
            j.batch(),
            checkpoint={**json.loads(j.batch())["checkpoint"], "payloadType": "application/vnd.frontbox.ack.v1+json"},
        ),
        "ENVELOPE_TYPE",
    ),
    "stranger's key": (lambda j: _resigned(j, SigningKey.generate()), "SIGNER_UNKNOWN"),
    "flipped bit": (_flipped, "SIGNATURE_INVALID"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_set_aside_with_its_reason(desk: Desk, journal: FakeJournal, name: str) -> None:
    spoil, code = BAD[name]
    journal.sing(2)
    bad = spoil(journal)
    nacks = [desk.take(bad)[0] for _ in range(3)]
    assert [(nack.result, nack.code, nack.size) for nack in nacks] == [("nack", code, 0)] * 3
    (kept,) = [*desk.rows(dead_letters), *desk.rows(incidents)]
    assert (kept["box"], kept["code"], kept["count"]) == (BOX, code, 3)
    assert desk.rows(entries) == desk.rows(plays) == desk.rows(journals) == []
    (ack,) = desk.take(journal.batch())
    assert (ack.result, ack.size) == ("ack", 4)


def test_one_bad_message_costs_its_neighbours_nothing(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(3)
    answers = desk.take(journal.batch(0, 2), b"rubbish", journal.batch(2, 6))
    assert [answer.result for answer in answers] == ["ack", "nack", "ack"]
    assert len(desk.rows(entries)) == 6


def test_a_revoked_or_unknown_box_gets_no_answer(desk: Desk) -> None:
    journal = FakeJournal("KTV-GONE0001")
    journal.sing(1)
    assert desk.take(journal.batch(), box="KTV-GONE0001") == []
    assert desk.rows(dead_letters)[0]["code"] == "BOX_REVOKED"


def test_a_message_of_no_known_kind_is_set_aside(desk: Desk, journal: FakeJournal) -> None:
    outgoing, again = desk.mailroom.take([UplinkMessage(BOX, "a.b", b"x", 1)])
    assert (outgoing, again) == ([], frozenset())
    assert desk.rows(dead_letters)[0]["kind"] == "a.b"


def test_ever_new_rubbish_fills_no_disk(desk: Desk, journal: FakeJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_server.mailroom.dead_letters.LETTERS_PER_BOX_MAX", 5)
    for number in range(20):
        desk.take(b"rubbish %d" % number)
    letters = desk.rows(dead_letters)
    assert len(letters) == 5
    assert sum(letter["count"] for letter in letters) == 20


def test_ever_new_names_of_topics_fill_no_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_server.mailroom.dead_letters.LETTERS_PER_BOX_MAX", 5)
    desk.mailroom.take([UplinkMessage(BOX, f"kind-{number}", b"x", 1) for number in range(20)])
    letters = desk.rows(dead_letters)
    assert len(letters) == 5
    assert sum(letter["count"] for letter in letters) == 20


def test_a_defect_of_ours_is_tried_three_times_and_then_set_aside(desk: Desk, journal: FakeJournal) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    desk.ingest._observers = (stumble,)
    journal.sing(1)
    for attempts in (1, 2):
        _, again = desk.mailroom.take([UplinkMessage(BOX, "journal", journal.batch(), attempts)])
        assert again == {0}
        assert desk.rows(entries) == []
    assert desk.take(journal.batch(), attempts=3) == []
    assert desk.rows(dead_letters)[0]["code"] == "INTERNAL"
    desk.ingest._observers = ()
    assert desk.take(journal.batch())[0].result == "ack"


def test_a_database_that_takes_nothing_sets_nothing_aside(desk: Desk, journal: FakeJournal) -> None:
    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, OSError("database or disk is full"))

    desk.ingest._observers = (full,)
    journal.sing(1)
    with pytest.raises(NotDeliveredError):
        desk.take(journal.batch())
    assert desk.rows(dead_letters) == desk.rows(entries) == []


def test_stored_entries_cannot_be_changed(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    desk.take(journal.batch())
    for statement in ("UPDATE entries SET kind = 'X'", "DELETE FROM entries"):
        with pytest.raises(Exception, match="never changed"), desk.fleet.database.writing() as connection:
            connection.exec_driver_sql(statement)


def test_many_boxes_in_one_delivery(desk: Desk) -> None:
    journals_sent = [FakeJournal(f"KTV-MANY{number:04d}") for number in range(20)]
    messages = []
    for journal in journals_sent:
        desk.knows(journal)
        journal.sing(2)
        messages.append(UplinkMessage(journal.box, "journal", journal.batch(), 1))
    outgoing, again = desk.mailroom.take(messages)
    assert sum(isinstance(out, Outgoing) for out in outgoing) == 20
    assert not again
    assert sum(meter["counted"] for meter in desk.rows(meters)) == 40


def test_entries_decode_as_they_were_sent(desk: Desk, journal: FakeJournal) -> None:
    journal.sing(1)
    desk.take(journal.batch())
    assert [Entry.decode(row["text"]).kind for row in desk.rows(entries)] == ["PLAY_START", "PLAY_END"]
