"""The status page of the box, `GET /`, and the WebSocket that keeps it fresh.

1. It shows and changes nothing, so it needs no token; what it shows is on the wall of the venue anyway.
2. One page, no address outside, under PAGE_BYTES_MAX; scripts and styles are named by their hash.
"""

import asyncio
import base64
import hashlib
import pkgutil
import re
from html import escape
from string import Template

from aiohttp import web

from device.services import status_words as words
from device.services.desk import Desk
from device.services.lan_guard import RefusalError
from device.services.listeners import PAGES_MAX, Mailbox, TooManyListenersError
from device.services.status_view import StatusView

PAGE_BYTES_MAX = 30_000
FRESH_EVERY_S = 2.0
PING_EVERY_S = 20.0


def add_routes(router: web.UrlDispatcher, desk: Desk) -> None:
    pages = _Pages(desk)
    router.add_get("/", pages.page, allow_head=False)
    router.add_get("/live", pages.live, allow_head=False)


class _Pages:
    def __init__(self, desk: Desk) -> None:
        raw = pkgutil.get_data("device.services", "status.html")
        assert raw is not None
        text = raw.decode()
        self._desk = desk
        self._template = Template(text)
        self._policy = _content_security_policy(text)

    async def page(self, request: web.Request) -> web.Response:
        language = _language(request)
        index = words.LANGUAGES.index(language)
        state = self._desk.page_state()
        page = self._template.substitute(
            lang=language,
            title=words.TITLE[index],
            product=words.PRODUCT[index],
            box=escape(str(state["box"])),
            other=words.OTHER_LANGUAGE[index],
            other_lang=words.LANGUAGES[1 - index],
            other_href="/?lang=en" if index == 0 else "/",
            lost=words.LOST[index],
            now=self._now(language),
        )
        headers = {"Content-Security-Policy": self._policy}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The blocks of the page, whenever they differ from those sent last."""
        language = _language(request)
        socket = web.WebSocketResponse(heartbeat=PING_EVERY_S, max_msg_size=1024)
        if not socket.can_prepare(request):
            raise RefusalError(426, "REQUEST_MALFORMED")
        try:
            with self._desk.listeners.mailbox(PAGES_MAX) as mailbox:
                await socket.prepare(request)
                sender = asyncio.create_task(self._send_all(socket, mailbox, language))
                try:
                    async for _ in socket:
                        await socket.close(code=1003)
                finally:
                    sender.cancel()
        except TooManyListenersError as error:
            raise RefusalError(503, "TOO_MANY_CONNECTIONS") from error
        return socket

    async def _send_all(self, socket: web.WebSocketResponse, mailbox: Mailbox, language: str) -> None:
        shown = ""
        while True:
            now = self._now(language)
            if now != shown:
                await socket.send_str(now)
                shown = now
            try:
                async with asyncio.timeout(FRESH_EVERY_S):
                    event = await mailbox.get()
            except TimeoutError:
                continue
            if event is None:
                await socket.close(code=1013)
                return

    def _now(self, language: str) -> str:
        return "".join(StatusView(self._desk.page_state(), language).page_parts())


def _language(request: web.Request) -> str:
    asked = request.query.get("lang", "")
    return asked if asked in words.LANGUAGES else words.LANGUAGES[0]


def _content_security_policy(text: str) -> str:
    """Nothing but this page's own style and script, and the WebSocket back to where it came from."""
    style, script = (_hashed(text, tag) for tag in ("style", "script"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hashed(text: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()}'"
