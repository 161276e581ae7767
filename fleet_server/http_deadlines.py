"""uvicorn's HTTP protocol with a deadline for the head of a request and a bound on connections.

uvicorn keeps a connection open for ever that sends no head, half a head, or one byte a second
(security.md 0, finding 1). Here a head is complete HEAD_S after the connection was made or the previous
response ended, or the connection is cut. Bodies have their own deadline in `http_guard.py`. One address has
at most CONNECTIONS_PER_ADDRESS_MAX connections; the next is cut at once, so others stay served. This machine
itself has no such bound: the proxy stands here for everybody.
"""

import asyncio
import json
import secrets
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fleet_server.http_errors import problem

HEAD_S = 10
HEAD_BYTES_MAX = 65_536
CONNECTIONS_PER_ADDRESS_MAX = 256  # a province's boxes may share one address behind a carrier's gateway
OWN_ADDRESSES = ("127.0.0.1", "::1")


class DeadlineProtocol(HttpToolsProtocol):
    """One connection."""

    _connections: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._connections[self._address] += 1
        super().connection_made(transport)
        is_own = self._address in OWN_ADDRESSES
        if self._connections[self._address] > CONNECTIONS_PER_ADDRESS_MAX and not is_own:
            transport.abort()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._connections[self._address] -= 1
        if self._connections[self._address] <= 0:
            del self._connections[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Counted after parsing: one portion may hold a short head and the beginning of a long body.
        if self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """The parser gave up: a problem like every other error, and the end of the connection."""
        raw = json.dumps(problem("REQUEST_MALFORMED", secrets.token_hex(8), msg), ensure_ascii=False).encode()
        head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw)
        self.transport.close()

    def on_headers_complete(self) -> Any:
        self._disarm()
        return super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        self._head_bytes = 0
        self._deadline = self.loop.call_later(HEAD_S, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
