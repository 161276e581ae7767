"""Runs one command of ours to its end and reads what it says: data on standard output, talk on standard error."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
WITHIN_S = 660.0  # `catalog import` itself gives its server ten minutes for a million songs


class CommandFailedError(AssertionError):
    """A command that was expected to succeed did not; carries what it said."""


@dataclass(frozen=True)
class Outcome:
    command: tuple[str, ...]
    exit_code: int
    out: str
    err: str

    def data(self) -> Any:
        """The JSON it printed; raises CommandFailedError if it failed or printed something else."""
        self.require()
        try:
            return json.loads(self.out)
        except ValueError:
            raise CommandFailedError(f"{' '.join(self.command)} printed no JSON: {self.out[:300]!r}") from None

    def require(self, *exit_codes: int) -> "Outcome":
        """Itself, if it ended with one of these (0 if none is named)."""
        if self.exit_code not in (exit_codes or (0,)):
            raise CommandFailedError(f"{' '.join(self.command)} ended with {self.exit_code}: {self.err.strip()[-600:]}")
        return self

    def says(self, code: str) -> bool:
        return code in self.err or code in self.out


def run(
    program: str, *arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Outcome:
    """``python -m PROGRAM ARGUMENTS`` of this checkout."""
    command = (sys.executable, "-m", program, *map(str, arguments))
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", **(environment or {})},
    )
    return Outcome((program, *map(str, arguments)), done.returncode, done.stdout, done.stderr)
