"""Signing in and out by the page: back to where one came from, one answer for every failure, no foreign form."""

import httpx
import pytest

from fleet_server.console.session_pages import own_path
from fleet_server.people import sessions
from tests.fleet_server.console.api_client import PASSWORD
from tests.fleet_server.console.conftest import post, sign_in
from tests.fleet_server.console.seed import Seed


def test_a_stranger_is_led_to_sign_in_and_back(stranger: httpx.Client, seeded: Seed) -> None:
    asked = f"/venues?state=locked&text={seeded.venues[1]}"
    led = stranger.get(asked)
    assert led.status_code == 303
    shown = stranger.get(led.headers["location"])
    assert "请先登录" in shown.text
    back = shown.text.rpartition('name="back" value="')[2].partition('"')[0].replace("&amp;", "&")
    answer = post(stranger, "/sign-in", account="zhang", password=PASSWORD, back=back)
    assert (answer.status_code, answer.headers["location"]) == (303, asked)
    assert stranger.get(asked).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: httpx.Client) -> None:
    answer = post(stranger, "/sign-in", account="zhang", password=PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("frontbox=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("account", ["zhang", "nobody"])
def test_a_wrong_password_and_an_unknown_account_look_the_same(stranger: httpx.Client, account: str) -> None:
    answer = post(stranger, "/sign-in", account=account, password="wrong")
    assert answer.status_code == 401
    assert "账号或密码不对" in answer.text
    assert "wrong" not in answer.text
    assert f'value="{account}"' in answer.text


def test_signing_out_ends_the_session_on_the_server(stranger: httpx.Client) -> None:
    sign_in(stranger, "zhang")
    token = stranger.cookies["frontbox"]
    assert post(stranger, "/sign-out").status_code == 303
    stranger.cookies.set("frontbox", token)
    led = stranger.get("/")
    assert led.status_code == 303
    assert "why=over" in led.headers["location"]


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/language", "/theme"])
def test_a_form_of_another_site_is_refused(officer: httpx.Client, path: str) -> None:
    form = {"account": "zhang", "password": PASSWORD, "lang": "en", "theme": "dark"}
    answer = officer.post(path, data=form, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("back", "path"),
    [
        ("/venues?state=locked", "/venues?state=locked"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("https://elsewhere.example/", "/"),
        ("/\x0d\x0aset-cookie: a=b", "/"),
        ("/sign-out", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_on_this_server(back: str, path: str) -> None:
    assert own_path(back) == path


def test_language_and_colours_are_kept(officer: httpx.Client) -> None:
    assert 'lang="zh-CN"' in officer.get("/").text
    assert post(officer, "/language", lang="en", back="/venues").headers["location"] == "/venues"
    assert post(officer, "/theme", theme="dark").status_code == 303
    shown = officer.get("/").text
    assert '<html lang="en" data-theme="dark">' in shown


def test_after_many_failures_one_has_to_wait(stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "FAILURES_FROM_ONE_MAX", 1)
    post(stranger, "/sign-in", account="chen", password="wrong")
    answer = post(stranger, "/sign-in", account="chen", password=PASSWORD)
    assert answer.status_code == 429
    assert "15 分钟" in answer.text


def test_a_form_without_its_fields_is_answered_in_words(stranger: httpx.Client) -> None:
    for form in ({}, {"account": "zhang"}, {"account": "x" * 2000, "password": "y"}):
        answer = post(stranger, "/sign-in", **form)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "FIELDS_INVALID" in answer.text
