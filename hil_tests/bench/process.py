"""A program of ours, run from outside: started, watched, stopped, killed; never left behind.

Each child gets a process group of its own and the kernel's order to die with the bench, so that a
killed test leaves nothing. Start them from the main thread: the kernel counts the thread as the parent.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GOODBYE_S = 20.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running program; its output goes to a log file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the bench starts children from its only thread
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def require_alive(self) -> bool:
        """True; raises ChildProcessError with the end of its log if it has ended."""
        if self._popen.poll() is not None:
            raise ChildProcessError(f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}")
        return True

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> int:
        """Ask it to end, then insist; returns its exit code."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(GOODBYE_S)
        return self.kill()

    def kill(self) -> int:
        """kill -9 of it and of all it started in its group."""
        self._signal(signal.SIGKILL)
        return self._popen.wait()

    def kill_alone(self) -> int:
        """kill -9 of the program itself: its children must notice by themselves."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self._popen.wait()

    def wait(self, within_s: float) -> int:
        return self._popen.wait(within_s)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)
