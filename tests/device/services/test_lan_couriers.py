"""Whoever brings orders without a token takes little of the box's time (SPEC 15.1)."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from device.services.lan_couriers import ADDRESSES_MAX, AT_A_TIME_MAX, BURST, EVERY_MS, Couriers
from device.services.lan_guard import RefusalError
from tests import builders
from tests.device.services.lan_rig import lan_rig

JSON = {"Content-Type": "application/json"}


async def test_one_address_brings_one_document_at_a_time_and_a_burst_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.services.lan_couriers.EVERY_MS", 3_600_000)
    order = builders.order_envelope("stop")
    async with lan_rig(tmp_path) as rig, aiohttp.ClientSession(f"http://127.0.0.1:{rig.address[1]}") as courier:

        async def bring(session: aiohttp.ClientSession) -> int:
            async with session.post("/v1/orders", data=order, headers=JSON) as response:
                return response.status

        assert [await bring(courier) for _ in range(BURST + 2)] == [200] * BURST + [429, 429]
        assert await asyncio.gather(*(bring(rig.http) for _ in range(BURST))) == [200] * BURST, "the venue's own"
        async with courier.post("/v1/extensions", data=b"{}", headers=JSON) as response:
            assert (response.status, (await response.json())["code"]) == (429, "TOO_MANY_REQUESTS")
        assert (await rig.get("/v1/state"))[1]["state"] == "locked"


def test_an_address_waits_for_itself_and_all_for_a_place() -> None:
    couriers = Couriers()
    with ExitStack() as at_work:
        at_work.enter_context(couriers.bringing("10.0.0.1", 0))
        with pytest.raises(RefusalError), couriers.bringing("10.0.0.1", 0):
            pass
        for number in range(AT_A_TIME_MAX - 1):
            at_work.enter_context(couriers.bringing(f"10.0.1.{number}", 0))
        with pytest.raises(RefusalError), couriers.bringing("10.0.0.2", 0):
            pass
    with couriers.bringing("10.0.0.2", 0):
        pass


def test_what_is_remembered_of_addresses_has_a_bound() -> None:
    couriers = Couriers()
    for number in range(3 * ADDRESSES_MAX):
        with couriers.bringing(f"10.0.{number // 250}.{number % 250}", 0):
            pass
    assert len(couriers._allowances) <= ADDRESSES_MAX
    assert EVERY_MS * BURST <= 10_000, "an officer at the door waits for no longer"
