"""Files of the fleet's TUF repository over HTTPS: metadata for the TUF client, targets with resume.

Rules:

1. TLS 1.3, and only the fleet CA that the factory gave; no proxy of the environment, no redirect.
2. Every answer has a limit in bytes and in time: HEAD_FOR_S up to the end of its head, then GRACE_S and a second for
   each KiB that has come, so that neither endless nor endlessly slow data holds the box. Somebody else looks at the
   clock: a line of a head, or of what comes behind a body, may never end.
3. A target that was cut off is asked for again from where it ended; its length and hash decide at the end. So it is
   after CONNECTION_FOR_S: whoever gives slowly and stands in for the fleet does not keep a box longer than the name.
   However it ends, what came is on the disk before anybody reckons with it. TRIES_COUNT attempts in a row that bring
   it no further are one that failed: what lies between may give every file from its beginning.
4. Metadata that is less strict than any document, or in which one key has two ids, does not reach the TUF client
   (SPEC 5.1).
5. Whoever waits for all of this ends it by `give_up`; a look ends by `begin_look` after LOOK_FOR_S.

Blocks: run in a thread.
"""

import contextlib
import copy
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

from device.protocol.errors import MalformedError, RejectedError
from device.protocol.root_keys import require_distinct_keys, require_strict
from device.services.download_room import size_of
from device.services.fleet_tls import context_of

_log = logging.getLogger(__name__)

SOCKET_FOR_S = 20  # connect, and each wait for more bytes
HEAD_FOR_S = 30
GRACE_S = 30
BYTES_PER_S_MIN = 1024
CONNECTION_FOR_S = 600
LOOK_FOR_S = 900  # for metadata, policy and manifests of one look
CHUNK_BYTES = 65_536
TRIES_COUNT = 3
METADATA_BYTES_MAX = 5_000_000  # what the TUF client takes at most


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


def is_target(target: TargetFile, path: Path) -> bool:
    """Whether this file is here, and what was signed. One that cannot be read is not: nobody waits for bad sectors."""
    try:
        return _is_target(target, path)
    except OSError:
        return False


class FleetFiles(FetcherInterface):
    """`fleet_url` is https://host:port; `fleet_ca` a certificate in PEM or DER; `mono_ms` never falls."""

    def __init__(self, fleet_url: str, fleet_ca: bytes, mono_ms: Callable[[], int]) -> None:
        self._mono_ms = mono_ms
        self.metadata_url = f"{fleet_url.rstrip('/')}/tuf/metadata/"
        self.targets_url = f"{fleet_url.rstrip('/')}/tuf/targets/"
        self._tls = context_of(fleet_ca)
        self._until_ms: int | None = None
        self._line: _Line | None = None
        self.is_given_up = False

    def another(self) -> "FleetFiles":
        """The same files for somebody else, who gives up by himself."""
        twin = copy.copy(self)
        twin._until_ms, twin._line, twin.is_given_up = None, None, False
        return twin

    def begin_look(self) -> None:
        """All that is asked for from now on comes within LOOK_FOR_S, or is late."""
        self._until_ms = self._mono_ms() + 1000 * LOOK_FOR_S

    def give_up(self) -> None:
        """Whoever waits for a file here finds it ended, now and from now on. Does not block; from any thread."""
        self.is_given_up = True
        line = self._line
        if line is not None:
            line.end()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        raw: bytes = super().download_bytes(url, max_length)
        try:
            require_strict(raw, min(max_length, METADATA_BYTES_MAX))
        except MalformedError as error:
            raise RejectedError("CONTENT_UNTRUSTED", f"{url}: {error.detail}") from error
        # What is no metadata fails in the TUF client, which names it better.
        with contextlib.suppress(AttributeError):
            require_distinct_keys(json.loads(raw).get("signed", {}))
        return raw

    def _fetch(self, url: str) -> Iterator[bytes]:
        # The TUF client stops at its own limit of bytes; the time is that of the largest metadata.
        with self._opened(url, {}) as (answer, line):
            if answer.status != 200:
                raise DownloadHTTPError(f"{url}: {answer.status}", answer.status)
            yield from self._chunks(answer, line, METADATA_BYTES_MAX)
            if answer.length:
                raise DownloadError(f"{url} ended {answer.length} bytes early")  # cut off, which is no forgery

    def download_target(self, target: TargetFile, path: Path) -> None:
        """Fetch a target into `path`, going on with what is there.

        Raises DownloadError (try again later) and RejectedError `CONTENT_UNTRUSTED` (not what was signed).
        """
        was_begun = path.exists()
        self._fetch_whole(target, path)
        if was_begun and not is_target(target, path):
            # A power cut may have left a torn part; only what came in one piece is held against the fleet.
            path.unlink()
            self._fetch_whole(target, path)
        if not _is_target(target, path):
            path.unlink()
            raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} is not what was signed")

    def _fetch_whole(self, target: TargetFile, path: Path) -> None:
        attempts, most = 0, size_of(path)
        while True:
            try:
                self._continue(target, path)
            except DownloadError as error:
                attempts += 1
                if isinstance(error, _ConnectionOverError) and size_of(path) > most:
                    attempts, most = 0, size_of(path)
                elif attempts == TRIES_COUNT or isinstance(error, SlowRetrievalError | DownloadHTTPError):
                    raise
                _log.info("%s was cut off: %s", target.path, error)
            else:
                return

    def _continue(self, target: TargetFile, path: Path) -> None:
        have = size_of(path)
        if have >= target.length and path.exists():
            return
        folder, _, name = target.path.rpartition("/")
        url = f"{self.targets_url}{folder}/{digest_of(target)}.{name}"
        with self._opened(url, {"Range": f"bytes={have}-"} if have else {}) as (answer, line):
            _require_content(answer, url, path)
            is_resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            have = have if is_resumed else 0
            with path.open("ab" if is_resumed else "wb") as file:
                try:
                    for chunk in self._chunks(answer, line, target.length, is_resumable=True):
                        have += len(chunk)
                        if have > target.length:
                            raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} is longer than {target.length}")
                        file.write(chunk)
                finally:
                    file.flush()
                    os.fsync(file.fileno())
        if have < target.length:
            raise DownloadError(f"{target.path} ended after {have} of {target.length} bytes")

    @contextlib.contextmanager
    def _opened(self, url: str, headers: dict[str, str]) -> Iterator[tuple[HTTPResponse, "_Line"]]:
        parts = urlsplit(url)
        line = self._line = _Line(parts.hostname or "", parts.port, timeout=SOCKET_FOR_S, context=self._tls)
        try:
            with line.ends_within(self._time_left(HEAD_FOR_S)):
                if self.is_given_up:
                    line.end()
                line.request("GET", parts.path, headers={"Accept-Encoding": "identity", **headers})
                answer = line.getresponse()
            with answer:  # the line forgets an answer that says it is the last, and its socket with it
                yield answer, line
        except (OSError, HTTPException) as error:
            if line.is_late:
                raise SlowRetrievalError(f"{url}: not in time") from error
            raise DownloadError(f"{url}: {error}") from error
        finally:
            line.close()

    def _chunks(self, answer: HTTPResponse, line: "_Line", length: int, is_resumable: bool = False) -> Iterator[bytes]:
        with line.ends_within(self._time_left(GRACE_S + length / BYTES_PER_S_MIN)):
            began_ms, had = self._mono_ms(), 0
            while chunk := answer.read1(CHUNK_BYTES):
                yield chunk
                had += len(chunk)
                now_ms = self._mono_ms()
                passed_s = (now_ms - began_ms) / 1000
                is_over = self._until_ms is not None and now_ms > self._until_ms
                if is_over or passed_s > GRACE_S + had / BYTES_PER_S_MIN:
                    raise SlowRetrievalError(f"slower than {BYTES_PER_S_MIN} bytes a second")
                if is_resumable and passed_s > CONNECTION_FOR_S:
                    raise _ConnectionOverError("to be asked for again")
        if line.is_late:
            raise SlowRetrievalError("its end does not come")

    def _time_left(self, for_s: float) -> float:
        """So many seconds, or what is left of the look."""
        if self._until_ms is None:
            return for_s
        return max(0.0, min(for_s, (self._until_ms - self._mono_ms()) / 1000))


class _ConnectionOverError(DownloadError):
    """Rule 3: its time is over, and what came stays."""


class _Line(HTTPSConnection):
    """A connection that another thread can end."""

    is_late = False
    _stream: socket.socket | None = None  # `sock` is given up as soon as an answer says that it is the last

    def connect(self) -> None:
        super().connect()
        self._stream = self.sock
        if self.is_late:
            self.end()

    @contextlib.contextmanager
    def ends_within(self, for_s: float) -> Iterator[None]:
        """Whoever waits on this connection for longer finds it ended."""
        watch = threading.Timer(for_s, self.end)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def end(self) -> None:
        self.is_late = True
        if self._stream is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which takes the reader's session away beneath it.
                socket.socket.shutdown(self._stream, socket.SHUT_RDWR)
