"""Heads of LAN requests: what is read here is only what any two readers must read alike."""

import pytest

from device.services.lan_heads import headers_of, is_plain_so_far


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\nHost: a\r\nHost: a\r\n\r\n",
        b"\r\nHost : a\r\n\r\n",
        b"\r\nHost:a\r\n\r\n",
        b"\r\nHost: a \r\n\r\n",
        b"\r\nHost: a\nX: b\r\n\r\n",
        b"\r\nHost: a\r\n b: c\r\n\r\n",
        b"\r\nHost: a\0\r\n\r\n",
        b"\r\nContent-Length: 05\r\n\r\n",
        b"\r\nContent-Length: +5\r\n\r\n",
        b"\r\nContent-Length: 5, 5\r\n\r\n",
        b"\r\nTransfer-Encoding: identity\r\n\r\n",
        b"\r\nConnection: close, x\r\n\r\n",
        b"\r\nConnection: Upgrade\r\n\r\n",
        b"\r\nExpect: 100-continue\r\n\r\n",
        b"\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(33)) + b"\r\n",
        b"\r\nX: " + b"y" * 1_100 + b"\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_headers_that_two_readers_could_read_differently_are_not_read_here(raw: bytes) -> None:
    assert headers_of(raw) is None


def test_what_cannot_become_a_plain_head_does_not_wait_for_its_end() -> None:
    assert is_plain_so_far(b"GET / HTTP/1.1\r\nHost: a\r")
    for held in (b"\x16\x03\x01", b"GET / HTTP/1.1\nHost", b"GET /\r\rx", b"GET / HTTP/1.1\r\nX: \xff"):
        assert not is_plain_so_far(held)
