"""Files of the fleet's TUF repository over HTTPS: metadata for the TUF client, targets with resume.

Rules:

1. TLS 1.3, and only the fleet CA that the factory gave; no proxy of the environment, no redirect.
2. Every answer has a limit in bytes and in time: HEAD_FOR_S up to the end of its head, then GRACE_S and a second for
   each KiB, so that neither endless nor endlessly slow data holds the box. Somebody else looks at the clock: a line
   of a head, or of what comes behind a body, may never end.
3. A target that was cut off is asked for again from where it ended; its length and hash decide at the end.
4. Metadata in which one key has two ids does not reach the TUF client (SPEC 5.1).
5. A file that leaves less than ROOM_BYTES_MIN of the disk is not begun: journal and state record need it to go on.

Blocks: run in a thread.
"""

import contextlib
import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from hashlib import file_digest
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface

from device.protocol.errors import RejectedError
from device.protocol.root_keys import require_distinct_keys
from device.services.fleet_tls import context_of

_log = logging.getLogger(__name__)

SOCKET_FOR_S = 20  # connect, and each wait for more bytes
HEAD_FOR_S = 30
GRACE_S = 30
BYTES_PER_S_MIN = 1024
CHUNK_BYTES = 65_536
TRIES_COUNT = 3
METADATA_BYTES_MAX = 5_000_000  # what the TUF client takes at most
ROOM_BYTES_MIN = 64 << 20  # the state record twice, two segments, and the fleet's metadata


def digest_of(target: TargetFile) -> str:
    """SHA-256 of a target in hexadecimal; it also becomes a file name, so its form is asked.

    Raises RejectedError `CONTENT_UNTRUSTED`.
    """
    digest = str(target.hashes.get("sha256", ""))
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} has no SHA-256")
    return digest


def _require_content(answer: HTTPResponse, url: str, path: Path) -> None:
    if answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        path.unlink(missing_ok=True)  # what lies here is not the beginning of what lies there
    raise DownloadHTTPError(f"{url}: {answer.status}", answer.status)


def _is_target(target: TargetFile, path: Path) -> bool:
    with path.open("rb") as file:
        return path.stat().st_size == target.length and file_digest(file, "sha256").hexdigest() == digest_of(target)


class FleetFiles(FetcherInterface):
    """`fleet_url` is https://host:port; `fleet_ca` a certificate in PEM or DER; `mono_ms` never falls."""

    def __init__(self, fleet_url: str, fleet_ca: bytes, mono_ms: Callable[[], int]) -> None:
        self._mono_ms = mono_ms
        self.metadata_url = f"{fleet_url.rstrip('/')}/tuf/metadata/"
        self.targets_url = f"{fleet_url.rstrip('/')}/tuf/targets/"
        self._tls = context_of(fleet_ca)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        raw: bytes = super().download_bytes(url, max_length)
        # What is no JSON fails in the TUF client, which names it better.
        with contextlib.suppress(ValueError, RecursionError, AttributeError):
            require_distinct_keys(json.loads(raw).get("signed", {}))
        return raw

    def _fetch(self, url: str) -> Iterator[bytes]:
        # The TUF client stops at its own limit of bytes; the time is that of the largest metadata.
        with self._opened(url, {}) as (answer, line):
            if answer.status != 200:
                raise DownloadHTTPError(f"{url}: {answer.status}", answer.status)
            yield from self._chunks(answer, line, METADATA_BYTES_MAX)

    def download_target(self, target: TargetFile, path: Path) -> None:
        """Fetch a target into `path`, going on with what is there.

        Raises DownloadError (try again later) and RejectedError `CONTENT_UNTRUSTED` (not what was signed).
        """
        was_begun = path.exists()
        self._fetch_whole(target, path)
        if was_begun and not _is_target(target, path):
            # A power cut may have left a torn part; only what came in one piece is held against the fleet.
            path.unlink()
            self._fetch_whole(target, path)
        if not _is_target(target, path):
            path.unlink()
            raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} is not what was signed")

    def _fetch_whole(self, target: TargetFile, path: Path) -> None:
        for attempt in range(1, TRIES_COUNT + 1):
            try:
                self._continue(target, path)
            except DownloadError as error:
                if attempt == TRIES_COUNT or isinstance(error, SlowRetrievalError | DownloadHTTPError):
                    raise
                _log.info("%s was cut off: %s", target.path, error)
            else:
                return

    def _continue(self, target: TargetFile, path: Path) -> None:
        have = path.stat().st_size if path.exists() else 0
        if have >= target.length and path.exists():
            return
        if not has_room(path.parent, target.length - have):
            raise OSError(errno.ENOSPC, f"no room for the {target.length - have} bytes of {target.path}")
        folder, _, name = target.path.rpartition("/")
        url = f"{self.targets_url}{folder}/{digest_of(target)}.{name}"
        with self._opened(url, {"Range": f"bytes={have}-"} if have else {}) as (answer, line):
            _require_content(answer, url, path)
            is_resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            have = have if is_resumed else 0
            with path.open("ab" if is_resumed else "wb") as file:
                for chunk in self._chunks(answer, line, target.length):
                    have += len(chunk)
                    if have > target.length:
                        raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} is longer than {target.length}")
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        if have < target.length:
            raise DownloadError(f"{target.path} ended after {have} of {target.length} bytes")

    @contextlib.contextmanager
    def _opened(self, url: str, headers: dict[str, str]) -> Iterator[tuple[HTTPResponse, "_Line"]]:
        parts = urlsplit(url)
        line = _Line(parts.hostname or "", parts.port, timeout=SOCKET_FOR_S, context=self._tls)
        try:
            with line.ends_within(HEAD_FOR_S):
                line.request("GET", parts.path, headers={"Accept-Encoding": "identity", **headers})
                answer = line.getresponse()
            yield answer, line
        except (OSError, HTTPException) as error:
            if line.is_late:
                raise SlowRetrievalError(f"{url}: not in time") from error
            raise DownloadError(f"{url}: {error}") from error
        finally:
            line.close()

    def _chunks(self, answer: HTTPResponse, line: "_Line", length: int) -> Iterator[bytes]:
        for_ms = 1000 * GRACE_S + 1000 * length // BYTES_PER_S_MIN
        until_ms = self._mono_ms() + for_ms
        with line.ends_within(for_ms / 1000):
            while chunk := answer.read1(CHUNK_BYTES):
                yield chunk
                if self._mono_ms() > until_ms:
                    raise SlowRetrievalError(f"slower than {BYTES_PER_S_MIN} bytes a second")
        if line.is_late:
            raise SlowRetrievalError("its end does not come")


class _Line(HTTPSConnection):
    """A connection that another thread can end."""

    is_late = False
    _stream: socket.socket | None = None  # `sock` is given up as soon as an answer says that it is the last

    def connect(self) -> None:
        super().connect()
        self._stream = self.sock

    @contextlib.contextmanager
    def ends_within(self, for_s: float) -> Iterator[None]:
        """Whoever waits on this connection for longer finds it ended."""
        watch = threading.Timer(for_s, self._end)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _end(self) -> None:
        self.is_late = True
        if self._stream is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which takes the reader's session away beneath it.
                socket.socket.shutdown(self._stream, socket.SHUT_RDWR)


def has_room(folder: Path, length: int) -> bool:
    """Rule 5, for `length` bytes more."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize >= length + ROOM_BYTES_MIN
