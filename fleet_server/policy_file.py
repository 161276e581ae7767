"""The authority policy as this server has it: DIR/policy.json, verified by whoever put it there."""

import threading
from pathlib import Path

from device.protocol.policy import AuthorityPolicy
from fleet_server.http_errors import ProblemError


class PolicyFile:
    """A file that is replaced while the server runs; read again when it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._policy: AuthorityPolicy | None = None

    def current(self) -> AuthorityPolicy:
        """Raises ProblemError POLICY_MISSING before the key ceremony."""
        with self._lock:
            try:
                stat = self._path.stat()
            except FileNotFoundError:
                raise ProblemError("POLICY_MISSING") from None
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if self._policy is None or seen != self._seen:
                self._policy = AuthorityPolicy.decode(self._path.read_bytes())
                self._seen = seen
            return self._policy
