"""Frames of the serial line between VOD server and box (SPEC 15.5).

    reader = FrameReader()
    for payload in reader.feed(bytes_from_the_line, now_ms): ...

The line is noisy and its other end may be hostile: memory is bounded by one frame, and after any noise the second
whole frame at the latest is read.
"""

import binascii
import struct

from device.protocol.errors import MalformedError
from device.protocol.limits import SERIAL_PAYLOAD_BYTES_MAX

MAGIC = b"\xfb\x01"
HEADER_BYTES = 4
TRAILER_BYTES = 4
SILENCE_MS_MAX = 200


def frame(payload: bytes) -> bytes:
    """The bytes on the line; raises MalformedError `DOCUMENT_TOO_LARGE`."""
    if not 1 <= len(payload) <= SERIAL_PAYLOAD_BYTES_MAX:
        raise MalformedError("DOCUMENT_TOO_LARGE", f"payload of {len(payload)} bytes")
    body = struct.pack(">H", len(payload)) + payload
    return MAGIC + body + struct.pack(">I", binascii.crc32(body))


class FrameReader:
    """Finds whole frames in a stream of bytes. `dropped_bytes` counts what was noise."""

    def __init__(self) -> None:
        self._buffer = b""
        self._fed_at_ms = 0
        self.dropped_bytes = 0

    def feed(self, data: bytes, now_ms: int) -> "list[bytes]":
        """The payloads that are complete now. `now_ms` is monotonic."""
        self.expire(now_ms)
        self._fed_at_ms = now_ms
        self._buffer += data
        found: list[bytes] = []
        while self._buffer:
            payload = self._take()
            if payload is None:
                break
            if payload:
                found.append(payload)
        return found

    def expire(self, now_ms: int) -> None:
        """Drop an unfinished frame when its sender has fallen silent; a slow line is not silent."""
        if self._buffer and now_ms - self._fed_at_ms > SILENCE_MS_MAX:
            self._drop(len(self._buffer))

    def _take(self) -> "bytes | None":
        """A payload; empty bytes where something was dropped and it is worth looking again; None if more must come."""
        start = self._buffer.find(MAGIC)
        if start < 0:
            # The last byte may be the first of the next frame's mark.
            self._drop(len(self._buffer) - (1 if self._buffer.endswith(MAGIC[:1]) else 0))
            return None
        self._drop(start)
        if len(self._buffer) < HEADER_BYTES:
            return None
        length = struct.unpack(">H", self._buffer[2:HEADER_BYTES])[0]
        if not 1 <= length <= SERIAL_PAYLOAD_BYTES_MAX:
            return self._skip_mark()
        end = HEADER_BYTES + length
        if len(self._buffer) < end + TRAILER_BYTES:
            return None
        checksum = struct.unpack(">I", self._buffer[end : end + TRAILER_BYTES])[0]
        if binascii.crc32(self._buffer[2:end]) != checksum:
            return self._skip_mark()
        payload = self._buffer[HEADER_BYTES:end]
        self._buffer = self._buffer[end + TRAILER_BYTES :]
        return payload

    def _skip_mark(self) -> bytes:
        self._drop(len(MAGIC))
        return b""

    def _drop(self, count: int) -> None:
        self.dropped_bytes += count
        self._buffer = self._buffer[count:]
