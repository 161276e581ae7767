"""What a secure element keeps: a counter that only rises, and a secret of this one board.

Both lie outside the box's disk, so that restoring an old disk image moves neither.
"""

import secrets

from hil_tests.board.layout import BoardDir, write_durably

SECRET_BYTES = 32


class SecureElement:
    def __init__(self, board: BoardDir) -> None:
        self._counter = board.secure_element / "counter"
        self._secret = board.secure_element / "secret"
        if not self._secret.exists():
            write_durably(self._secret, secrets.token_bytes(SECRET_BYTES))
        if not self._counter.exists():
            write_durably(self._counter, b"0")

    def secret(self) -> bytes:
        return self._secret.read_bytes()

    def count(self) -> int:
        return int(self._counter.read_bytes())

    def tick(self) -> int:
        """Raise the counter by one, durably; returns the new value."""
        value = self.count() + 1
        write_durably(self._counter, str(value).encode())
        return value
