"""Answers of the LAN interface as bytes (SPEC 15.2), and the ids by which they are found again in the log."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module

from device.protocol import codec
from device.protocol.codes import refusal
from device.services.lan_clock import mono_s
from device.typed import Any

# Of every answer, whoever writes it.
HEADERS = {
    "Server": "frontbox",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LINES = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "Content-Type": "application/json"}.items())
_LASTS = tuple(b"%02x" % number for number in range(256))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Answers:
    """Of one process. A request id is chance drawn once and a count: unique for 4 x 10^9 requests, and no secret.

    rtc_ms: the board's clock, for the header Date; it is read once a second.
    """

    def __init__(self, rtc_ms: Callable[[], int]) -> None:
        self._rtc_ms = rtc_ms
        self._chance = os.urandom(4).hex()
        self._blocks = itertools.count()
        self._begun = ""  # of the ids of this block, all but their last two digits
        self._second = -1
        self._heads: dict[int, bytes] = {}
        self.good = b""  # of an answer 200 in this round, with all of its request id that `_begun` is
        self.lasts: Iterator[bytes] = iter(())  # what follows `good`, each once; at their end `next_block`

    def request_id(self) -> str:
        last = next(self.lasts, None) or self.next_block()
        return self._begun + last.decode()

    def next_block(self) -> bytes:
        """The next 256 ids, of which the end of the first is returned."""
        self._begun = f"{self._chance}{next(self._blocks):06x}"
        self.good = (self._heads.get(200) or self._head(200)) + self._begun.encode()
        self.lasts = iter(_LASTS)
        return next(self.lasts)

    def begin_round(self, now_s: float) -> None:
        """What is answered in this round bears this second."""
        if int(now_s) != self._second:
            self._second, self._heads = int(now_s), {}
            self.good = self._head(200) + self._begun.encode()

    def written(self, status: int, body: bytes, request_id: str, closes: bool, more: str = "") -> bytes:
        """A whole answer in JSON; `more` are header lines besides the usual ones."""
        self.begin_round(mono_s())
        head = self._heads.get(status) or self._head(status)
        if closes:
            more += "Connection: close\r\n"
        return b"%b%b\r\n%bContent-Length: %d\r\n\r\n%b" % (head, request_id.encode(), more.encode(), len(body), body)

    def refused(self, status: int, code: str, closes: bool = True, more: str = "") -> bytes:
        """A refusal by its code."""
        request_id = self.request_id()
        return self.written(status, codec.dumps(refusal(code, request_id)), request_id, closes, more)

    def said(self, status: int, body: dict[str, Any], request_id: str, closes: bool) -> bytes:
        """An object that the core made, of checked fields."""
        return self.written(status, codec.dumps_checked(body), request_id, closes)

    def _head(self, status: int) -> bytes:
        """What stays the same for a second: everything up to the request id."""
        date = _http_date(max(0, self._rtc_ms() // 1000))
        line = f"HTTP/1.1 {status} {_phrase(status)}\r\n{_LINES}Date: {date}\r\nRequest-Id: "
        head = self._heads[status] = line.encode()
        return head


def _phrase(status: int) -> str:
    """Of most answers it is this one; the others are read in when they are needed (docs/adr/0014)."""
    phrase: str = "OK" if status == 200 else import_module("http").HTTPStatus(status).phrase
    return phrase


def _http_date(second: int) -> str:
    """RFC 9110 5.6.7; the C library would write the names in the language of the place."""
    at = time.gmtime(second)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    return f"{day}, {at.tm_mday:02d} {month} {at.tm_year} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
