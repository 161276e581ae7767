"""The tracked files of this repository, as the house rules see them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("device", "fleet_server", "provisioning")
PORTABLE = ("device/protocol", "device/core")

# Third-party files that we ship unchanged keep their own habits.
_FOREIGN = re.compile(r"(^|/)vendor/|(^|/)package-lock\.json$")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of ours that git knows or would take, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = sorted({Path(name) for name in listing.split("\0") if name})
    return tuple(path for path in paths if (ROOT / path).is_file() and not _FOREIGN.search(path.as_posix()))


def python_files(*folders: str) -> list[Path]:
    """Tracked Python files, of these folders or of all."""
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and (not folders or any(path.is_relative_to(folder) for folder in folders))
    ]


@cache
def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(text(path), filename=str(path))


def text_files() -> Iterator[Path]:
    """Tracked files that are UTF-8 text."""
    for path in tracked():
        try:
            text(path)
        except UnicodeDecodeError:
            continue
        yield path


def lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(text(path).splitlines(), start=1)
