"""The LAN interface of the box (SPEC 15): plays, orders, notices, state, events; factory and claim while
they last.

Rules:

1. Routes translate; they decide nothing. What a play is told comes from the core, through the runtime.
2. Everything under `/v1` needs a token but what makes tokens (pairing), what comes before there can be one
   (factory, claim), and orders and extensions, whose signatures say more than any token (SPEC 15.1). The status
   page and the description are open: they show, and change nothing.
3. While the box is not enrolled there is no core; plays are refused as for a box without venue.
"""

import asyncio
import pkgutil
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Any

from aiohttp import WSMsgType, web

from device.core.events import ExtensionReceived, OrderReceived, ReopenRequested
from device.ports import DriverError
from device.protocol import codec
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import LAN_BODY_BYTES_MAX, ORDER_BYTES_MAX
from device.protocol.record import fields_of
from device.protocol.shape import free_text
from device.services import vod_requests
from device.services.desk import Desk, NotReadyError
from device.services.lan_couriers import Couriers
from device.services.lan_guard import REQUEST_ID, RefusalError, body_of, malformed, raw_body, require_token
from device.services.listeners import Mailbox, TooManyListenersError
from device.services.pairing import PairingError
from device.services.registrar import EnrolmentError
from device.services.runtime import BusyError

OPEN_PATHS = ("/", "/live", "/openapi.json", "/v1/pair", "/v1/claim", "/v1/orders", "/v1/extensions")
PING_EVERY_S = 20.0
_PAIR = (("label_code", free_text(1, 64)), ("vod", free_text(1, 32)))
_CLAIM = (("voucher", lambda value, _where: value),)

_Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_open(path: str) -> bool:
    """Rule 2."""
    return path in OPEN_PATHS or path.startswith("/v1/factory/")


def add_routes(router: web.UrlDispatcher, desk: Desk) -> None:
    routes = _Routes(desk)
    router.add_get("/v1/songs/{song}", _answered(routes.question), allow_head=False)
    router.add_post("/v1/plays", _answered(routes.play))
    router.add_post("/v1/plays/{play}/end", _answered(routes.end))
    router.add_post("/v1/orders", _answered(routes.order))
    router.add_post("/v1/extensions", _answered(routes.extension))
    router.add_post("/v1/reopen", _answered(routes.reopen))
    router.add_post("/v1/notices/{notice}/{what:shown|acknowledged}", _answered(routes.notice))
    router.add_get("/v1/state", _answered(routes.state), allow_head=False)
    router.add_get("/v1/events", routes.events, allow_head=False)
    router.add_post("/v1/pair", _answered(routes.pair))
    router.add_post("/v1/claim", _answered(routes.claim))
    router.add_post("/v1/factory/csr", _answered(routes.factory_csr))
    router.add_put("/v1/factory/identity", _answered(routes.factory_identity))
    router.add_get("/openapi.json", routes.description, allow_head=False)


def _answered(route: Callable[[web.Request], Awaitable[tuple[int, Any]]]) -> _Route:
    """Status and object into a response; every error that a route may meet into its refusal."""

    async def answered(request: web.Request) -> web.Response:
        try:
            status, body = await route(request)
        except MalformedError as error:
            raise malformed(error) from error
        except (NotReadyError, PairingError, EnrolmentError, BusyError) as error:
            raise RefusalError(error.status, error.code) from error
        except ProtocolError as error:
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, error.code) from error
        except DriverError as error:
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, error.code) from error
        return web.Response(status=status, body=codec.dumps(body), content_type="application/json")

    return answered


class _Routes:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._couriers = Couriers()

    async def question(self, request: web.Request) -> tuple[int, Any]:
        if len(set(request.query)) != len(request.query):
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "REQUEST_MALFORMED", "/")
        asked = vod_requests.question(request.match_info["song"], request.query)
        code = self._desk.may_play(asked["room"], asked["song"], asked["file"])
        return HTTPStatus.OK, vod_requests.answer_to(asked, code)

    async def play(self, request: web.Request) -> tuple[int, Any]:
        return await self._ask(vod_requests.play_requested(request[REQUEST_ID], await body_of(request)))

    async def end(self, request: web.Request) -> tuple[int, Any]:
        play = request.match_info["play"]
        return await self._ask(vod_requests.play_ended(request[REQUEST_ID], play, await body_of(request)))

    async def order(self, request: web.Request) -> tuple[int, Any]:
        with self._courier(request):
            larger = request.clone(client_max_size=ORDER_BYTES_MAX)
            await body_of(larger, ORDER_BYTES_MAX)  # sound JSON of the right type; what it says is for the core
            return await self._ask(OrderReceived(request=request[REQUEST_ID], raw=await raw_body(larger)))

    async def reopen(self, request: web.Request) -> tuple[int, Any]:
        fields_of(await body_of(request), (), "body")
        return await self._ask(ReopenRequested(request=request[REQUEST_ID]))

    async def extension(self, request: web.Request) -> tuple[int, Any]:
        with self._courier(request):
            await body_of(request)
            return await self._ask(ExtensionReceived(request=request[REQUEST_ID], raw=await raw_body(request)))

    def _courier(self, request: web.Request) -> AbstractContextManager[None]:
        """Who has a token is the venue's own, and no stranger."""
        try:
            require_token(request, self._desk.pairing.vod_of)
        except RefusalError:
            return self._couriers.bringing(request.remote or "?", int(asyncio.get_running_loop().time() * 1000))
        return nullcontext()

    async def notice(self, request: web.Request) -> tuple[int, Any]:
        names = request.match_info
        return await self._ask(vod_requests.notice_seen(request[REQUEST_ID], names["notice"], names["what"]))

    async def state(self, _request: web.Request) -> tuple[int, Any]:
        return HTTPStatus.OK, self._desk.state()

    async def pair(self, request: web.Request) -> tuple[int, Any]:
        fields = fields_of(await body_of(request), _PAIR, "body")
        token = await asyncio.to_thread(self._desk.pairing.pair, fields["label_code"], fields["vod"])
        return HTTPStatus.CREATED, {"token": token}

    async def claim(self, request: web.Request) -> tuple[int, Any]:
        fields = fields_of(await body_of(request), _CLAIM, "body")
        return HTTPStatus.OK, await self._desk.claim(fields["voucher"])

    async def factory_csr(self, request: web.Request) -> tuple[int, Any]:
        return HTTPStatus.OK, await self._desk.factory_csr(await body_of(request))

    async def factory_identity(self, request: web.Request) -> tuple[int, Any]:
        return HTTPStatus.OK, await self._desk.factory_identity(await body_of(request))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Each message is one event (SPEC 15.4); the first is the whole state."""
        return await serve_events(request, self._desk, lambda event: codec.dumps(event).decode())

    async def description(self, _request: web.Request) -> web.Response:
        text = pkgutil.get_data("device.services", "openapi.json")
        assert text is not None
        return web.Response(body=text, content_type="application/json")

    async def _ask(self, event: Any) -> tuple[int, Any]:
        answer = await self._desk.runtime.ask(event.request, event)
        return answer.status, dict(answer.body)


async def serve_events(
    request: web.Request, desk: Desk, written: Callable[[dict[str, Any]], str]
) -> web.StreamResponse:
    """A WebSocket that gets `written(event)` for the state and every event until either side ends it."""
    socket = web.WebSocketResponse(heartbeat=PING_EVERY_S, max_msg_size=LAN_BODY_BYTES_MAX)
    if not socket.can_prepare(request):
        raise RefusalError(HTTPStatus.UPGRADE_REQUIRED, "REQUEST_MALFORMED")
    try:
        with desk.listeners.mailbox() as mailbox:
            first = written({"type": "state", **desk.state()})
            await socket.prepare(request)
            await socket.send_str(first)
            sender = asyncio.create_task(_send_all(socket, mailbox, written))
            try:
                async for message in socket:  # nothing is expected; reading notices the end
                    if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                        await socket.close(code=1003)
            finally:
                sender.cancel()
    except TooManyListenersError as error:
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "TOO_MANY_CONNECTIONS") from error
    except NotReadyError as error:
        raise RefusalError(error.status, error.code) from error
    except ConnectionError:
        pass  # the other side went away; its next connection gets the whole state
    return socket


async def _send_all(socket: web.WebSocketResponse, mailbox: Mailbox, written: Callable[[dict[str, Any]], str]) -> None:
    while (event := await mailbox.get()) is not None:
        await socket.send_str(written(dict(event)))
    await socket.close(code=1013)
