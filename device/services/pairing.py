"""Tokens of the VOD servers of a venue (SPEC 15.2).

1. Whoever reads the label on the box may pair; the label code is compared in constant time and tried
   TRIES_PER_MINUTE_MAX times a minute by everybody together.
2. A token is shown once. The box keeps its SHA-256: 128 bits of chance need no slow hash.
"""

import hashlib
import hmac
import os
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module

from device.log import Log
from device.ports import DriverError
from device.typed import Protocol

TRIES_PER_MINUTE_MAX = 5
PAIRED_MAX = 16
_PAIRED = "paired:"
_LABEL = "label-code"
_PROBE = "probe"
_log = Log(__name__)


class PairingError(Exception):
    """`code` says why there is no token, `status` the same in HTTP."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Values(Protocol):
    """What is needed of `drivers.settings_store.SettingsStore`."""

    def get(self, name: str) -> str | None: ...
    def named(self, prefix: str) -> dict[str, str]: ...
    def put(self, name: str, value: str) -> None: ...


class Pairing:
    """Tokens by the name of the VOD server; pairing again replaces the token of that name."""

    def __init__(self, values: Values, mono_ms: Callable[[], int]) -> None:
        self._values = values
        self._one_at_a_time = threading.Lock()  # requests and the look at a failing disk come from threads
        self._mono_ms = mono_ms
        self._tries_ms: deque[int] = deque(maxlen=TRIES_PER_MINUTE_MAX)
        self.is_failing = False
        self._hashes: dict[str, str] = {}
        self.try_again(is_first=True)
        self.changes = 0  # of tokens; whoever remembers that one was good remembers this with it

    def try_again(self, *, is_first: bool = False) -> None:
        """Read what could not be read, and see whether a value can be kept. Blocks; `is_failing` says how it went."""
        try:
            with self._one_at_a_time:
                self._hashes = self._values.named(_PAIRED) | self._hashes
                if not is_first:
                    self._values.put(_PROBE, os.urandom(8).hex())
        except DriverError as error:
            _log.error("%s", error)
            self.is_failing = True
        else:
            self.is_failing = False

    def set_label_code(self, code: str) -> None:
        with self._one_at_a_time:
            self._values.put(_LABEL, _hash(code))

    def pair(self, label_code: str, vod: str) -> str:
        """A new token. Raises PairingError, or DriverError if it cannot be kept."""
        try:
            with self._one_at_a_time:
                return self._paired(label_code, vod)
        except DriverError:
            self.is_failing = True
            raise

    def _paired(self, label_code: str, vod: str) -> str:
        now_ms = self._mono_ms()
        if len(self._tries_ms) == TRIES_PER_MINUTE_MAX and now_ms - self._tries_ms[0] < 60_000:
            raise PairingError(429, "TOO_MANY_REQUESTS")
        self._tries_ms.append(now_ms)
        wanted = self._values.get(_LABEL)
        if wanted is None or not hmac.compare_digest(wanted, _hash(label_code)):
            raise PairingError(403, "PAIRING_CODE")
        if vod not in self._hashes and len(self._hashes) >= PAIRED_MAX:
            raise PairingError(429, "TOO_MANY_REQUESTS")
        self._tries_ms.pop()
        token: str = import_module("secrets").token_urlsafe(24)
        self._values.put(_PAIRED + vod, _hash(token))
        self._hashes = self._hashes | {vod: _hash(token)}
        self.changes += 1
        return token

    def vod_of(self, token: str) -> str:
        """Name of the VOD server whose token it is, or empty; takes the same time either way."""
        asked = _hash(token)
        found = ""
        for vod, kept in self._hashes.items():
            if hmac.compare_digest(kept, asked):
                found = vod
        return found


def _hash(text: str) -> str:
    # A header that is no UTF-8 arrives with lone surrogates in the place of its bytes.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
