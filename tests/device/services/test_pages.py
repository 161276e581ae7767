"""The status page: what it says, and what it cannot be made to say."""

import re
from pathlib import Path

import aiohttp
import pytest

from device.services.pages import PAGE_BYTES_MAX
from device.services.status_view import StatusView
from tests import builders
from tests.device.services.lan_rig import LanRig, lan_rig

JSON = {"Content-Type": "application/json"}


async def page(rig: LanRig, path: str = "/") -> tuple[str, str]:
    """Text and policy, as a stranger gets it."""
    url = f"http://127.0.0.1:{rig.address[1]}{path}"
    async with aiohttp.ClientSession() as stranger, stranger.get(url) as response:
        return await response.text(), response.headers["Content-Security-Policy"]


async def test_a_locked_venue_reads_why(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        async with rig.http.post("/v1/orders", data=builders.order_envelope("stop"), headers=JSON):
            pass
        chinese, _ = await page(rig)
        english, _ = await page(rig, "/?lang=en")
    for wanted in ("已依法停止经营", "穗天文执 2026-1", "440106-2026-000001", "停业整顿"):
        assert wanted in chinese
    for wanted in ("Stopped by order", "穗天文执 2026-1", "Closed by order."):
        assert wanted in english
    assert '<html lang="zh-CN">' in chinese
    assert '<html lang="en">' in english


async def test_what_is_out_of_order_is_said_with_its_code(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        rig.desk.faults.add("SERIAL_DOWN")
        text, _ = await page(rig)
    assert "串口不可用，正在自动重试。 <code>SERIAL_DOWN</code>" in text


def parts(**changes: object) -> str:
    """The page of a box in service, in English, with these fields of the state."""
    lease = {"lease": 7, "core_from_ms": 1, "stop_at_ms": 2, "standing": "full"}
    plain = {"state": "in-service", "venue": builders.VENUE, "faults": [], "online": True, "closes_in_s": None}
    return "".join(StatusView({**plain, "lease": lease, **changes}, "en").page_parts())


def test_a_card_that_does_not_answer_is_no_service() -> None:
    assert "In service" in parts()
    assert "This box has failed" in parts(faults=["DISK_STALLED"])
    assert "In service" in parts(faults=["SERIAL_DOWN"])


def test_the_closing_hour_is_told_in_minutes_while_songs_still_play() -> None:
    assert "closes at 02:00, in 15 min" in parts(closes_in_s=899)
    assert "closes at 02:00" not in parts(closes_in_s=899, state="locked")


def test_who_may_only_play_the_core_catalog_is_not_told_that_business_goes_on() -> None:
    core = {"lease": 7, "core_from_ms": 1, "stop_at_ms": 2, "standing": "core"}
    text = parts(lease=core, online=False)
    assert "only songs of the core catalog" in text
    assert "business goes on" not in text
    assert 'class="state warn"' in text
    assert "business goes on" in parts(online=False)


async def test_the_page_is_small_and_names_no_other_place(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        text, policy = await page(rig)
    assert len(text.encode()) < PAGE_BYTES_MAX
    assert not re.search(r"(src|href|url)\W+(https?:|//)", text)
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


async def test_a_change_reaches_the_open_page(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, rig.http.ws_connect("/live?lang=en") as socket:
        assert "In service" in await socket.receive_str(timeout=30)
        async with rig.http.post("/v1/orders", data=builders.order_envelope("stop"), headers=JSON):
            pass
        shown = await socket.receive_str(timeout=30)
        while "Stopped by order" not in shown:
            shown = await socket.receive_str(timeout=30)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("state", ["in-service", "locked", "closed", "expired", "unclaimed", "failed", "unheard-of"])
def test_every_state_has_words_and_a_shape(state: str, language: str) -> None:
    text = "".join(StatusView({"box": "KTV-0001", "venue": "", "state": state}, language).page_parts())
    assert re.search(r"<svg.*</svg>.*<h1>.+</h1><p>.+</p>", text)


def test_what_a_document_says_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    hold = {
        "kind": "stop",
        "order": evil,
        "authority": evil,
        "document": evil,
        "text_zh": evil,
        "text_en": evil,
        "rooms": [evil],
        "issued_at_ms": 1 << 52,
        "ends_at_ms": None,
    }
    rejection = {"code": evil, "id": evil, "at_ms": None}
    state = {"box": "", "venue": evil, "region": evil, "state": "locked", "holds": [hold], "rejections": [rejection]}
    assert "<script" not in "".join(StatusView(state, "en").page_parts())
