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


LEASE = {"lease": 7, "core_from_ms": 1_790_049_600_000, "stop_at_ms": 1_790_136_000_000}


def test_a_lease_that_runs_out_says_when_and_not_that_business_goes_on() -> None:
    core = parts(lease=LEASE | {"standing": "core"}, online=False)
    warning = parts(lease=LEASE | {"standing": "warning"}, online=False)
    assert "only songs of the core catalog may play, and none from" in core
    assert "from <time" in warning
    for text in (core, warning):
        assert "2026-09-23 12:00" in text
        assert "business goes on" not in text
        assert 'class="state warn"' in text


@pytest.mark.parametrize("state", ["locked", "ready", "expired", "failed", "closed"])
def test_where_no_song_plays_business_does_not_go_on(state: str) -> None:
    assert "business goes on" in parts(online=False)
    assert 'class="state good"' in parts(online=False)
    assert "business goes on" not in parts(online=False, state=state)
    assert "The platform cannot be reached." in parts(online=False, state=state)


@pytest.mark.parametrize(
    ("state", "code", "headline", "step"),
    [
        ("failed", "BOX_RESTRICTED", "until the platform has checked this box", "If it stays for 10 minutes on line"),
        ("failed", "CONTENT_UNREADABLE", "The list of authorities is missing", "check cable and router if it is not"),
        ("failed", "JOURNAL_FULL", "The play journal is full", "Restore the venue"),
        ("failed", "JOURNAL_UNAVAILABLE", "This box has failed", "call support"),
        ("ready", "VENUE_READY", "confirm to reopen", "sends POST /v1/reopen with the pairing token"),
    ],
)
def test_who_may_not_play_reads_why_and_what_to_do_next(state: str, code: str, headline: str, step: str) -> None:
    text = parts(state=state, code=code)
    assert headline in text
    assert step in text


def test_rooms_that_are_stopped_are_named_and_the_venue_is_not_stopped() -> None:
    fields = ("order", "authority", "document", "text_zh", "text_en")
    hold = {name: name for name in fields} | {
        "kind": "stop",
        "rooms": ["K1", "<K2>"],
        "issued_at_ms": 1,
        "ends_at_ms": 2,
    }
    text = parts(rooms_locked=["K1", "<K2>"], holds=[hold])
    assert "all others go on: K1 &lt;K2&gt;" in text
    assert "Why rooms are stopped" in text
    assert "Why the venue is stopped" not in text
    assert 'class="state warn"' in text


@pytest.mark.parametrize("seal", ["open", "was-opened"])
def test_an_open_seal_is_said_at_the_top(seal: str) -> None:
    assert "it stops no play" in parts(seal=seal)
    assert "it stops no play" not in parts(seal="intact")


async def test_the_page_of_a_restricted_box_says_so(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        state = dict(rig.desk.state())
        assert state["code"] == "LEASE_EXPIRED"
        rig.desk._state = lambda: state | {"state": "failed", "code": "BOX_RESTRICTED"}
        text, _ = await page(rig)
    assert "等待平台核对，暂停点播" in text


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
