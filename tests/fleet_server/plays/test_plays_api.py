"""The ledger as people read it: their own regions, business days, tables that run nothing."""

import csv
import io
import json

import pytest

from fleet_server.audit.model import audit_rows
from fleet_server.plays.model import incidents
from fleet_server.plays.queries import Play
from fleet_server.plays.table_file import csv_rows
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.people.clients import People
from tests.fleet_server.plays.conftest import BOX, VENUE, Desk

ELSEWHERE = "J0131010100001Y"


@pytest.fixture
def ledger(desk: Desk, journal: FakeJournal) -> Desk:
    """Three counted plays and a skipped one in Guangzhou, one in Shanghai that still runs."""
    journal.sing(2, "101")
    journal.sing(1, "102")
    journal.end(journal.start("102", "S000000"), 10, "skip")
    journal.add("REFUSED", {"room": "101", "song": "S9", "kind": "guest", "code": "SONG_UNKNOWN"})
    desk.take(journal.batch())
    other = FakeJournal("KTV-BBBB0002")
    desk.knows(other, ELSEWHERE, "310101")
    other.start("201", "S000001")
    desk.take(other.batch(), box=other.box)
    return desk


async def test_an_officer_sees_the_own_regions_and_nothing_else(ledger: Desk, people: People) -> None:
    county = people.client("a", ("officer", "440106"))
    shanghai = people.client("b", ("officer", "310000"))
    nobody = people.client("c", ("officer", "500000"))
    assert {play["venue"] for play in (await county.get("/api/v1/plays")).json()["plays"]} == {VENUE}
    assert {play["venue"] for play in (await shanghai.get("/api/v1/plays")).json()["plays"]} == {ELSEWHERE}
    for path in ("plays", "plays/counts", "plays/meters", "incidents"):
        body = (await nobody.get(f"/api/v1/{path}")).json()
        assert [value for value in body.values() if isinstance(value, list)] == [[]]
    answer = await nobody.get("/api/v1/plays.csv")
    assert len(answer.content.splitlines()) == 1


async def test_filters_and_pages(ledger: Desk, people: People) -> None:
    auditor = people.client("a", ("auditor", "000000"))

    async def count(**query: str | int | bool) -> int:
        body = (await auditor.get("/api/v1/plays", params=query)).json()
        assert len(body["plays"]) == body["count"]
        return int(body["count"])

    assert await count() == 5
    assert await count(region="440000") == 4
    assert await count(room="102") == 2
    assert await count(song="S000001") == 2
    assert await count(counted_only=True) == 3
    assert await count(first_day="2026-09-21", last_day="2026-09-21") == 5
    assert await count(first_day="2026-09-22") == 0
    seen: list[int] = []
    while page := (await auditor.get("/api/v1/plays", params={"limit": 2, "after": seen[-1] if seen else 0})).json()[
        "plays"
    ]:
        seen += [play["id"] for play in page]
    assert len(seen) == 5


async def test_counts_compare_with_the_vods_own(ledger: Desk, people: People) -> None:
    auditor = people.client("a", ("auditor", "000000"))
    rows = (await auditor.get("/api/v1/plays/counts", params={"venue": VENUE, "by": "room,song"})).json()["counts"]
    assert {(row["room"], row["song"]): (row["plays"], row["counted"]) for row in rows} == {
        ("101", "S000000"): (1, 1),
        ("101", "S000001"): (1, 1),
        ("102", "S000000"): (2, 1),
    }
    (meter,) = (await auditor.get("/api/v1/plays/meters", params={"venue": VENUE})).json()["meters"]
    assert (meter["counted"], meter["started"], meter["refused"]) == (3, 4, 1)


@pytest.mark.parametrize(
    "query", ["by=room,room", "by=secret", "first_day=2026-02-30", "first_day=x", "region=44", "limit=0", "after=-1"]
)
async def test_questions_that_make_no_sense(people: People, query: str) -> None:
    auditor = people.client("a", ("auditor", "000000"))
    path = "plays" if query.startswith(("limit", "after")) else "plays/counts"
    answer = await auditor.get(f"/api/v1/{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "FIELDS_INVALID")


async def test_the_table_has_every_play_and_opens_in_a_spreadsheet(ledger: Desk, people: People) -> None:
    auditor = people.client("a", ("auditor", "000000"))
    answer = await auditor.get("/api/v1/plays.csv", params={"venue": VENUE})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["room"], row["counted"]) for row in rows] == [("101", "1"), ("101", "1"), ("102", "1"), ("102", "0")]
    assert rows[0]["started_at"].endswith("+08:00")
    assert (await people.client("v", ("installer", "000000")).get("/api/v1/plays.csv")).status_code == 403
    (taken,) = [json.loads(row["row"]) for row in ledger.rows(audit_rows) if row["action"] == "plays.export"]
    assert (taken["person"], taken["reason"]) == ("a", f"venue={VENUE}")


@pytest.mark.parametrize("evil", ["=1+1", "+cmd", "-2", "@SUM(A1)", "＝1", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(evil: str) -> None:
    play = Play(1, BOX, "1-12", VENUE, "440106", "2026-09-21", evil, evil, "guest", 0, "none", None, None, None, False)
    row = next(csv.reader(io.StringIO(csv_rows([play]).decode())))
    assert row[4] == row[5] == f"'{evil}"
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


async def test_incidents_are_listed(ledger: Desk, people: People, journal: FakeJournal) -> None:
    journal.sing(2)
    ledger.take(journal.batch(10, 12))
    assert len(ledger.rows(incidents)) == 1
    officer = people.client("a", ("officer", "440106"))
    (incident,) = (await officer.get("/api/v1/incidents", params={"box": BOX})).json()["incidents"]
    assert (incident["code"], incident["seq"]) == ("BATCH_GAP", 9)
    assert (await officer.get("/api/v1/incidents", params={"box": "KTV-X"})).json() == {"incidents": []}


async def test_dead_letters_are_for_the_country(ledger: Desk, people: People) -> None:
    ledger.take(b"rubbish")
    assert (await people.client("a", ("officer", "440106")).get("/api/v1/dead-letters")).status_code in (403, 404)
    (letter,) = (await people.client("b", ("operator", "000000")).get("/api/v1/dead-letters")).json()["dead_letters"]
    assert (letter["code"], letter["count"]) == ("DOCUMENT_MALFORMED", 1)
