"""The fleet server as a program of its own, which dies with the test.

with FleetProgram(data) as program:
    program.wait_until_serving()
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Self

DEADLINE_S = 60
_PR_SET_PDEATHSIG = 1


class FleetProgram:
    """One `serve` process and its children, a process group."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "fleet_server", "serve", "--data", str(data), "--lang", "en"]
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, which takes no lock
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_until_serving(self) -> None:
        assert self._serving.wait(DEADLINE_S), "".join(self.lines)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def kill(self) -> None:
        """SIGKILL, to it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def has_children(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            self.lines.append(line)
            if "serving https" in line:
                self._serving.set()
        stderr.close()


def taken_port() -> socket.socket:
    """A listening socket on a port that nobody else can have."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
