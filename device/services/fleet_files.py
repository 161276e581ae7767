"""Files of the fleet's TUF repository over HTTPS: metadata for the TUF client, targets with resume.

Rules:

1. TLS 1.3, and only the fleet CA that the factory gave; no proxy of the environment, no redirect.
2. Every answer has a limit in bytes and in time: a file may take GRACE_S and a second for each KiB, so that
   neither endless nor endlessly slow data holds the box.
3. A target that was cut off is asked for again from where it ended; its length and hash decide at the end.
4. Metadata in which one key has two ids does not reach the TUF client (SPEC 5.1).

Blocks: run in a thread.
"""

import contextlib
import json
import logging
import os
import ssl
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

_log = logging.getLogger(__name__)

SOCKET_FOR_S = 20  # connect, and each wait for more bytes
GRACE_S = 30
BYTES_PER_S_MIN = 1024
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


class FleetFiles(FetcherInterface):
    """`fleet_url` is https://host:port; `fleet_ca` a certificate in PEM or DER; `mono_ms` never falls."""

    def __init__(self, fleet_url: str, fleet_ca: bytes, mono_ms: Callable[[], int]) -> None:
        self._mono_ms = mono_ms
        self.metadata_url = f"{fleet_url.rstrip('/')}/tuf/metadata/"
        self.targets_url = f"{fleet_url.rstrip('/')}/tuf/targets/"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3
        is_pem = fleet_ca.lstrip().startswith(b"-----BEGIN")
        self._tls.load_verify_locations(cadata=fleet_ca.decode("ascii") if is_pem else fleet_ca)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        raw: bytes = super().download_bytes(url, max_length)
        # What is no JSON fails in the TUF client, which names it better.
        with contextlib.suppress(ValueError, RecursionError, AttributeError):
            require_distinct_keys(json.loads(raw).get("signed", {}))
        return raw

    def _fetch(self, url: str) -> Iterator[bytes]:
        # The TUF client stops at its own limit of bytes; the time is that of the largest metadata.
        with self._opened(url, {}) as answer:
            if answer.status != 200:
                raise DownloadHTTPError(f"{url}: {answer.status}", answer.status)
            yield from self._chunks(answer, METADATA_BYTES_MAX)

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
        folder, _, name = target.path.rpartition("/")
        url = f"{self.targets_url}{folder}/{digest_of(target)}.{name}"
        with self._opened(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
            _require_content(answer, url, path)
            is_resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            have = have if is_resumed else 0
            with path.open("ab" if is_resumed else "wb") as file:
                for chunk in self._chunks(answer, target.length):
                    have += len(chunk)
                    if have > target.length:
                        raise RejectedError("CONTENT_UNTRUSTED", f"{target.path} is longer than {target.length}")
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        if have < target.length:
            raise DownloadError(f"{target.path} ended after {have} of {target.length} bytes")

    @contextlib.contextmanager
    def _opened(self, url: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
        parts = urlsplit(url)
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=SOCKET_FOR_S, context=self._tls)
        try:
            connection.request("GET", parts.path, headers={"Accept-Encoding": "identity", **headers})
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise DownloadError(f"{url}: {error}") from error
        finally:
            connection.close()

    def _chunks(self, answer: HTTPResponse, length: int) -> Iterator[bytes]:
        until_ms = self._mono_ms() + 1000 * GRACE_S + 1000 * length // BYTES_PER_S_MIN
        while chunk := answer.read1(CHUNK_BYTES):
            yield chunk
            if self._mono_ms() > until_ms:
                raise SlowRetrievalError(f"slower than {BYTES_PER_S_MIN} bytes a second")
