"""What a bench hands back: rows of the table, with both sides' figures, and the goal that the ratio is held to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class CannotRunError(Exception):
    """A bench cannot run here; the text says what is missing and what brings it."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is what the goal speaks of; `peer` and `ratio` are None without a peer."""

    bench: str
    ours: float | None
    peer: float | None
    peer_name: str
    unit: str
    ratio: float | None
    goal: str
    met: bool


def at_most_times(bench: str, ours: float, peer: float, peer_name: str, unit: str, goal: float) -> Row:
    """Ours may cost this many times what the peer costs."""
    ratio = ours / peer
    return Row(bench, ours, peer, peer_name, unit, ratio, f"<= {goal:g} x", ratio <= goal)


def times_cheaper(bench: str, ours: float, peer: float, peer_name: str, unit: str, goal: float) -> Row:
    """The peer must cost at least this many times what ours costs (time, memory)."""
    ratio = peer / ours
    return Row(bench, ours, peer, peer_name, unit, ratio, f">= {goal:g} x", ratio >= goal)


def times_more(bench: str, ours: float, peer: float, peer_name: str, unit: str, goal: float) -> Row:
    """Ours must do at least this many times what the peer does (entries per second)."""
    ratio = ours / peer
    return Row(bench, ours, peer, peer_name, unit, ratio, f">= {goal:g} x", ratio >= goal)


def at_most(bench: str, ours: float, unit: str, goal: float, peer: float | None = None, peer_name: str = "") -> Row:
    """Ours must stay within a fixed limit; a peer's figure may stand beside it."""
    return Row(bench, ours, peer, peer_name, unit, None, f"<= {goal:g} {unit}", ours <= goal)


def not_run(bench: str, reason: str) -> Row:
    """The row of a bench that could not run: the reason stands where the peer's name would."""
    return Row(bench, None, None, reason, "", None, "", False)


@dataclass(frozen=True)
class Run:
    """What a bench is given.

    folder: an empty directory on the disk under test; its file system is printed with the table.
    data: kept between runs, for inputs that take long to build.
    rounds: interleaved rounds of each side.
    """

    folder: Path
    data: Path
    rounds: int
    quick: bool
    say: Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """One bench: its name on the command line, what each side does and does not do, and how it is measured.

    `measure` raises CannotRunError.
    """

    name: str
    says: str
    measure: Callable[[Run], Sequence[Row]]
