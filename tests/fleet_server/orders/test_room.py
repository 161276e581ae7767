"""What a box would have to reject for want of room is refused before anybody signs it (SPEC 6.3 (5))."""

from typing import Any

import pytest

from device.core.banned import target_keys
from device.protocol.limits import BANNED_MAX, TARGETS_MAX
from device.protocol.orders import Target
from fleet_server.orders import keys_count, room
from tests.device.protocol.builders import CHEN, WANG
from tests.fleet_server.country import Country, StandingBox, mail, signature, signed
from tests.fleet_server.orders.conftest import Pair
from tests.fleet_server.orders.test_kinds import by_the_province
from tests.fleet_server.orders.test_orders import code_of, wish

SOON_MS = 600_000


def ban(*songs: str, by: str = "version", **changes: Any) -> dict[str, Any]:
    return {"kind": "ban", "targets": [{"by": by, "id": song} for song in songs], "ends_at_ms": None} | changes


async def state_of(province: Pair, number: str) -> str:
    return str((await province[1].get(f"/api/v1/orders/{number}")).json()["state"])


async def refused(country: Country, province: Pair, **changes: Any) -> str:
    """The detail of the refusal."""
    body = wish(country, authority="310000", **changes)
    answer = await province[0].post("/api/v1/orders/drafts", json=body)
    assert await code_of(answer, 409) == "HOLDS_TOO_MANY"
    assert "解除或合并" in answer.json()["message_zh"]
    assert "lift or merge" in answer.json()["message_en"]
    return str(answer.json()["detail"])


async def test_a_third_ban_of_7000_has_no_room_and_is_not_even_drafted(
    country: Country, box: StandingBox, province: Pair
) -> None:
    lists = [[f"{order}{number:05d}" for number in range(TARGETS_MAX)] for order in range(3)]
    numbers = []
    for songs in lists[:2]:
        number, raw = await by_the_province(country, province, venues=[box.venue], **ban(*songs))
        mail(country, box, "receipt", box.obey(raw))
        numbers.append(number)
    detail = await refused(country, province, venues=[box.venue], **ban(*lists[2]))
    assert detail == f"{box.venue}: 2 of 256 orders, 14000 and 7000 more of {BANNED_MAX} targets"
    assert await refused(country, province, venues=[], region="310000", **ban(*lists[2])) == detail
    elsewhere = country.venue()
    await by_the_province(country, province, venues=[elsewhere], **ban(*lists[2]))
    await by_the_province(country, province, kind="lift", venues=[box.venue], ends=[numbers[0]], ends_at_ms=None)
    await by_the_province(country, province, venues=[box.venue], **ban(*lists[2]))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes with room for three orders and five banned songs."""
    monkeypatch.setattr(room, "HOLDS_MAX", 3)
    monkeypatch.setattr(room, "BANNED_MAX", 5)


@pytest.mark.usefixtures("narrow")
async def test_what_was_drafted_while_there_was_room_is_refused_when_it_is_issued(
    country: Country, box: StandingBox, province: Pair
) -> None:
    wang, chen = province
    body = wish(country, authority="310000", venues=[box.venue], **ban("S1", "S2", "S3"))
    drafts = [(await wang.post("/api/v1/orders/drafts", json=body)).json() for _ in range(2)]
    answers = []
    for draft in drafts:
        await wang.post("/api/v1/orders", content=signed("order", draft["payload"], WANG))
        approval = signature(draft["payload"], CHEN)
        answers.append(await chen.post(f"/api/v1/orders/{draft['order']}/approvals", json=approval))
    assert answers[0].json()["state"] == "issued"
    assert await code_of(answers[1], 409) == "HOLDS_TOO_MANY"
    assert (await chen.get(f"/api/v1/orders/{drafts[1]['order']}")).json()["state"] == "signed"


@pytest.mark.usefixtures("narrow")
async def test_orders_are_counted_as_well_as_songs(country: Country, box: StandingBox, province: Pair) -> None:
    for song in ("S1", "S2", "S3"):
        await by_the_province(country, province, venues=[box.venue], **ban(song))
    assert "3 of 3 orders" in await refused(country, province, venues=[box.venue], kind="stop")
    await by_the_province(country, province, kind="lift", venues=[box.venue], ends=["310000-2026-000001"],
                          ends_at_ms=None)  # fmt: skip


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("how", ["rejected", "ended", "lifted", "too late"])
async def test_what_does_not_stand_takes_no_room(country: Country, box: StandingBox, province: Pair, how: str) -> None:
    ends_at_ms = country.fleet.clock.now_ms() + SOON_MS
    songs = ban("S1", "S2", "S3", ends_at_ms=ends_at_ms if how == "ended" else None)
    number, raw = await by_the_province(
        country, province, venues=[box.venue], expires_at_ms=ends_at_ms if how == "too late" else None, **songs
    )
    await refused(country, province, venues=[box.venue], **ban("S4", "S5", "S6"))
    if how == "rejected":
        document = (await province[0].get(f"/api/v1/orders/{number}")).json()["document"]
        mail(country, box, "receipt", box.receipt("order", number, document, "rejected", "ORDER_NOT_ENTITLED"))
    elif how == "lifted":
        mail(country, box, "receipt", box.obey(raw))
        await by_the_province(country, province, kind="lift", venues=[box.venue], ends=[number], ends_at_ms=None)
    else:
        country.fleet.clock._offset_ms += SOON_MS
    number, _ = await by_the_province(country, province, venues=[box.venue], **ban("S4", "S5", "S6"))
    assert await state_of(province, number) == "issued"


@pytest.mark.usefixtures("narrow")
async def test_a_lift_elsewhere_makes_no_room_here(country: Country, box: StandingBox, province: Pair) -> None:
    other = country.venue()
    number, _ = await by_the_province(country, province, venues=[box.venue, other], **ban("S1", "S2", "S3"))
    await by_the_province(country, province, kind="lift", venues=[other], ends=[number], ends_at_ms=None)
    await refused(country, province, venues=[box.venue], **ban("S4", "S5", "S6"))
    number, _ = await by_the_province(country, province, venues=[other], **ban("S4", "S5", "S6"))
    assert await state_of(province, number) == "issued"


@pytest.mark.parametrize(
    "targets",
    [
        [("version", "S1"), ("work", "S1"), ("version", "S1")],
        [("picture", "a" * 64), ("file", "a" * 64), ("file", "b" * 64)],
        [("picture", "a" * 64), ("picture", "b" * 64)],
    ],
)
def test_room_is_counted_as_the_box_counts_it(targets: list[tuple[str, str]]) -> None:
    assert keys_count([Target(by=by, id=name) for by, name in targets]) == len(target_keys(targets))
