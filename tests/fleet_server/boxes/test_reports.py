"""Reports: the newest boot counts; online means heard of lately."""

import pytest

from device.protocol.uplink import JournalState, Report
from fleet_server import boxes
from fleet_server.boxes.reports import ONLINE_FOR_MS
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.people.clients import People


def a_report(boot: int) -> Report:
    journal = JournalState(epoch=1, size=0, head="0" * 64, watermark=0)
    return Report(
        box="KTV-0001",
        venue="",
        at_ms=None,
        tq="none",
        boot=boot,
        version="1.0.0",
        slot="a",
        state="unclaimed",
        holds=(),
        grace=(),
        catalog_epoch=0,
        policy_epoch=0,
        lease=0,
        ladder=None,
        nonce="",
        journal=journal,
        notices=(),
        update=None,
        seal="intact",
        opening=0,
        rooms_busy=0,
        refused={},
        faults=(),
    )


async def test_a_report_of_an_earlier_boot_changes_nothing(people: People) -> None:
    operator = people.client("op", ("operator", "000000"))
    await operator.post("/api/v1/boxes", json=FactoryBox("KTV-0001", a_factory()).registration)
    with people.fleet.database.writing() as connection:
        assert boxes.record_report(connection, a_report(2), 1000)
        assert not boxes.record_report(connection, a_report(1), 2000)
        assert boxes.last_report(connection, "KTV-0001") == (a_report(2), 1000)
    shown = (await operator.get("/api/v1/boxes/KTV-0001")).json()
    assert (shown["report"]["boot"], shown["is_online"]) == (2, False)


async def test_of_one_boot_what_overtook_is_put_right(people: People) -> None:
    operator = people.client("op", ("operator", "000000"))
    await operator.post("/api/v1/boxes", json=FactoryBox("KTV-0001", a_factory()).registration)
    at = [JournalState(epoch=epoch, size=size, head="0" * 64, watermark=0) for epoch, size in ((1, 7), (1, 9), (2, 1))]
    older, newer, newest = (a_report(2).replace(journal=place) for place in at)
    with people.fleet.database.writing() as connection:
        took = [boxes.record_report(connection, report, 1000) for report in (newer, older, newest, newer, newest)]
        assert took == [True, False, True, False, True]


async def test_a_box_whose_card_was_wiped_counts_from_its_new_lease_on(people: People) -> None:
    operator = people.client("op", ("operator", "000000"))
    await operator.post("/api/v1/boxes", json=FactoryBox("KTV-0001", a_factory()).registration)
    with people.fleet.database.writing() as connection:
        assert boxes.record_report(connection, a_report(40).replace(lease=9), 1000)
        assert not boxes.record_report(connection, a_report(1), 2000)
        assert boxes.record_report(connection, a_report(1).replace(lease=10), 3000)
        assert not boxes.record_report(connection, a_report(41).replace(lease=9), 4000)


@pytest.mark.parametrize(
    ("now_ms", "online"), [(1000, True), (1000 + ONLINE_FOR_MS, True), (1001 + ONLINE_FOR_MS, False)]
)
def test_online_means_heard_of_lately(now_ms: int, online: bool) -> None:
    assert boxes.is_online(1000, now_ms) is online
    assert not boxes.is_online(None, now_ms)
