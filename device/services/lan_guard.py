"""What every LAN request that aiohttp reads passes before any route: form, time, origin, token (SPEC 15.2).

1. The connection itself, its place, its deadlines and what is answered without aiohttp: `lan_connection.py`.
2. A body is complete BODY_S after its head. (aiohttp itself waits for ever.)
3. The Host is the address that was connected to, or a name from the settings; an Origin is the page of
   that same host. So no page of another site speaks to the box through somebody's browser.
4. Whatever is wrong with a request, the answer is a refusal in JSON and holds nothing of what was sent.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from device.protocol import codec
from device.protocol.codes import refusal
from device.protocol.errors import ProtocolError
from device.protocol.limits import LAN_BODY_BYTES_MAX
from device.services.lan_answers import HEADERS
from device.services.lan_connection import BODY_S, Connection
from device.services.lan_heads import is_host_ours, is_origin_ours, token_of

# Codes of those who are refused for who they are or where they come from.
STRANGERS = frozenset({"TOKEN_MISSING", "TOKEN_UNKNOWN", "PAIRING_CODE", "HOST_FOREIGN", "ORIGIN_FOREIGN"})

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
_CODES = {
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "BODY_TOO_LARGE",
}
_log = logging.getLogger(__name__)


class RefusalError(Exception):
    """End of a request: status and code. `pointer` leads to the field that is wrong (RFC 6901)."""

    def __init__(self, status: int, code: str, pointer: str = "") -> None:
        super().__init__(f"{status} {code} {pointer}")
        self.status = status
        self.code = code
        self.pointer = pointer


class GuardedConnection(RequestHandler):
    """aiohttp's side of one connection."""

    __slots__ = ("connection",)

    def __init__(self, manager: web.Server, connection: Connection, **options: Any) -> None:
        super().__init__(manager, **options)
        self.connection = connection

    @property
    def is_waiting(self) -> bool:
        """Everything that came in is answered."""
        # Private to aiohttp, which is pinned: the future that `start` waits on for the next message.
        return self._waiter is not None and not self._waiter.done()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp calls this for what it cannot parse; its own answer would repeat the bytes."""
        request_id = secrets.token_hex(8)
        # Who goes away while an answer is written has not found a fault of ours.
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(exc, ConnectionError)
        _log.log(logging.ERROR if is_ours else logging.INFO, "%s: request failed: %s", request_id, exc)
        code = "INTERNAL" if is_ours else "REQUEST_MALFORMED"
        response = refused(RefusalError(status, code), request_id)
        response.force_close()
        return response


def refused(error: RefusalError, request_id: str) -> web.Response:
    headers = {**HEADERS, "Error-Pointer": error.pointer} if error.pointer else HEADERS
    body = codec.dumps(refusal(error.code, request_id))
    return web.Response(body=body, status=error.status, headers=headers, content_type="application/json")


def _refused_by_aiohttp(error: web.HTTPException, request_id: str) -> web.Response:
    """What the router or a reader of bodies raises, as one of ours."""
    code = _CODES.get(HTTPStatus(error.status), "INTERNAL")
    response = refused(RefusalError(error.status, code), request_id)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def guard(
    names: frozenset[str], is_open: Callable[[str], bool], vod_of: Callable[[str], str], refused_by_code: Counter[str]
) -> Any:
    """The middleware: `names` are accepted hosts, `is_open` tells which paths need no token, `vod_of`
    whose it is. STRANGERS are counted: the fleet reads it.
    """

    @web.middleware
    async def guarded(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        protocol = request.protocol
        assert isinstance(protocol, GuardedConnection)
        connection = protocol.connection
        connection.head_is_here()
        request_id = request[REQUEST_ID] = secrets.token_hex(8)
        try:
            _check_origin(request, names)
            if not is_open(request.path):
                require_token(request, vod_of)
                connection.show_token()
            response = await handler(request)
        except RefusalError as error:
            refused_by_code.update(STRANGERS & {error.code})
            response = refused(error, request_id)
            if not request.content.is_eof():
                response.force_close()
        except web.HTTPException as error:
            response = _refused_by_aiohttp(error, request_id)
        finally:
            connection.expect_head()
        if not response.prepared:
            response.headers.update({name: value for name, value in HEADERS.items() if name not in response.headers})
            response.headers["Request-Id"] = request_id
        return response

    return guarded


async def body_of(request: web.Request, bytes_max: int = LAN_BODY_BYTES_MAX) -> dict[str, Any]:
    """The JSON object of a request. Raises RefusalError."""
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE")
    try:
        return codec.loads(await raw_body(request), bytes_max)
    except ProtocolError as error:
        raise malformed(error) from error


async def raw_body(request: web.Request) -> bytes:
    """The bytes of a request, within BODY_S and LAN_BODY_BYTES_MAX, or what it was cloned for. Raises RefusalError."""
    protocol = request.protocol
    assert isinstance(protocol, GuardedConnection)
    protocol.connection.body_is_awaited()
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as error:
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE") from error
    finally:
        protocol.connection.head_is_here()


def malformed(error: ProtocolError) -> RefusalError:
    """422, with the place that the error's detail names, as `body.room must be ...`. A finer code than that of the
    form stays: the check character of a venue code is the installer's to correct.
    """
    place = error.detail.split(" ", 1)[0]
    pointer = "/" + place.partition(".")[2].replace(".", "/") if place.startswith("body") else "/"
    code = "REQUEST_MALFORMED" if error.code == "DOCUMENT_MALFORMED" else error.code
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, code, pointer)


def _check_origin(request: web.Request, names: frozenset[str]) -> None:
    """Rule 3."""
    if "Host" not in request.headers:
        raise RefusalError(HTTPStatus.BAD_REQUEST, "REQUEST_MALFORMED")
    local = request.transport.get_extra_info("sockname") if request.transport else None
    host = request.headers["Host"]
    if not is_host_ours(host, names, str(local[0]) if local else ""):
        raise RefusalError(HTTPStatus.FORBIDDEN, "HOST_FOREIGN")
    if not request.raw_path.startswith("/"):  # an absolute URI is for a proxy, and the box is none
        raise RefusalError(HTTPStatus.FORBIDDEN, "HOST_FOREIGN")
    if not is_origin_ours(request.headers.get("Origin"), host):
        raise RefusalError(HTTPStatus.FORBIDDEN, "ORIGIN_FOREIGN")


def require_token(request: web.Request, vod_of: Callable[[str], str]) -> None:
    """Raises RefusalError TOKEN_MISSING or TOKEN_UNKNOWN."""
    token = token_of(request.headers.get("Authorization", ""))
    if not token:
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "TOKEN_MISSING")
    if not vod_of(token):
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "TOKEN_UNKNOWN")
