"""The sides of a bench, each in a process of its own, asked in turn.

    figures = interleaved({"dict": "bench.lookup:InDict", "ours": "bench.lookup:Ours"}, run)
    figures["ours"]["us"]                # median over the rounds

A side is a class: `Side(folder, data, quick)` sets up and is not measured, `measure()` is one round and returns named
figures. Caches, memory and garbage of one side never touch another; the load of the machine touches all of them alike,
because round n of every side is measured before round n + 1 of any.
"""

import importlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from bench.row import CannotRunError, Run

ANSWER_WITHIN_S = 300
Figures = dict[str, float]


class SideProcess:
    """A process that holds one side."""

    def __init__(self, name: str, where: str, run: Run) -> None:
        folder = run.folder / name
        folder.mkdir()
        self._name = name
        command = [sys.executable, "-m", "bench.sides", where, str(folder), str(run.data), str(int(run.quick))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def answer(self) -> Figures:
        """The next line that the side says."""
        said = self._process.stdout
        assert said is not None
        ready, _, _ = select.select([said], [], [], ANSWER_WITHIN_S)
        line = said.readline() if ready else ""
        if not line:
            raise CannotRunError(f"the side {self._name!r} failed or did not answer within {ANSWER_WITHIN_S} s")
        figures: Figures = json.loads(line)
        return figures

    def measure(self) -> Figures:
        asked = self._process.stdin
        assert asked is not None
        asked.write("round\n")
        asked.flush()
        return self.answer()


def interleaved(sides: Mapping[str, str], run: Run) -> dict[str, Figures]:
    """The median of every figure of every side; raises CannotRunError. `sides`: name to `MODULE:CLASS`."""
    measured: dict[str, list[Figures]] = {name: [] for name in sides}
    with ExitStack() as processes:
        started: dict[str, SideProcess] = {}
        for name, where in sides.items():
            run.say(f"setting up {name}")
            started[name] = processes.enter_context(SideProcess(name, where, run))
            started[name].answer()
        for number in range(run.rounds):
            for name, side in started.items():
                run.say(f"round {number + 1} of {run.rounds}: {name}")
                measured[name].append(side.measure())
    return {
        name: {figure: median(one[figure] for one in rounds) for figure in rounds[0]}
        for name, rounds in measured.items()
    }


def main() -> None:
    """The child's end: a line `round` is asked, a line of JSON is answered."""
    where, folder, data, quick = sys.argv[1:]
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, _, name = where.partition(":")
    side = getattr(importlib.import_module(module), name)(Path(folder), Path(data), quick == "1")
    answers.write("{}\n")
    for _ in sys.stdin:
        answers.write(json.dumps(side.measure()) + "\n")


if __name__ == "__main__":
    main()
