"""The form on the page of an order: what a courier has brought is taken there, and whatever is wrong is said there."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from device.protocol.limits import ENVELOPE_BYTES_MAX
from fleet_server.mailroom.model import dead_letters
from tests.fleet_server.console.api_client import signed_in
from tests.fleet_server.console.conftest import post, sign_in
from tests.fleet_server.console.papers import DAY_MS, envelope, issue
from tests.fleet_server.console.running import Running
from tests.fleet_server.console.seed import Seed
from tests.fleet_server.country import StandingBox

FILE = '<input id="receipt-file" name="receipt" type="file"'


@dataclass(frozen=True)
class Carried:
    """An order for a box that is off line, and what the box has signed."""

    path: str
    box: StandingBox
    raw: bytes


@pytest.fixture
def carried(server: Running, seeded: Seed) -> Carried:
    """A new one for each test."""
    box = seeded.boxes[seeded.venues[4]]
    wish: dict[str, object] = {"kind": "stop", "document": "穗文执罚〔2026〕第0250号", "basis": "第四十八条"}
    wish |= {"text_zh": "停业整顿。", "ends_at_ms": server.fleet.clock.now_ms() + DAY_MS}

    async def issued() -> tuple[str, bytes]:
        async with signed_in(server.fleet, "zhang") as first, signed_in(server.fleet, "li") as second:
            number = await issue(first, second, **wish, venues=[box.venue])
            return number, await envelope(second, number)

    number, raw = asyncio.run(issued())
    return Carried(f"/orders/{number}", box, box.obey(raw))


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{32})"', page)
    assert found, "the form is not there"
    return found[1]


def hand_in(client: httpx.Client, path: str, raw: bytes, csrf: str | None = None, origin: str = "") -> httpx.Response:
    """As the form does it; `csrf` is that of the page unless given."""
    said = csrf_of(client.get(path).text) if csrf is None else csrf
    headers = {"origin": origin or str(client.base_url).rstrip("/")}
    return client.post(path, data={"csrf": said}, files={"receipt": ("receipt.json", raw)}, headers=headers)


def letters(server: Running) -> int:
    with server.fleet.database.reading() as connection:
        return len(connection.execute(dead_letters.select()).all())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_no_receipt_is_said_on_the_page_with_its_code(
    officer: httpx.Client, carried: Carried, lang: str
) -> None:
    post(officer, "/language", lang=lang)
    answer = hand_in(officer, carried.path, b"a photograph")
    assert (answer.status_code, FILE in answer.text) == (400, True)
    problem = re.search(r'role="alert">.*?<span>(.*?)</span>', answer.text)
    assert problem, "an alert stands above the form"
    code, sentence = problem[1].split(" · ")
    assert code == "DOCUMENT_MALFORMED"
    assert bool(re.search("[\u3400-\u9fff]", sentence)) == (lang == "zh")


def test_a_receipt_of_another_order_is_refused_here(officer: httpx.Client, carried: Carried, seeded: Seed) -> None:
    answer = hand_in(officer, carried.path, carried.box.receipt("order", seeded.papers.stop, "0" * 64))
    assert (answer.status_code, "RECEIPT_OTHER" in answer.text) == (422, True)


def test_a_file_that_is_too_long_is_refused_by_the_server_too(officer: httpx.Client, carried: Carried) -> None:
    answer = hand_in(officer, carried.path, b" " * (ENVELOPE_BYTES_MAX + 1))
    assert (answer.status_code, "DOCUMENT_TOO_LARGE" in answer.text.partition("<form")[2]) == (413, True)


def without_csrf(client: httpx.Client, carried: Carried) -> httpx.Response:
    return hand_in(client, carried.path, carried.raw, csrf="")


def with_another_csrf(client: httpx.Client, carried: Carried) -> httpx.Response:
    return hand_in(client, carried.path, carried.raw, csrf="0" * 32)


def from_elsewhere(client: httpx.Client, carried: Carried) -> httpx.Response:
    return hand_in(client, carried.path, carried.raw, origin="https://elsewhere.example")


@pytest.mark.parametrize("send", [without_csrf, with_another_csrf, from_elsewhere])
def test_a_form_that_is_not_of_our_page_changes_nothing(
    officer: httpx.Client, server: Running, carried: Carried, send: Callable[[httpx.Client, Carried], httpx.Response]
) -> None:
    before = letters(server)
    answer = send(officer, carried)
    assert (answer.status_code, "ORIGIN_FOREIGN" in answer.text) == (403, True)
    assert FILE in officer.get(carried.path).text, "still awaited"
    assert letters(server) == before


def test_a_form_without_its_file_is_answered_in_words(officer: httpx.Client, carried: Carried) -> None:
    answer = post(officer, carried.path, csrf=csrf_of(officer.get(carried.path).text))
    assert (answer.status_code, "FIELDS_INVALID" in answer.text) == (422, True)


def test_who_may_not_hand_in_is_shown_no_form(stranger: httpx.Client, carried: Carried) -> None:
    csrf = csrf_of(sign_in(stranger, "zhang").get(carried.path).text)
    post(stranger, "/sign-out")
    assert hand_in(stranger, carried.path, carried.raw, csrf).headers["location"].startswith("/sign-in")
    page = sign_in(stranger, "he").get(carried.path)
    assert (page.status_code, FILE in page.text) == (200, False)
    answer = hand_in(stranger, carried.path, carried.raw, csrf)
    assert (answer.status_code, "ORIGIN_FOREIGN" in answer.text) == (403, True)


def test_nobody_is_told_of_a_receipt_that_is_not_there(officer: httpx.Client, carried: Carried) -> None:
    for taken in (carried.box.venue, "J0131010100001Y"):
        page = officer.get(carried.path, params={"taken": taken}).text
        assert ("message-good" in page, FILE in page) == (False, True)


def test_a_receipt_that_is_handed_in_stands_on_the_page(officer: httpx.Client, carried: Carried) -> None:
    csrf = csrf_of(officer.get(carried.path).text)
    for _ in range(2):
        answer = hand_in(officer, carried.path, carried.raw, csrf)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{carried.path}?taken={carried.box.venue}#receipt",
        )
        page = officer.get(answer.headers["location"]).text
        assert "message-good" in page
        assert ("夜莺音乐会所" in page.partition("message-good")[2], FILE in page) == (True, False)
