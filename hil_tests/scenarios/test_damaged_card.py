"""The card of a box loses entries that nobody else had: the box goes on and signs what is missing (SPEC 9.13)."""

from collections.abc import Iterator

import pytest

from hil_tests.bench.country import OPERATOR
from hil_tests.bench.journal_file import JournalEntry, spoil
from hil_tests.bench.offices import VERIFY, Count
from hil_tests.bench.program import run
from hil_tests.bench.stage import Stage
from hil_tests.bench.strategy import Strategy
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour.desk import journal_of, resume, some_songs, stop

pytestmark = pytest.mark.hil

PLAYED_S = 180
SONGS = 10
A_SONG_MS = 10_000  # what is written apart by so much was not torn by one cut


@pytest.fixture
def venue(stage: Stage) -> Iterator[Venue]:
    """A venue of its own: its journal is not whole afterwards."""
    venue = Strategy(stage, stage.venues[-1], stop, resume).reach("in-service")
    yield venue
    venue.board.heal_network()


def sing(stage: Stage, venue: Venue, rooms: range) -> list[str]:
    """One whole song in each of these rooms; the plays."""
    laptop = venue.laptop()
    plays = []
    for room, song in zip(rooms, some_songs(stage, len(rooms)), strict=True):
        allowed = laptop.play(f"D{room:02d}", song)
        assert allowed.status == 201, allowed
        plays.append(str(allowed.body["play"]))
        assert laptop.end(plays[-1], PLAYED_S).body == {"counted": True}
    laptop.close()
    return plays


def songs_sung(stage: Stage) -> list[str]:
    """By room: each call of `sing` begins with the first song."""
    songs = some_songs(stage, SONGS)
    return [*songs[: SONGS - 2], *songs[:2], *songs[:2]]


def place_of(entries: list[JournalEntry], kind: str, play: str) -> int:
    """Where a play starts or ends in the journal."""
    found = [(at, entry) for at, entry in enumerate(entries) if entry.kind == kind]
    (place,) = [at for at, entry in found if play == (entry.play if kind == "PLAY_START" else entry.body["play"])]
    return place


def epoch_of(venue: Venue) -> int:
    journal = venue.state()["journal"]
    assert isinstance(journal, dict)
    return int(journal["epoch"])


def counted(stage: Stage, venue: Venue) -> Count:
    """What the ledger counts in the rooms of this story."""
    found = stage.offices.ledger(stage.code(venue))
    return Count({key: plays for key, plays in found.items() if key[0].startswith("D")})


def test_9_13_what_a_card_loses_is_told_signed_and_everything_else_is_counted(stage: Stage, venue: Venue) -> None:
    stage.wait_settled([venue])
    venue.board.cut_network()
    plays = sing(stage, venue, range(SONGS - 2))
    venue.board.jump(mono_ms=A_SONG_MS, rtc_ms=A_SONG_MS)
    plays += sing(stage, venue, range(SONGS - 2, SONGS))
    venue.board.cut()
    before = journal_of(venue)
    first, last = place_of(before, "PLAY_END", plays[3]), place_of(before, "PLAY_START", plays[5])
    spoil(venue.board.directory / "data" / "journal", [entry.raw for entry in before[first : last + 1]])

    venue.board.power_on()
    venue.wait_state("in-service")
    assert epoch_of(venue) == 2, "behind what it found"
    later = sing(stage, venue, range(SONGS, SONGS + 2))
    assert all(play.startswith("2-") for play in later)
    venue.board.heal_network()
    stage.wait_settled([venue])

    def incidents() -> list[str]:
        rows = stage.offices.operate("incident", "list")
        return [row["detail"] for row in rows if row["box"] == venue.place.box and row["code"] == "JOURNAL_DAMAGED"]

    said = f"entries {first} to {last} of epoch 1 cannot be read on the box"
    wait_for("the gap among the incidents", lambda: said in incidents())
    page = stage.fleet.page(OPERATOR.person, f"/boxes/{venue.place.box}")
    assert "JOURNAL_DAMAGED" in page
    assert f"volume 1, entry {first}" in page

    lost = {3, 4}  # the end of the one, all of the other; of the next one the end is left, which says the whole play
    sung = [(f"D{room:02d}", song) for room, song in enumerate(songs_sung(stage)) if room not in lost]
    wanted = Count(dict.fromkeys(sung, 1))
    assert counted(stage, venue) == wanted
    rows = stage.offices.operate("plays", "query", "--venue", stage.code(venue))
    assert not [row for row in rows if row["ended_at_ms"] is None], "nothing runs for ever"
    (cut,) = [row for row in rows if row["play"] == plays[3]]
    assert (cut["counted"], cut["reason"]) in ((False, "lost"), (False, "power"))

    evidence = stage.folder / "damaged.tar"
    exported = stage.offices.operate(
        "evidence", "export", "--venue", stage.code(venue), "--epoch", "1", "--out", evidence
    )
    assert exported["missing"] == last - first + 1
    root = stage.offices.ceremony / "root.json"
    verdict = run(VERIFY, evidence, "--root", root, "--output", "json").require().data()
    assert verdict["gaps"] == [{"missing": first, "seq": last + 1}]
    assert verdict["entries"] == verdict["to"] + 1 - exported["missing"]
