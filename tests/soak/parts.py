"""What `make soak` runs: each part a function `run(count, seed)` of its owner, with the number it owes.

A part raises AssertionError with a seed that reproduces; that is a broken promise, and which one stands in its row.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

LOST, UNLOCKED, LOCKED, FORGOTTEN, OVERRUN, UNBOOTABLE, UNFOUND = (
    "acknowledged plays lost",
    "false unlocks",
    "false locks",
    "forgotten holds",
    "lease overruns",
    "unbootable states",
    "changes that nobody found",
)
PROMISES = (LOST, UNLOCKED, LOCKED, FORGOTTEN, OVERRUN, UNBOOTABLE, UNFOUND)


@dataclass(frozen=True)
class Part:
    """count: how many in full. chunk: how many at a time, in one process. each_ms: what one takes, as measured."""

    name: str
    what: str
    count: int
    chunk: int
    each_ms: float
    place: str  # module:function
    promises: tuple[str, ...]

    def is_here(self) -> bool:
        """Whether its module is."""
        return importlib.util.find_spec(self.place.partition(":")[0]) is not None

    def run(self, count: int, seed: int) -> None:
        """Raises AssertionError."""
        module, _, name = self.place.partition(":")
        call: Callable[[int, int], object] = getattr(importlib.import_module(module), name)
        call(count, seed)


_DRIVERS, _CORE = "tests.device.drivers", "tests.device.core"

PARTS = (
    Part(
        "crash-states",
        "cuts of journal and state record",
        50_000,
        500,
        0.7,
        f"{_DRIVERS}.crash_states:run",
        (LOST, UNBOOTABLE),
    ),
    Part(
        "switch-cuts", "cuts of a switch of the catalog", 20_000, 500, 0.4, f"{_DRIVERS}.switch_cuts:run", (UNBOOTABLE,)
    ),
    Part(
        "clock-scripts",
        "scripts of clocks",
        100_000,
        1_000,
        6,
        f"{_CORE}.clock_scripts:run",
        (UNLOCKED, LOCKED, OVERRUN),
    ),
    Part("images", "images put back", 10_000, 200, 10, f"{_CORE}.image_restores:run", (FORGOTTEN, OVERRUN, LOCKED)),
    Part("years", "simulated days of 20 boxes", 20 * 365, 365, 280, "tests.simulation.years:run", PROMISES[:-1]),
    Part("owners", "boxes, a month of a hostile owner", 100, 5, 3_000, "tests.simulation.years:owners", PROMISES[:-1]),
    Part(
        "damaged-entries",
        "evenings with a flipped bit",
        1_000,
        50,
        150,
        "tests.simulation.damaged:run",
        (LOST, UNFOUND),
    ),
    Part(
        "kills",
        "SIGKILLs of the whole program",
        2_000,
        40,
        1_000,
        "tests.soak.whole_kills:run",
        (LOST, UNLOCKED, LOCKED, FORGOTTEN, UNBOOTABLE),
    ),
    Part(
        "inside-kills",
        "SIGKILLs of the inside",
        2_000,
        40,
        120,
        "tests.soak.sigkill:run",
        (LOST, FORGOTTEN, UNBOOTABLE),
    ),
    Part("journal-flips", "bits flipped in the journal", 40_000, 1_000, 4, "tests.soak.bit_flips:journal", (UNFOUND,)),
    Part("state-flips", "bits flipped in the record", 30_000, 5_000, 0.02, "tests.soak.bit_flips:state", (UNFOUND,)),
    Part(
        "catalog-flips",
        "bits flipped in the catalog",
        30_000,
        1_000,
        0.4,
        f"{_DRIVERS}.content_flips:flips",
        (UNFOUND,),
    ),
)


def fault_of(call: Callable[[], object]) -> str:
    """What broke in a call; empty if nothing did."""
    try:
        call()
    except AssertionError as error:
        return str(error) or "an assertion of the core"
    except Exception as error:  # noqa: BLE001 - a box that falls over has broken its promise as well
        return f"fell over: {error!r}"
    return ""
