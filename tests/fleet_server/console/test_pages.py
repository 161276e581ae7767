"""Every page in both languages: whole, in the reader's language, within the reader's regions."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update

from fleet_server.boxes import ONLINE_FOR_MS
from fleet_server.boxes.model import box_reports
from fleet_server.console import frame
from fleet_server.console.pages import ROUTERS
from fleet_server.people import Actor, Role
from fleet_server.people.authority import Grant
from tests.fleet_server.console.conftest import post, sign_in
from tests.fleet_server.console.running import Running
from tests.fleet_server.console.seed import AUDITOR, Seed
from tests.fleet_server.people.clients import People

_CHINESE = re.compile(r"[\u3400-\u9fff]")
OPEN_TO_ALL = {"/sign-in", "/sign-out", "/language", "/theme", "/static/{digest}/{name}", "/favicon.ico"}
PATHS = sorted(
    {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)} - OPEN_TO_ALL
)


class _Words(HTMLParser):
    """The text of a page that is not marked as being in another language."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign = 0
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"meta", "link", "input", "br"}:
            return
        # A title may be a name; the heading that repeats it is marked.
        is_foreign = tag == "title" or (tag != "html" and "lang" in dict(attrs))
        self._open.append((tag, is_foreign))
        self.foreign += is_foreign

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Shapes have no words."""

    def handle_endtag(self, tag: str) -> None:
        opened, is_foreign = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"
        self.foreign -= is_foreign

    def handle_data(self, data: str) -> None:
        if not self.foreign and data.strip():
            self.texts.append(data.strip())


def words(page: str) -> list[str]:
    parser = _Words()
    parser.feed(page)
    parser.close()
    return parser.texts


@pytest.mark.parametrize("name", list(Seed.PAGES))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_is_whole_and_in_one_language(officer: httpx.Client, seeded: Seed, name: str, lang: str) -> None:
    post(officer, "/language", lang=lang)
    answer = officer.get(seeded.pages[name])
    assert answer.status_code == (404 if name == "not-found" else 200)
    shown = words(answer.text)
    assert not [text for text in shown if "{" in text or "}" in text], "raw JSON or an unfilled word"
    if lang == "en":
        assert not [text for text in shown if _CHINESE.search(text)]
    assert len(re.findall(r"<h1\b", answer.text)) == 1
    assert answer.text.count("<main") == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_no_page(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(re.sub(r"\{[^}]*\}", "x", path))
    assert (answer.status_code, answer.headers.get("location", "")[:8]) in {(303, "/sign-in"), (401, "")}


def test_what_lies_elsewhere_does_not_exist(stranger: httpx.Client, seeded: Seed) -> None:
    sign_in(stranger, "wang")  # of Shanghai; the seed's venues but the last are in Guangzhou
    for venue in seeded.venues[:-1]:
        assert stranger.get(f"/venues/{venue}").status_code == 404
        assert venue not in stranger.get("/venues").text
    for box in list(seeded.boxes.values())[:-1]:
        assert stranger.get(f"/boxes/{box.box}").status_code == 404
    assert stranger.get(f"/venues/{seeded.venues[-1]}").status_code == 200


def test_a_county_sees_its_county(stranger: httpx.Client, seeded: Seed) -> None:
    shown = sign_in(stranger, "chen").get("/venues").text
    assert "天河区" in shown
    assert "越秀区" not in shown


def test_the_menu_shows_what_one_may_open(stranger: httpx.Client) -> None:
    assert 'href="/audit"' not in sign_in(stranger, "zhang").get("/").text
    assert stranger.get("/audit").status_code == 403
    post(stranger, "/sign-out")
    assert 'href="/audit"' in sign_in(stranger, AUDITOR).get("/").text
    assert stranger.get("/audit").status_code == 200


def test_every_entry_of_the_menu_leads_to_a_page(officer: httpx.Client) -> None:
    entries = re.findall(r'<li><a href="([^"]+)"', officer.get("/").text)
    assert len(entries) >= len(frame.MENU) - 1  # all but audit
    assert {officer.get(path).status_code for path in entries} == {200}


def test_7_2_a_venue_shows_how_long_its_box_serves_without_contact(officer: httpx.Client, seeded: Seed) -> None:
    for path in (f"/venues/{seeded.venues[1]}", f"/boxes/{seeded.boxes[seeded.venues[1]].box}"):
        assert re.search(r"完整服务</.*完整服务至.*仅核心曲库.*停止于", officer.get(path).text, re.DOTALL)


def test_filters_stand_in_the_address(officer: httpx.Client, seeded: Seed) -> None:
    shown = officer.get("/venues?state=locked").text
    assert seeded.venues[1] in shown
    assert seeded.venues[0] not in shown
    shown = officer.get("/venues", params={"text": "好声音"}).text
    assert seeded.venues[3] in shown
    assert seeded.venues[0] not in shown


def test_what_people_typed_is_text(officer: httpx.Client) -> None:
    shown = officer.get("/venues", params={"text": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in shown


def test_nothing_comes_from_outside_or_inline(officer: httpx.Client) -> None:
    answer = officer.get("/")
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", answer.text)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
        assert officer.get(path).headers["cache-control"].endswith("immutable")


@pytest.mark.parametrize(
    "path",
    [
        "/venues/%00",
        "/venues/<script>",
        "/venues/J0144010600001",
        "/venues?state=%00&text=%00&after=%00",
        "/venues?text=" + "x" * 41,
        "/boxes/KTV-0000",
        "/boxes/" + "x" * 5000,
        "/boxes?after=%F0%9F%98%80",
        "/orders/440106-2026-000001",
        "/orders?after=nothing",
        "/notices/440106-2026-T00001",
        "/plays?before=99999999999999999999-1",
        "/plays?before=-",
        "/plays?before=²-²",
        "/plays?first_day=0001-01-01&last_day=9999-12-31",
        "/plays?first_day=2026-13-01",
        "/rollouts/R-999999",
        "/rollouts/R-x",
        "/catalog?text=%25&after=%22",
        "/about/nothing",
        "/nothing",
        "/static/0/tokens.css",
    ],
)
def test_a_doubtful_address_is_answered_in_words(officer: httpx.Client, path: str) -> None:
    answer = officer.get(path)
    assert answer.status_code in {200, 404, 422}
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_what_is_under_the_api_is_answered_by_the_api(officer: httpx.Client) -> None:
    for path, status in (("/api/v1/nothing", 404), ("/api/v1/vouchers", 405), ("/static/0/..%2f..%2fpages.py", 404)):
        answer = officer.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_has_its_pages_before_there_is_anything_to_show(people: People, role: Role) -> None:
    client = people.client("somebody", (role.value, "440100"))
    for path, _, action in frame.MENU:
        answer = await client.get(path)
        assert answer.status_code == (200 if frame.may(_actor(role), action) else 403), path


def _actor(role: Role) -> Actor:
    return Actor("somebody", "somebody", "somebody", "", (Grant(role, "440100"),))


@pytest.mark.parametrize("page", ["box-restricted", "venues", "boxes", "overview", "venue"])
def test_a_restricted_box_has_not_failed_and_says_why_and_what_next(
    seeded: Seed, officer: httpx.Client, page: str
) -> None:
    """SPEC 6.6: nothing is broken, it waits for the platform."""
    path = f"/venues/{seeded.venues[7]}" if page == "venue" else seeded.pages[page]
    shown = officer.get(path).text
    assert "待平台核对" in shown
    assert "前置机故障" not in shown.replace('<option value="failed">前置机故障</option>', "")
    assert ("状态记录丢失、被改动或被换回旧的" in shown) == (page in ("box-restricted", "venue"))
    assert ("约一分钟后自动恢复" in shown) == (page in ("box-restricted", "venue"))
    if page == "box-restricted":
        assert "JOURNAL_DAMAGED" in shown


def test_restricted_venues_are_a_filter_of_their_own(seeded: Seed, officer: httpx.Client) -> None:
    assert "歌友汇" in officer.get("/venues?state=restricted").text
    assert "歌友汇" not in officer.get("/venues?state=failed").text


def test_a_restricted_box_that_is_out_of_touch_is_asked_for_its_network(
    server: Running, seeded: Seed, officer: httpx.Client
) -> None:
    path = seeded.pages["box-restricted"]
    came_at_ms = box_reports.c.received_at_ms
    of_box = update(box_reports).where(box_reports.c.box == path.rpartition("/")[2])
    with server.fleet.database.writing() as connection:
        connection.execute(of_box.values(received_at_ms=came_at_ms - ONLINE_FOR_MS))
    shown = officer.get(path).text
    with server.fleet.database.writing() as connection:
        connection.execute(of_box.values(received_at_ms=came_at_ms + ONLINE_FOR_MS))
    assert "请场所恢复网络" in shown
    assert "约一分钟后自动恢复" not in shown
