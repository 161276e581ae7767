"""What a person sees when a page cannot be shown: a page in plain words, or the way to sign in.

The same codes and sentences as the API's (`http_errors.py`), as HTML instead of problem+json.
"""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.responses import Response

from device.protocol.errors import ProtocolError
from fleet_server.console import frame
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError, problem
from fleet_server.people import Actor, sessions
from fleet_server.people.gate import cookie_name, request_id_of

_TITLES = {401: "error.401", 403: "error.403", 404: "error.404"}


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                return await answer(request)
            except (ProblemError, ProtocolError) as error:
                return refuse(request, error.code)
            except RequestValidationError:
                return refuse(request, "FIELDS_INVALID")

        return page


def refuse(request: Request, code: str) -> Response:
    if code == "SIGN_IN_NEEDED":
        return _to_sign_in(request)
    actor = _signed_in(request)
    if actor is None and code == "NOT_FOUND":
        return _to_sign_in(request)
    shown = frame.of(request, actor)
    status = status_of(code)
    view = {
        "title": shown.say(_TITLES.get(status, "error.other")),
        "what": sentence(shown, code),
        "problem_code": code,
        "request_id": request_id_of(request),
    }
    template = "error.html" if actor is not None else "error_outside.html"
    return HTMLResponse(frame.render(shown, template, view), status)


def sentence(shown: frame.Frame, code: str) -> str:
    """The code's message in the reader's language."""
    return str(problem(code, "")["message_zh" if shown.lang == "zh" else "message_en"])


def status_of(code: str) -> int:
    return int(problem(code, "")["status"])


def _to_sign_in(request: Request) -> Response:
    fleet: Fleet = request.app.state.fleet
    why = "over" if cookie_name(fleet) in request.cookies else "needed"
    back = frame.of(request, None).here if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?{urlencode({'why': why, 'back': back})}", 303)


def _signed_in(request: Request) -> Actor | None:
    fleet: Fleet = request.app.state.fleet
    token = request.cookies.get(cookie_name(fleet), "")
    try:
        return sessions.watcher_of(fleet.database, token, fleet.session_expiry, fleet.clock.now_ms())
    except ProblemError:
        return None
