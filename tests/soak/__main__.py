"""`make soak`: every part with its full number, over all cores; a table of what was kept and what was broken.

First each rule of a list is broken once, and its part must turn red: a soak that sees nothing proves nothing.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.mutations import MUTATIONS, seen_by
from tests.soak.parts import PARTS, PROMISES, Part, fault_of

OUT = Path(__file__).parents[2] / "build" / "soak"
PROGRESS_EVERY_S = 15.0
EPILOG = """examples:
  make soak                                       everything (about an hour on two cores: the estimate comes first)
  python -m tests.soak --share 0.01               a hundredth of everything
  python -m tests.soak --part kills --part years  these only
  python -m tests.soak --mutations                the broken rules only

exit codes:
  0  every promise was kept, and every broken rule was seen
  1  one was broken, one was not seen, or a part is missing
  2  usage"""


@dataclass
class Score:
    """What came of one part."""

    part: Part
    count: int
    done: int = 0
    cpu_s: float = 0.0
    broken: list[str] = field(default_factory=list)


def main() -> int:
    arguments = arguments_of()
    unseen = [] if arguments.part else _unseen(arguments.jobs)
    if arguments.mutations:
        return 1 if unseen else 0
    parts = [part for part in PARTS if not arguments.part or part.name in arguments.part]
    scores = [Score(part, max(1, round(part.count * arguments.share))) for part in parts]
    estimate_s = sum(score.count * score.part.each_ms for score in scores) / 1000 / arguments.jobs
    _say(f"about {estimate_s / 60:.0f} minutes on {arguments.jobs} cores, if nothing else runs")
    began_s = time.monotonic()
    _run(scores, arguments.seed, arguments.jobs)
    table = _table(scores, arguments.seed, time.monotonic() - began_s)
    if not arguments.part:
        table += f"\n\nrules broken on purpose: {len(MUTATIONS)}, seen by their part: {len(MUTATIONS) - len(unseen)}"
        table += "".join(f"\nNOT SEEN: {name}" for name in unseen)
    _say(f"\n{table}\n\nkept in {OUT / 'table.txt'}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "table.txt").write_text(table + "\n", encoding="utf-8")
    return 0 if not unseen and all(not score.broken and score.done == score.count for score in scores) else 1


def arguments_of(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says; a usage error ends the program."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="The promises of the box, in large numbers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = [part.name for part in PARTS]
    parser.add_argument("--part", action="append", choices=names, help="only this part; may be repeated")
    parser.add_argument("--share", type=_share, default=1.0, help="how much of the full numbers (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)")
    parser.add_argument("--mutations", action="store_true", help="break the rules one by one, and nothing else")
    return parser.parse_args(given)


def _share(text: str) -> float:
    share = float(text)
    if not share > 0:
        raise argparse.ArgumentTypeError("a share is above 0")
    return share


def _run(scores: list[Score], seed: int, jobs: int) -> None:
    said_s = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {}
        for score in scores:
            if not score.part.is_here():
                score.broken.append(f"{score.part.place} is missing")
                continue
            for first in range(0, score.count, score.part.chunk):
                count = min(score.part.chunk, score.count - first)
                waiting[pool.submit(_chunk, score.part, count, seed + first)] = score, count
        for future in as_completed(waiting):
            score, count = waiting[future]
            cpu_s, fault = future.result()
            score.cpu_s += cpu_s
            score.done += count
            if fault:
                score.broken.append(fault)
                _say(f"BROKEN {fault}")
            if time.monotonic() - said_s > PROGRESS_EVERY_S or score.done == score.count:
                said_s = time.monotonic()
                _say(f"{score.part.name}: {score.done} of {score.count} {score.part.what}, {len(score.broken)} broken")


def _chunk(part: Part, count: int, seed: int) -> tuple[float, str]:
    """In a process of the pool: processor time, and what was broken."""
    logging.disable()
    began_s = time.process_time()
    fault = fault_of(lambda: part.run(count, seed))
    again = f"python -m tests.soak --part {part.name} --seed {seed} --share {count / part.count:g}"
    return time.process_time() - began_s, fault and f"{again}: {fault}"


def _table(scores: list[Score], seed: int, took_s: float) -> str:
    rows = [f"{'part':<15} {'what':<34} {'count':>8} {'cpu s':>8} {'broken':>7}"]
    rows += [
        f"{score.part.name:<15} {score.part.what:<34} {score.done:>8} {score.cpu_s:>8.0f} {len(score.broken):>7}"
        for score in scores
    ]
    rows.append("")
    for promise in PROMISES:
        asked = [score for score in scores if promise in score.part.promises]
        broken = sum(len(score.broken) for score in asked)
        rows.append(f"{promise:<28} {broken:>4}   asked of {', '.join(score.part.name for score in asked) or 'nobody'}")
    rows.append(f"\nfrom seed {seed} on, {took_s:.0f} s on {os.cpu_count()} cores")
    rows += [fault for score in scores for fault in score.broken]
    return "\n".join(rows)


def _unseen(jobs: int) -> list[str]:
    """Rules that can be broken without any part turning red."""
    _say(f"breaking {len(MUTATIONS)} rules, one after the other: each must turn its part red")
    unseen = []
    with ProcessPoolExecutor(jobs) as pool:
        for mutation, seen in zip(MUTATIONS, pool.map(_seen_by, range(len(MUTATIONS))), strict=True):
            _say(f"{mutation.name}: {mutation.part} {f'turns red: {seen}' if seen else 'DOES NOT SEE IT'}")
            if not seen:
                unseen.append(mutation.name)
    return unseen


def _seen_by(number: int) -> str:
    logging.disable()
    return seen_by(number)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
