"""Which bans the next release carries (SPEC 8.7): the rule alone, then from orders to a box that got none of them."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.protocol.errors import RejectedError
from device.protocol.orders import Order, Scope, Target
from fleet_server.catalog.bans import in_force, is_current
from fleet_server.fleet import Fleet
from tests.builders import BoardSecret
from tests.device.protocol.builders import NOW_MS, OTHER_VENUES, VENUE, ban, lift
from tests.fleet_server.catalog.test_catalog import SOUND, imported, prepared, released, signed
from tests.fleet_server.catalog.test_catalog import keys as keys  # noqa: PLC0414 - a fixture
from tests.fleet_server.country import Country
from tests.fleet_server.orders.conftest import Pair
from tests.fleet_server.orders.test_kinds import by_the_province

COUNTY, CITY = "310101", "310100"
HERE, THERE = Scope(venues=(VENUE,), region=""), Scope(venues=(OTHER_VENUES[0],), region="")
BOTH = Scope(venues=(VENUE, OTHER_VENUES[0]), region="")


def a_ban(number: int = 1, **changes: Any) -> Order:
    return ban().replace(order=f"{COUNTY}-2026-{number:06}", authority=COUNTY, ends_at_ms=None, **changes)


def a_lift(of: Order, **changes: Any) -> Order:
    fields = {"order": f"{COUNTY}-2026-000900", "authority": COUNTY, "scope": of.scope, "ends": (of.order,)} | changes
    return lift().replace(**fields)


def numbers(*orders: Order, now_ms: int = NOW_MS) -> list[str]:
    return [ban.order for ban in in_force(orders, now_ms)]


def test_8_7_bans_in_force_are_carried_by_number() -> None:
    late, early = a_ban(2), a_ban(1)
    assert numbers(late, early) == [early.order, late.order]
    assert in_force([early], NOW_MS)[0].targets == early.targets


@pytest.mark.parametrize(("now_ms", "count"), [(NOW_MS - 1, 1), (NOW_MS, 0)])
def test_8_7_a_ban_that_has_ended_is_not(now_ms: int, count: int) -> None:
    assert len(numbers(a_ban().replace(ends_at_ms=NOW_MS), now_ms=now_ms)) == count


@pytest.mark.parametrize("authority", [COUNTY, CITY, "310000"])
def test_8_7_a_lifted_ban_is_not(authority: str) -> None:
    found = a_ban()
    assert numbers(found, a_lift(found, authority=authority)) == []


def test_8_7_a_lift_of_a_lower_level_lifts_nothing() -> None:
    found = a_ban().replace(authority="310000")
    assert numbers(found, a_lift(found, authority=COUNTY)) == [found.order]
    assert in_force([found, a_lift(found, authority=COUNTY)], NOW_MS)[0].lifted == ()


def test_8_7_a_lift_of_another_ban_lifts_nothing() -> None:
    assert numbers(a_ban(1), a_lift(a_ban(2))) == [a_ban(1).order]


def test_8_7_a_ban_that_is_lifted_in_part_says_where() -> None:
    found = a_ban(scope=BOTH)
    (carried,) = in_force([found, a_lift(found, scope=HERE), a_lift(found, scope=HERE)], NOW_MS)
    assert carried.lifted == (HERE,)
    assert (carried.names(VENUE, COUNTY), carried.names(OTHER_VENUES[0], COUNTY)) == (False, True)
    assert in_force([found, a_lift(found, scope=HERE), a_lift(found, scope=THERE)], NOW_MS) == ()


@pytest.mark.parametrize(("region", "is_carried"), [(COUNTY, True), (CITY, False), ("000000", False)])
def test_8_7_a_region_is_lifted_by_one_that_contains_it(region: str, is_carried: bool) -> None:
    found = a_ban(scope=Scope(venues=(), region=CITY))
    lifted = a_lift(found, scope=Scope(venues=(), region=region))
    assert bool(numbers(found, lifted)) is is_carried


def test_8_7_a_target_that_stands_twice_counts_twice_in_a_release() -> None:
    same = tuple([Target(by="work", id="w")] * 7_000)
    with pytest.raises(RejectedError, match="CATALOG_BANS_TOO_MANY"):
        in_force([a_ban(number, targets=same) for number in (1, 2, 3)], NOW_MS)


@pytest.mark.parametrize(
    ("by", "count", "is_taken"), [("work", 200, True), ("work", 201, False), ("picture", 101, False)]
)
def test_8_7_a_release_carries_what_a_box_takes(by: str, count: int, is_taken: bool) -> None:
    targets = tuple(Target(by=by, id=f"{number:064x}") for number in range(100))
    bans = [a_ban(number, targets=targets) for number in range(1, count + 1)]
    if is_taken:
        assert len(in_force(bans, NOW_MS)) == count
    else:
        with pytest.raises(RejectedError, match="CATALOG_BANS_TOO_MANY"):
            in_force(bans, NOW_MS)


def test_8_7_what_was_prepared_is_current_until_another_order_is_issued() -> None:
    ending, lasting = a_ban(1).replace(ends_at_ms=NOW_MS + 1), a_ban(2)
    prepared_bans = in_force([ending, lasting], NOW_MS)
    assert is_current(prepared_bans, [ending, lasting], NOW_MS + 1), "its end was known"
    assert not is_current(prepared_bans, [ending, lasting, a_ban(3)], NOW_MS)
    assert not is_current(prepared_bans, [ending, lasting, a_lift(lasting)], NOW_MS)


@pytest.fixture
def op(people: Any) -> httpx.AsyncClient:
    client: httpx.AsyncClient = people.client("op", ("operator", "000000"))
    return client


@pytest.fixture
def country(fleet: Fleet, keys: Path) -> Country:
    """After the ceremony: its own policy takes the place of that one."""
    return Country(fleet)


@pytest.fixture
def officers(country: Country) -> Pair:
    return country.officer("wang"), country.officer("chen")


async def ordered(country: Country, officers: Pair, **changes: Any) -> str:
    """An order of the province for all of it, without an end."""
    number, _ = await by_the_province(country, officers, **{"region": "310000", "ends_at_ms": None} | changes)
    return number


def new_box(fleet: Fleet, folder: Path) -> CatalogFile:
    """A box that has never heard of an order takes the release in force, as TUF hands it out."""
    manifest = fleet.publisher.folder.target("catalog/manifest.json")
    assert manifest is not None
    signed_targets = fleet.publisher.folder.role("catalog").signed.targets
    found = {path: fleet.publisher.folder.target(path) for path in signed_targets}
    box = CatalogFile(Folder(folder), BoardSecret())
    box.switch(manifest.read_bytes(), {path: file.read_bytes() for path, file in found.items() if file is not None})
    return box


async def test_a_release_after_a_ban_carries_it_and_one_after_its_lift_does_not(
    op: httpx.AsyncClient, fleet: Fleet, keys: Path, country: Country, officers: Pair, tmp_path: Path
) -> None:
    await released(op, keys, SOUND)
    assert new_box(fleet, tmp_path / "first").bans == ()
    targets = [{"by": "work", "id": "W1"}, {"by": "file", "id": "ab" * 32}, {"by": "picture", "id": "cd" * 32}]
    number = await ordered(country, officers, kind="ban", targets=targets)
    assert new_box(fleet, tmp_path / "second").bans == (), "not before a release"
    await released(op, keys, SOUND)
    (carried,) = new_box(fleet, tmp_path / "third").bans
    assert (carried.order, [target.plain() for target in carried.targets]) == (number, targets)
    assert (await op.get("/api/v1/catalog")).json()["bans"] == [number]
    of_ban = {"order": number, "releases": [2], "current": 2, "is_carried": True}
    assert (await officers[0].get(f"/api/v1/orders/{number}/releases")).json() == of_ban
    await ordered(country, officers, kind="lift", ends=[number])
    await released(op, keys, SOUND)
    assert new_box(fleet, tmp_path / "fourth").bans == ()
    assert (await op.get("/api/v1/catalog")).json()["bans"] == []
    of_ban |= {"current": 3, "is_carried": False}
    assert (await officers[0].get(f"/api/v1/orders/{number}/releases")).json() == of_ban


async def test_an_order_that_no_release_carries_or_that_nobody_may_see(
    op: httpx.AsyncClient, country: Country, officers: Pair
) -> None:
    number = await ordered(country, officers, kind="ban", targets=[{"by": "work", "id": "W1"}])
    nowhere = {"order": number, "releases": [], "current": 0, "is_carried": False}
    assert (await officers[0].get(f"/api/v1/orders/{number}/releases")).json() == nowhere
    foreign = country.people.client("foreign", ("officer", "440000"))
    assert (await foreign.get(f"/api/v1/orders/{number}/releases")).status_code == 404


@pytest.mark.parametrize("kind", ["ban", "lift"])
async def test_a_release_that_was_prepared_before_an_order_is_not_published_after_it(
    op: httpx.AsyncClient, fleet: Fleet, keys: Path, country: Country, officers: Pair, tmp_path: Path, kind: str
) -> None:
    two = (keys / "catalog-1.pem", keys / "catalog-2.pem")
    await imported(op, SOUND)
    song = [{"by": "version", "id": "100001"}]
    first = await ordered(country, officers, kind="ban", targets=song)
    candidate = await prepared(op)
    changes = {"kind": "ban", "targets": song} if kind == "ban" else {"kind": kind, "ends": [first]}
    last = await ordered(country, officers, **changes)
    answer = await signed(op, candidate, *two)
    assert (answer.status_code, answer.json()["code"]) == (409, "CATALOG_BANS_CHANGED")
    assert not fleet.publisher.folder.target("catalog/manifest.json")
    answer = await signed(op, await prepared(op), *two)
    assert answer.json()["state"] == "released"
    wanted = [first, last] if kind == "ban" else []
    assert [carried.order for carried in new_box(fleet, tmp_path / "box").bans] == wanted
    again = await signed(op, dict(candidate, epoch=2, payload=(await _payload(op, 2))), *two)
    assert again.json()["state"] == "released", "what is published may be signed again after any order"


async def _payload(op: httpx.AsyncClient, epoch: int) -> str:
    return str((await op.get(f"/api/v1/catalog/releases/{epoch}/candidate")).json()["payload"])


async def test_an_order_says_which_release_contains_it(
    op: httpx.AsyncClient, keys: Path, country: Country, officers: Pair
) -> None:
    _, chen = officers
    number = await ordered(country, officers, kind="ban", targets=[{"by": "version", "id": "100001"}])

    text = (await chen.get(f"/orders/{number}")).text
    assert "尚未编入曲库" in text
    await released(op, keys, SOUND)
    assert "已编入现行曲库版本 1" in (await chen.get(f"/orders/{number}")).text
    await ordered(country, officers, kind="lift", ends=[number])
    await released(op, keys, SOUND)
    assert "最后编入曲库版本 1；现行版本 2 不再包含它" in (await chen.get(f"/orders/{number}")).text
