"""``python -m bench``, as ``make bench`` calls it."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import decision, delta, http, journal, lookup, machine, start, table
from bench.row import Bench, CannotRunError, Row, Run, not_run

HERE = Path(__file__).parent
OUT = HERE / "out"
ROUNDS, ROUNDS_QUICK = 7, 3

BENCHES: dict[str, Bench] = {
    bench.name: bench
    for bench in (
        lookup.BENCH,
        decision.BENCH,
        journal.BENCH,
        delta.BENCH,
        http.BENCH,
        start.BENCH,
    )
}  # fmt: skip

ALL_MET, SOME_NOT_MET, NOT_RUN = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:10} {bench.says}" for name, bench in BENCHES.items())
    found = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure ours against its peers in the same run, print the table, write bench/out/latest.json.",
        epilog=f"""benches:
{names}

examples:
  make bench
  python -m bench lookup journal --quick
  python -m bench journal --folder /media/card/frontbox-bench

exit codes:
  0    every goal is met
  1    some goal is not met
  2    usage, or a bench could not run; its row says what is missing
  130  interrupted""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.add_argument("names", nargs="*", metavar="NAME", help="benches to run; all of them without a name")
    found.add_argument("--quick", action="store_true", help="fewer and shorter rounds, within two minutes")
    found.add_argument("--folder", type=Path, default=OUT / "work", help="directory on the disk under test")
    return found


def main() -> int:
    asked = parser()
    options = asked.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        asked.error(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    chosen = [BENCHES[name] for name in options.names or BENCHES]
    rows = [row for bench in chosen for row in _measured(bench, options.folder, options.quick)]
    _tell(chosen, rows, options.folder)
    if any(row.ours is None for row in rows):
        return NOT_RUN
    return ALL_MET if all(row.met for row in rows) else SOME_NOT_MET


def _measured(bench: Bench, folder: Path, quick: bool) -> Sequence[Row]:
    begun_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun_s:5.0f} s  {bench.name}: {text}", file=sys.stderr, flush=True)

    data = OUT / "data"
    for path in (folder, data):
        path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{bench.name}-", dir=folder) as work:
        try:
            return bench.measure(Run(Path(work), data, ROUNDS_QUICK if quick else ROUNDS, quick, say))
        except CannotRunError as error:
            say(str(error))
            return [not_run(bench.name, str(error))]


def _tell(chosen: Sequence[Bench], rows: Sequence[Row], folder: Path) -> None:
    path = OUT / "latest.json"
    table.written(rows, path)
    print(table.printed(rows))
    print()
    for bench in chosen:
        print(f"{bench.name}: {bench.says}")
    print()
    for line in machine.described(folder):
        print(line)
    print(f"rows: {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
