"""What every request passes before any route: form, size, time and origin.

Rules (security.md 5, rows HTTP and console):

1. Exactly one Host, and it is ours. A second Host is refused whatever the parser made of it.
2. The body arrives within BODY_S and within BODY_BYTES_MAX, or the larger bound of a path in `bodies_max`;
   it is not compressed. JSON is sound (`http_json.py`) and of the larger bound only where an order goes, so
   that no route meets anything else.
3. Each response carries a request id and the headers that keep pages to themselves.

Slow request heads are the business of `http_deadlines.py`, one layer further out.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from device.protocol.limits import ORDER_BYTES_MAX
from fleet_server.http_errors import ProblemError, problem
from fleet_server.http_json import UnsoundJsonError, require_sound_json

BODY_S = 30
BODY_BYTES_MAX = 262_144  # four envelopes of the largest kind
LARGE_AT_A_TIME = 4  # requests to paths in `bodies_max`; the others wait with their bodies unread
_ORDERS_MAX = {  # a ban of TARGETS_MAX songs, as its drafter writes it and as two officers sign it
    "/api/v1/orders": ORDER_BYTES_MAX,
    "/api/v1/orders/drafts": 2_097_152,
}
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """ASGI middleware; `hosts` None means any single host (boxes come by address)."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, bodies_max: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._bodies_max = dict(bodies_max or {})
        self._large = asyncio.Semaphore(LARGE_AT_A_TIME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope["request_id"] = request_id

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        is_large = scope["path"] in self._bodies_max
        async with self._large if is_large else contextlib.nullcontext():
            try:
                headers = Headers(scope=scope)
                _require_host(headers, self._hosts)
                body = await self._body(scope["path"], headers, receive)
            except ProblemError as error:
                await _refuse(error, request_id, send_guarded)
                return
            await self._app(scope, _replay(body, receive), send_guarded)

    async def _body(self, path: str, headers: Headers, receive: Receive) -> bytes:
        is_json = _is_json(headers.get("content-type", ""))
        bytes_max = _ORDERS_MAX.get(path) or (BODY_BYTES_MAX if is_json else self._bodies_max.get(path, BODY_BYTES_MAX))
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise ProblemError("CONTENT_TYPE", "content-encoding")
        if int(headers.get("content-length") or 0) > bytes_max:
            raise ProblemError("BODY_TOO_LARGE", f"at most {bytes_max} bytes")
        try:
            async with asyncio.timeout(BODY_S):
                body = await _read(receive, bytes_max)
        except TimeoutError:
            raise ProblemError("REQUEST_TIMEOUT", f"body not complete after {BODY_S} s") from None
        if body and is_json:
            try:
                require_sound_json(body)
            except UnsoundJsonError as error:
                raise ProblemError("REQUEST_MALFORMED", str(error)) from error
        return body


def _require_host(headers: Headers, hosts: frozenset[str] | None) -> None:
    named = headers.getlist("host")
    if len(named) != 1:
        raise ProblemError("HOST_FOREIGN", f"{len(named)} Host headers")
    if hosts is not None and _hostname(named[0]) not in hosts:
        raise ProblemError("HOST_FOREIGN", "not a name of this server")


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_json(content_type: str) -> bool:
    media_type = content_type.split(";", maxsplit=1)[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


async def _read(receive: Receive, bytes_max: int) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError("REQUEST_TIMEOUT", "the client left")
        part = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise ProblemError("BODY_TOO_LARGE", f"at most {bytes_max} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # from here on only the disconnect of the client
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(error: ProblemError, request_id: str, send: Send) -> None:
    content = problem(error.code, request_id, error.detail)
    raw = json.dumps(content, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(raw)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": content["status"], "headers": headers})
    await send({"type": "http.response.body", "body": raw})
