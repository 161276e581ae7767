"""Two sides whose figures are known."""

import sys
from pathlib import Path

from bench.sides import Figures


class Steady:
    """Says the same in every round, and chatters."""

    def __init__(self, folder: Path, data: Path, _quick: bool) -> None:
        assert folder.is_dir()
        sys.stdout.write(f"chatter of a library {data}\n")

    def measure(self) -> Figures:
        sys.stdout.write("more of it\n")
        return {"us": 3.0}


class Rising:
    """Says 1, 2, 6."""

    def __init__(self, _folder: Path, _data: Path, _quick: bool) -> None:
        self._said = iter((1.0, 2.0, 6.0))

    def measure(self) -> Figures:
        return {"us": next(self._said)}


class Broken:
    """Does not even begin."""

    def __init__(self, _folder: Path, _data: Path, _quick: bool) -> None:
        raise SystemExit(3)
