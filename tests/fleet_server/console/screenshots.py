"""Pictures of every page, for the README and for reviewers: python -m tests.fleet_server.console.screenshots FOLDER

A fleet server with made-up data (`seed.py`) runs on a free port of this machine; headless Chromium visits it in both
languages, both colour schemes and two widths. Narrow the choice with words: `... FOLDER zh dark 1280 venues`. Exits
with 1 if a page is wider than the window.
"""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.fleet_server.console.api_client import PASSWORD
from tests.fleet_server.console.running import running
from tests.fleet_server.console.seed import ACCOUNT, AUDITOR, Seed, seed

LANGS = {"zh": "zh-CN", "en": "en-GB"}
THEMES = ("light", "dark")
SIZES = {"1280": (1280, 900), "390": (390, 844)}


def main(folder: Path, words: set[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    looks = [look for look in itertools.product(LANGS, THEMES, SIZES) if _chosen(look, words)]
    names = words - {*LANGS, *THEMES, *SIZES}
    with tempfile.TemporaryDirectory() as data, running(Path(data)) as server:
        seeded = seed(server.fleet)
        too_wide = _walk_all(server.url, seeded, looks, names, folder)
    for line in too_wide:
        sys.stderr.write(f"{line}\n")
    return 1 if too_wide else 0


def _walk_all(url: str, seeded: Seed, looks: list[tuple[str, str, str]], names: set[str], folder: Path) -> list[str]:
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"]
        )
        for look in looks:
            for account, pages in ((ACCOUNT, seeded.pages), (AUDITOR, {"audit": "/audit"})):
                wanted = {name: path for name, path in pages.items() if not names or name in names}
                found += _walk(browser, url, account, wanted, look, folder)
        browser.close()
    return found


def _chosen(look: tuple[str, str, str], words: set[str]) -> bool:
    kinds: tuple[set[str], ...] = (set(LANGS), set(THEMES), set(SIZES))
    return all(one in words or not words & kind for one, kind in zip(look, kinds, strict=True))


def _walk(
    browser: Browser, url: str, account: str, pages: dict[str, str], look: tuple[str, str, str], folder: Path
) -> list[str]:
    lang, theme, size = look
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale=LANGS[lang],
    )
    page = context.new_page()
    page.goto(f"{url}/sign-in?why=needed")
    found = [_shoot(page, folder / f"sign-in-{'-'.join(look)}.png")] if pages and account == ACCOUNT else []
    page.fill("#account", account)
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_selector("#live")
    for name, path in pages.items():
        page.goto(url + path)
        page.wait_for_selector("#live[data-state=open]")
        found.append(_shoot(page, folder / f"{name}-{'-'.join(look)}.png"))
    context.close()
    return [line for line in found if line]


def _shoot(page: Page, path: Path) -> str:
    """What is wrong with it, empty if nothing."""
    page.screenshot(path=path, full_page=True)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return f"{path.name}: {wider} px wider than the window" if wider > 0 else ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), set(sys.argv[2:])))
