"""Heads of LAN requests as bytes: where a request ends, and what its headers say (SPEC 15.2).

Read here is only what any two readers must read alike: whole lines, plain ASCII, every name once, nothing that changes
the framing or the meaning of the message. `read_head` answers None for everything else, sound or not, and aiohttp
reads that (`lan_connection.py`). What is accepted here, aiohttp accepts in the same sense.
"""

from collections.abc import Callable

from device.patterns import pattern

HEAD_BYTES_MAX = 4_096  # of a head that is read here; aiohttp has its own limits for the others
HEADERS_MAX = 32
END = b"\r\n\r\n"

# What stands behind the request line, with the line break before it and the empty line at its end.
_HEADERS = pattern(rb"(?:\r\n[A-Za-z][A-Za-z0-9-]{0,40}: [!-~](?:[ -~]{0,1022}[!-~])?){1,%d}\r\n\r\n" % HEADERS_MAX)
_SO_FAR = pattern(rb"[ -~]*(?:\r\n[ -~]*)*\r?")
_LENGTH = pattern(r"0|[1-9][0-9]{0,5}")
# Of these every one changes how long the message is, how it is coded, or what the connection is for.
_OTHER_READING = frozenset(
    (
        "transfer-encoding",
        "content-encoding",
        "expect",
        "upgrade",
        "http2-settings",
        "trailer",
        "proxy-connection",
    )
)
_JSON = frozenset(("application/json", "application/json; charset=utf-8"))


class Head:
    """What the headers of a request say. Everything here was checked: Host and Origin are ours, the token is paired."""

    __slots__ = ("closes", "has_body", "is_json", "length", "pairings", "vod")

    def __init__(self, headers: dict[str, str], vod: str, pairings: int) -> None:
        self.closes = headers.get("connection", "keep-alive").lower() == "close"
        self.has_body = "content-length" in headers
        self.length = int(headers.get("content-length", "0"))
        self.is_json = headers.get("content-type", "").lower() in _JSON
        self.vod = vod
        self.pairings = pairings  # how often tokens had changed when this one was good


def headers_of(raw: bytes) -> dict[str, str] | None:
    """Header lines by lower-case name; None where two readers might not agree.

    raw: from the line break behind the request line to the empty line, both included.
    """
    if len(raw) > HEAD_BYTES_MAX or _HEADERS.fullmatch(raw) is None:
        return None
    lines = raw[2:-4].decode("ascii").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    if len(headers) != len(lines) or not _OTHER_READING.isdisjoint(headers):
        return None
    if headers.get("connection", "keep-alive").lower() not in ("keep-alive", "close"):
        return None
    if _LENGTH.fullmatch(headers.get("content-length", "0")) is None:
        return None
    return headers


def is_plain_so_far(held: bytes) -> bool:
    """Whether this may still become a head that is read here."""
    return _SO_FAR.fullmatch(held) is not None


def is_host_ours(host: str, names: frozenset[str], local: str) -> bool:
    """The address that was connected to, or a name of the box; with or without port."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).strip("[]").lower() in names | {local}


def is_origin_ours(origin: str | None, host: str) -> bool:
    """No page, or a page of this very host."""
    return origin is None or origin.lower() == f"http://{host.lower()}"


def token_of(authorization: str) -> str:
    """The bearer token; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def read_head(
    raw: bytes, names: frozenset[str], local: str, vod_of: Callable[[str], str], pairings: int
) -> Head | None:
    """Check the headers of a request as the guard of the slow path does; None if that has to look at them.

    The token is compared in constant time with those that are paired (`Pairing.vod_of`).
    """
    headers = headers_of(raw)
    if headers is None or "host" not in headers or not is_host_ours(headers["host"], names, local):
        return None
    if not is_origin_ours(headers.get("origin"), headers["host"]):
        return None
    token = token_of(headers.get("authorization", ""))
    vod = vod_of(token) if token else ""
    return Head(headers, vod, pairings) if vod else None
