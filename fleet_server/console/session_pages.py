"""Signing in and out, and the two choices of a reader: language and colours.

Rules:

1. These few forms, and the receipt of `orders.py`, are all that the console takes. Each must come from a page of ours
   (Origin), and the session cookie is SameSite=Strict, so that no other site can send them in somebody's name.
2. After signing in a person comes back to the page that was asked for: a path of this server, never another address.
3. Every failure has one answer (people/sessions.py rule 4); the account stays in the form, the password does not.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from fleet_server import audit
from fleet_server.console import frame, language
from fleet_server.console.refusal import PageRoute, sentence, status_of
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.people import sessions
from fleet_server.people.gate import (
    cookie_name,
    ip_of,
    request_id_of,
    require_own_page,
    session_token,
    set_session_cookie,
)

BACK_CHARS_MAX = 1000
CHOICE_FOR_S = 365 * 24 * 3600
_WHY = {"needed": "sign_in.needed", "over": "sign_in.over", "out": "sign_in.out"}

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Text = Annotated[str, Form(max_length=BACK_CHARS_MAX)]


@router.get("/sign-in")
def show_sign_in(request: Request, back: str = "/", why: str = "") -> HTMLResponse:
    """The form; `why` says what led here."""
    shown = frame.of(request, None)
    notice = shown.say(_WHY[why]) if why in _WHY else ""
    return _form(request, shown, back=back, account="", notice=notice, problem="", status=200)


@router.post("/sign-in")
def sign_in(request: Request, account: Text, password: Text, back: Text = "/") -> Response:
    """Check the password and set the cookie."""
    require_own_page(request)
    fleet: Fleet = request.app.state.fleet
    try:
        started = sessions.sign_in(
            fleet.database,
            fleet.passwords,
            fleet.session_expiry,
            account=account.strip(),
            password=password,
            ip=ip_of(request),
            request_id=request_id_of(request),
            now_ms=fleet.clock.now_ms(),
        )
    except ProblemError as error:
        shown = frame.of(request, None)
        problem = sentence(shown, error.code)
        return _form(
            request, shown, back=back, account=account, notice="", problem=problem, status=status_of(error.code)
        )
    response = RedirectResponse(own_path(back), 303)
    set_session_cookie(response, fleet, started.token)
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session on this server, not only in this browser."""
    require_own_page(request)
    fleet: Fleet = request.app.state.fleet
    token, _ = session_token(request)
    now_ms = fleet.clock.now_ms()
    actor = sessions.watcher_of(fleet.database, token, fleet.session_expiry, now_ms)
    with fleet.database.writing() as connection:
        sessions.sign_out(connection, token)
        audit.record(
            connection,
            at_ms=now_ms,
            actor=actor.account,
            person=actor.person,
            session=actor.session,
            action="session.end",
            region=frame.COUNTRY,
            subject=f"account:{actor.account}",
            ip=ip_of(request),
            request_id=request_id_of(request),
        )
    response = RedirectResponse("/sign-in?why=out", 303)
    response.delete_cookie(cookie_name(fleet), path="/")
    return response


@router.post("/language")
def choose_language(request: Request, lang: Text, back: Text = "/") -> Response:
    require_own_page(request)
    return _chosen(language.COOKIE, lang if lang in language.LANGS else "zh", back)


@router.post("/theme")
def choose_theme(request: Request, theme: Text, back: Text = "/") -> Response:
    require_own_page(request)
    return _chosen(frame.THEME_COOKIE, theme if theme in frame.THEMES else frame.THEMES[0], back)


def own_path(back: str) -> str:
    """`back` if it is a path of this server, else the overview (rule 2)."""
    # `//host`, `/\host` and control characters are read as other addresses by some browsers.
    is_own = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable() and "\\" not in back
    return back if is_own and not back.startswith(("/sign-in", "/sign-out", "/events")) else "/"


def _chosen(cookie: str, value: str, back: str) -> Response:
    path = back if back.startswith("/sign-in") and back.isprintable() else own_path(back)
    response = RedirectResponse(path, 303)
    response.set_cookie(cookie, value, max_age=CHOICE_FOR_S, httponly=True, samesite="strict", path="/")
    return response


def _form(
    request: Request, shown: frame.Frame, *, back: str, account: str, notice: str, problem: str, status: int
) -> HTMLResponse:
    view = {"back": own_path(back), "account": account[:64], "notice": notice, "problem": problem}
    return HTMLResponse(frame.render(shown, "sign_in.html", view), status)
