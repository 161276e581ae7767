"""The console in a real browser: by keyboard, in both languages and colour schemes, live, in many tabs.

Skipped where no Chromium is installed. The system's browser is driven; nothing is downloaded.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from device.protocol.limits import ENVELOPE_BYTES_MAX
from tests.device.protocol.builders import LI, ZHANG
from tests.fleet_server.console.api_client import PASSWORD
from tests.fleet_server.console.papers import DAY_MS, obey
from tests.fleet_server.console.running import Running, running
from tests.fleet_server.console.seed import AUDITOR, Seed
from tests.fleet_server.country import signature, signed

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
AXE = Path(__file__).parents[2] / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 120_000  # a busy machine starts a browser slowly
SIZES = ((1280, 900), (390, 844))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing"),
]


@pytest.fixture(scope="module")
def browser(seeded: Seed) -> Iterator[Browser]:
    assert seeded.venues  # entered before Playwright's event loop runs in this thread
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def api(server: Running) -> Iterator[Callable[[str], httpx.Client]]:
    """Programs of the same people."""
    clients = []

    def signed_in(account: str) -> httpx.Client:
        client = httpx.Client(base_url=server.url)
        clients.append(client)
        started = client.post("/api/v1/session", json={"account": account, "password": PASSWORD}).json()
        client.headers["authorization"] = f"Bearer {started['token']}"
        return client

    yield signed_in
    for client in clients:
        client.close()


class Watch:
    """What a page must not do: complain, or talk to anybody else."""

    def __init__(self, page: Page, url: str) -> None:
        self.found: list[str] = []
        page.on("console", lambda message: self._keep(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._keep(True, str(error)))
        page.on("request", lambda request: self._keep(not self._is_ours(request, url), request.url))

    def _is_ours(self, request: Request, url: str) -> bool:
        return request.url.startswith((f"{url}/", "data:"))

    def _keep(self, is_bad: bool, text: str) -> None:
        if is_bad:
            self.found.append(text)


def sign_in(page: Page, server: Running, account: str = "zhang", back: str = "/") -> None:
    """By keyboard alone."""
    page.goto(server.url + back)
    expect(page.locator("#account")).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.type(account)
    page.keyboard.press("Tab")
    expect(page.locator("#password")).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.type(PASSWORD)
    expect(page.locator("#password")).to_have_value(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#live[data-state=open]")


def test_a_person_signs_in_by_keyboard_and_is_where_he_wanted(context: BrowserContext, server: Running) -> None:
    page = context.new_page()
    sign_in(page, server, back="/orders?state=signed")
    assert page.url == f"{server.url}/orders?state=signed"
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_quiet_and_fits(
    context: BrowserContext, server: Running, seeded: Seed, lang: str, theme: str
) -> None:
    page = context.new_page()
    sign_in(page, server)
    if lang == "en":
        page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en" if lang == "en" else "zh-CN")
    page.get_by_role("button", name="外观" if lang == "zh" else "Colours").click()
    if theme == "dark":
        page.get_by_role("button", name="外观" if lang == "zh" else "Colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    watch = Watch(page, server.url)
    for name, path in seeded.pages.items():
        answer = page.goto(server.url + path)
        assert answer is not None
        assert answer.status == (404 if name == "not-found" else 200)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert too_wide(page) == [], f"{name} at {width} px"
        assert small_targets(page) == [], name
    # Chromium itself reports a page that was not found.
    assert [text for text in watch.found if "404" not in text] == []


def too_wide(page: Page) -> list[str]:
    """Elements that stick out of the window, or hide a part of their text."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *:not(.hidden):not(.skip)")].filter((element) => {
          const box = element.getBoundingClientRect();
          const style = getComputedStyle(element);
          if (!box.width || element.closest(".hidden, thead, svg")) return false;
          const isClipped = style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
          return box.right > innerWidth + 1 || (isClipped && !["INPUT", "SELECT"].includes(element.tagName));
        }).map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`)"""
    )
    return found


def small_targets(page: Page) -> list[str]:
    """Buttons and fields under 24 px, and links that are not part of a line of text (WCAG 2.2, 2.5.8)."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, .menu a, a.button, a.tile")]
          .filter((element) => element.offsetParent !== null)
          .filter((element) => Math.min(element.offsetHeight, element.offsetWidth) < 24)
          .map((element) => element.outerHTML.slice(0, 80))"""
    )
    return found


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is missing: npm ci --prefix tests/axe")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(context: BrowserContext, server: Running, seeded: Seed, theme: str) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, server)
    source = AXE.read_text(encoding="utf-8")
    found = []
    for name, path in seeded.pages.items():
        page.goto(server.url + path)
        page.evaluate(source)  # by the debugger's way in: the page's own policy admits no foreign script
        result = page.evaluate("() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })")
        found += [(name, one["id"], one["nodes"][0]["html"][:120]) for one in result["violations"]]
    assert found == []


def test_an_approval_shows_without_reloading(
    context: BrowserContext, server: Running, seeded: Seed, api: Callable[[str], httpx.Client]
) -> None:
    page = context.new_page()
    sign_in(page, server)
    waiting = page.locator("#waiting tbody tr")
    before = waiting.count()
    page.evaluate("window.isSamePage = true")
    zhang, li = api("zhang"), api("li")
    venue = seeded.venues[3]
    drafted = draft(zhang, server, venue)
    expect(waiting).to_have_count(before + 1)
    assert page.evaluate("window.isSamePage")

    page.goto(f"{server.url}/orders/{drafted['order']}")
    page.evaluate("window.isSamePage = true")
    expect(page.locator("#head")).to_contain_text("待第二人签名")
    body = signature(drafted["payload"], LI)
    assert li.post(f"/api/v1/orders/{drafted['order']}/approvals", json=body).status_code == 200
    expect(page.locator("#head")).to_contain_text("已签发")
    expect(page.locator("#ways .is-force")).to_have_count(0)  # issued is not in force
    envelope = li.get(f"/api/v1/orders/{drafted['order']}/envelope").content
    obey(server.fleet, seeded.boxes[venue], envelope)
    expect(page.locator("#ways .is-force")).to_have_count(1)
    assert page.evaluate("window.isSamePage")


def test_a_receipt_is_handed_in_by_keyboard(
    context: BrowserContext, server: Running, seeded: Seed, api: Callable[[str], httpx.Client]
) -> None:
    page = context.new_page()
    page.on("filechooser", lambda _: None)  # else Chromium may open a dialog of its own before it is told not to
    path, box = f"/orders/{seeded.papers.carried}", seeded.boxes[seeded.venues[4]]
    sign_in(page, server, back=path)
    page.locator("#receipt-file").focus()
    choose(page, b" " * (ENVELOPE_BYTES_MAX + 1))
    assert "DOCUMENT_TOO_LARGE" in page.locator("#receipt-file").evaluate("element => element.validationMessage")
    choose(page, b"a photograph")
    press_button(page)
    expect(page.locator("#receipt [role=alert]")).to_contain_text("DOCUMENT_MALFORMED")
    expect(page.locator("#receipt-file")).to_be_focused()
    choose(page, box.obey(api("li").get(f"/api/v1{path}/envelope").content))
    press_button(page)
    expect(page.locator("#receipt [role=status]")).to_contain_text("夜莺音乐会所")
    expect(page.locator("#ways .is-force")).to_have_count(1)
    expect(page.locator("#receipt-file")).to_have_count(0)


def choose(page: Page, raw: bytes) -> None:
    """In the field that has the focus."""
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files({"name": "receipt.json", "mimeType": "application/json", "buffer": raw})


def press_button(page: Page) -> None:
    """The one behind the field."""
    page.keyboard.press("Tab")
    expect(page.locator("#receipt button[type=submit]")).to_be_focused()
    page.keyboard.press("Enter")


def test_eight_tabs_stay_alive(
    context: BrowserContext, server: Running, seeded: Seed, api: Callable[[str], httpx.Client]
) -> None:
    first = context.new_page()
    sign_in(first, server)
    pages = [first]
    for _ in range(7):
        page = context.new_page()
        page.goto(server.url + "/")
        page.wait_for_selector("#live[data-state=open]")
        pages.append(page)
    before = first.locator("#waiting tbody tr").count()
    draft(api("zhang"), server, seeded.venues[0])
    for page in pages:
        page.bring_to_front()
        expect(page.locator("#waiting tbody tr")).to_have_count(before + 1)
        page.goto(server.url + "/venues")
        expect(page.locator("h1")).to_have_text("场所")


def test_a_session_that_ends_elsewhere_is_said(context: BrowserContext, server: Running) -> None:
    watching, leaving = context.new_page(), context.new_page()
    sign_in(watching, server, AUDITOR)
    leaving.goto(server.url + "/")
    leaving.get_by_role("button", name="退出").click()
    watching.bring_to_front()
    expect(watching.locator("#live")).to_have_attribute("data-state", "ended")
    expect(watching.locator("#live-text")).to_have_text("会话已结束，请重新登录")


def test_a_server_that_was_away_is_found_again(context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    with running(tmp_path / "fleet") as server:
        sign_in(page, server, "admin")
        page.evaluate("window.isSamePage = true")
    expect(page.locator("#live")).to_have_attribute("data-state", "lost")
    expect(page.locator("#live-text")).to_contain_text("已断开，正在重连")
    with running(tmp_path / "fleet", int(server.url.rpartition(":")[2])):
        expect(page.locator("#live")).to_have_attribute("data-state", "open")
        assert page.evaluate("window.isSamePage")


def draft(zhang: httpx.Client, server: Running, venue: str) -> dict[str, str]:
    """A stop with its drafter's signature."""
    wish = {
        "kind": "stop",
        "authority": "440100",
        "document": "穗文执罚〔2026〕第0301号",
        "basis": "《娱乐场所管理条例》第四十八条",
        "text_zh": "责令停业整顿。",
        "ends_at_ms": server.fleet.clock.now_ms() + 10 * DAY_MS,
        "venues": [venue],
    }
    drafted = zhang.post("/api/v1/orders/drafts", json=wish).json()
    assert zhang.post("/api/v1/orders", content=signed("order", drafted["payload"], ZHANG)).status_code == 200
    return dict(drafted)
