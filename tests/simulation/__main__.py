"""`python -m tests.simulation --seed 17 --days 40`: one simulated box, and the story if it breaks a promise."""

import argparse
import sys
import time

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import World

EPILOG = """example:
  python -m tests.simulation --seed 17 --days 40        the same life every time
  python -m tests.simulation --seed 100 --count 50      many lives, one line each

exit codes:
  0  every promise was kept
  1  one was broken; the story that led there is printed"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Simulated lives of a box: real core and services; clock, disk, network and chance by seed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--days", type=int, default=40, help="simulated days of each life (default 40)")
    parser.add_argument("--count", type=int, default=1, help="how many seeds (default 1)")
    parser.add_argument("--story", action="store_true", help="print the story of sound lives too")
    arguments = parser.parse_args()
    broken = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        broken += not _live(seed, arguments.days, arguments.story)
    return 1 if broken else 0


def _live(seed: int, days: int, tells: bool) -> bool:
    world = World(seed)
    began_s = time.process_time()
    try:
        outcome = f"kept every promise: {world.run(days)}"
    except BrokenPromiseError as error:
        outcome = f"BROKEN: {error}"
    is_sound = not outcome.startswith("BROKEN")
    if tells or not is_sound:
        sys.stdout.write("\n".join(world.story) + "\n")
    took_s = time.process_time() - began_s
    sys.stdout.write(f"seed {seed} ({world.custom}), {took_s:.1f} s: {outcome}\n")
    return is_sound


if __name__ == "__main__":
    sys.exit(main())
