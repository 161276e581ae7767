"""The audit record: in the change's transaction, never changed, and broken links are named."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from fleet_server import audit
from fleet_server.audit.chain import AuditBrokenError, Link, verify
from fleet_server.audit.store import links
from fleet_server.fleet import Fleet
from fleet_server.people import Action, Call
from fleet_server.people.authority import Actor
from fleet_server.venues.model import venue_sequences
from tests.fleet_server.people.clients import People


def rows(fleet: Fleet) -> list[Link]:
    with fleet.database.reading() as connection:
        return list(links(connection, 0, 1000))


def record(fleet: Fleet, subject: str) -> None:
    with fleet.database.writing() as connection:
        audit.record(connection, at_ms=1, actor="test", action="test", region="000000", subject=subject)


def test_the_chain_holds_from_the_first_row_on(fleet: Fleet) -> None:
    record(fleet, "one")
    record(fleet, "two")
    assert verify(rows(fleet))[0] == 3  # the first is of the founding


def test_the_chain_holds_under_writers_at_once(fleet: Fleet) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: record(fleet, str(n)), range(100)))
    assert verify(rows(fleet))[0] == 101


@pytest.mark.parametrize("statement", ["UPDATE audit_rows SET row = ''", "DELETE FROM audit_rows"])
def test_rows_are_never_changed(fleet: Fleet, statement: str) -> None:
    with pytest.raises(IntegrityError, match="never changed"), fleet.database.writing() as connection:
        connection.execute(text(statement))


def test_a_changed_row_is_named(fleet: Fleet) -> None:
    for subject in ("one", "two", "three"):
        record(fleet, subject)
    good = rows(fleet)
    bad = [*good[:2], Link(3, good[2].row.replace("two", "owt"), good[2].chain), *good[3:]]
    with pytest.raises(AuditBrokenError, match="row 3 was changed"):
        verify(bad)
    with pytest.raises(AuditBrokenError, match="row 3 is missing"):
        verify([*good[:2], *good[3:]])


async def test_each_change_leaves_a_row_with_who_and_what(people: People) -> None:
    admin = people.client("root", ("administrator", "000000"))
    await admin.post("/api/v1/persons", json={"person": "li", "name": "Li", "region": "440106"})
    row = (await admin.get("/api/v1/audit", params={"limit": 1})).json()["rows"][0]
    assert '"action":"person.add"' in row
    assert '"actor":"root"' in row
    assert '"subject":"person:li"' in row


def test_a_change_without_a_row_is_rolled_back(fleet: Fleet) -> None:
    call = Call(fleet, Actor("a", "a", "a", "", ()), Action.VENUE_MANAGE, "", "", "")
    with pytest.raises(AssertionError, match="without an audit row"), call.writing() as act:
        act.connection.execute(insert(venue_sequences).values(region="440106", last=1))
    with fleet.database.reading() as connection:
        assert connection.execute(venue_sequences.select()).all() == []


async def test_rows_are_read_in_the_own_regions_only(people: People) -> None:
    admin = people.client("root", ("administrator", "000000"))
    await admin.post("/api/v1/persons", json={"person": "li", "name": "Li", "region": "440106"})
    auditor = people.client("shanghai", ("auditor", "310000"))
    assert (await auditor.get("/api/v1/audit")).json() == {"rows": []}
    assert (await auditor.get("/api/v1/audit/chain")).json()["code"] == "NOT_FOUND"
