"""Passwords for commands: from a file, from standard input, or asked for on a terminal; never an argument."""

import getpass
import sys
from pathlib import Path

from fleet_server.cli.outcome import FAILED, USAGE, CommandError


def password(file: str | None, prompt: str) -> str:
    """The first line of the file, or of standard input where it is not a terminal. Raises CommandError."""
    if file is not None:
        try:
            return _first_line(Path(file).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(FAILED, "FILE_UNREADABLE", f"读不了 {file}", f"Cannot read {file}: {error}") from error
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    line = sys.stdin.readline()
    if not line:
        raise CommandError(
            USAGE,
            "PASSWORD_MISSING",
            "缺少 --password-file",
            "--password-file is missing, standard input is empty",
        )
    return _first_line(line)


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0].rstrip("\r")
