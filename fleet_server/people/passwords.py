"""Passwords: argon2id, one at a time per core, and the same cost for accounts that do not exist."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from fleet_server.http_errors import ProblemError

CHARS_MIN = 12
CHARS_MAX = 256
# What is verified where there is no account, made with the parameters that are in use: a test holds it to them.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$hObc2Jajs3+nz+IYgDKbNw$XIljRIte7KrcxAtJ9bTLl7FtW0WzjokscQwhAsNr+FA"
_AT_A_TIME = 2  # each verification takes 64 MiB

# A few that pass the length rule and are tried first by everybody.
_COMMON = frozenset({"123456789012", "password1234", "qwertyuiop12", "administrator", "000000000000"})


class Passwords:
    """Hashes and verifies; made once, since it holds the bound on memory."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_A_TIME)

    def hash(self, password: str) -> str:
        """Raises ProblemError PASSWORD_WEAK."""
        if not CHARS_MIN <= len(password) <= CHARS_MAX or password.lower() in _COMMON:
            raise ProblemError("PASSWORD_WEAK")
        if len(set(password)) < 5:
            raise ProblemError("PASSWORD_WEAK")
        with self._turns:
            return self._hasher.hash(password)

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether it is the password; `stored` None (no such account) takes as long and is False."""
        with self._turns:
            try:
                self._hasher.verify(stored or _NOBODYS, password)
            except (VerifyMismatchError, InvalidHashError):
                return False
        return stored is not None
