"""So many simulated days, a life of at most a year for each seed; for `make soak` and the tests alike."""

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import CUSTOMS, World

LIFE_DAYS = 365
OWNED_DAYS = 30


def run(days: int, seed: int) -> None:
    """Raises BrokenPromiseError, whose text names the seed that reproduces it."""
    while days > 0:
        life_days = min(days, LIFE_DAYS)
        World(seed).run(life_days)
        days, seed = days - life_days, seed + 1


def owners(count: int, seed: int) -> None:
    """So many boxes, each in the hands of a hostile owner for a month. Raises BrokenPromiseError."""
    for number in range(seed, seed + count):
        World(number * len(CUSTOMS) + CUSTOMS.index("owner")).run(OWNED_DAYS)


def fault_of(seed: int, days: int) -> str:
    """What one life broke, and how to live it again; empty if it kept every promise."""
    try:
        World(seed).run(days)
    except BrokenPromiseError as error:
        return f"python -m tests.simulation --seed {seed} --days {days}: {error}"
    return ""
