"""``python -m tests.fuzz``, as ``make fuzz`` calls it."""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence

from tests.fuzz.campaign import Outcome
from tests.fuzz.parsers import PARSERS, campaign, shares

EXECS = 10_000_000


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    found = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Feed every parser of foreign bytes with mutated documents, frames and files.",
        epilog=f"""parsers:
  {" ".join(PARSERS)}

examples:
  make fuzz
  python -m tests.fuzz --execs 200000 --seed 7
  python -m tests.fuzz --parser lan_http --execs 20000

exit codes:
  0    nothing found
  1    something found: the parser, the offence and the input in hexadecimal, a line of tests/fuzz/corpus
  2    usage
  130  interrupted""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.add_argument("--execs", type=int, default=EXECS, help="executions of all parsers together")
    found.add_argument("--parser", action="append", choices=PARSERS, metavar="NAME", help="only this one; repeatable")
    found.add_argument("--seed", type=int, default=1, help="the same seed feeds the same inputs")
    found.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="at the same time")
    return found.parse_args(arguments)


def main() -> int:
    options = options_of()
    chosen = [PARSERS[name] for name in options.parser or PARSERS]
    jobs = [(one.name, count, options.seed) for one, count in zip(chosen, shares(chosen, options.execs), strict=True)]
    begun_s = time.monotonic()
    outcomes: list[Outcome] = []
    # A process for each parser, so that its memory is its own. Forked, for what they import is much.
    context = multiprocessing.get_context("fork")
    with context.Pool(options.processes, maxtasksperchild=1) as pool:
        for outcome in pool.imap_unordered(campaign, sorted(jobs, key=lambda job: -job[1]), chunksize=1):
            outcomes.append(outcome)
            _tell(outcome)
    execs, spent_s = sum(outcome.execs for outcome in outcomes), time.monotonic() - begun_s
    found = sum(len(outcome.findings) for outcome in outcomes)
    print(f"{execs:,} executions in {spent_s:,.0f} s, {execs / spent_s:,.0f}/s; findings: {found}")
    return 1 if found else 0


def _tell(outcome: Outcome) -> None:
    rate = outcome.execs / max(outcome.for_s, 1e-9)
    print(
        f"{outcome.name:20} {outcome.execs:9,} execs {rate:9,.0f}/s  accepted {outcome.accepted:9,}  "
        f"ways {outcome.shapes:5,}  slowest {outcome.slowest_s * 1e3:7.1f} ms  memory {outcome.growth_mb:+5.1f} MB",
        flush=True,
    )
    for offence, raw in outcome.findings:
        print(f"  FOUND {offence}\n  {raw}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
