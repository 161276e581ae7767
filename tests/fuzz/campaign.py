"""One parser fed with many inputs, and what is not allowed to happen meanwhile.

1. An exception that the parser does not declare, an assertion of its reader included.
2. An input that costs more than HANG_S of CPU; one that does not come back at all is cut after STUCK_S.
3. Memory that grows by more than GROWTH_MB_MAX after the first fifth of the run.
"""

import ctypes
import gc
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.mutation import Mutator
from tests.fuzz.parser import Parser, Read

HANG_S = 1.0
STUCK_S = 60
GROWTH_MB_MAX = 20.0
FINDINGS_MAX = 10
SHAPES_MAX = 20_000
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; other heaps give back by themselves


class StuckError(Exception):
    """The input that is being read does not come back."""


@dataclass
class Outcome:
    """What came of a campaign; `findings` are the offence and the input in hexadecimal."""

    name: str
    execs: int = 0
    accepted: int = 0
    shapes: int = 0
    for_s: float = 0.0
    slowest_s: float = 0.0
    growth_mb: float = 0.0
    findings: list[tuple[str, str]] = field(default_factory=list)


def run(parser: Parser, execs: int, seed: int) -> Outcome:
    """Feed `execs` inputs: all seeds first, then what is made of them."""
    outcome = Outcome(parser.name)
    inputs = parser.inputs()
    campaign = _Campaign(parser, Mutator(inputs, random.Random(f"{parser.name} {seed}")), outcome)
    with _alarm():
        for number in range(execs):
            if len(outcome.findings) >= FINDINGS_MAX:
                break
            if number == execs // 5:
                before_mb = _held_mb(campaign.mutator)
            campaign.feed(inputs[number] if number < len(inputs) else campaign.mutator.next())
        outcome.growth_mb = _held_mb(campaign.mutator) - before_mb if execs >= 1_000 else 0.0
    if outcome.growth_mb > GROWTH_MB_MAX:
        outcome.findings.append((f"memory grew by {outcome.growth_mb:.0f} MB", ""))
    return outcome


class _Campaign:
    def __init__(self, parser: Parser, mutator: Mutator, outcome: Outcome) -> None:
        self.mutator = mutator
        self._read: Read = parser.opened()
        self._errors = parser.errors
        self._outcome = outcome
        self._shapes: set[str] = set()
        self._armed_s = 0.0

    def feed(self, raw: bytes) -> None:
        outcome = self._outcome
        begun_s, cpu_s = time.perf_counter(), time.thread_time()
        if begun_s - self._armed_s > STUCK_S / 10:
            signal.alarm(STUCK_S)
            self._armed_s = begun_s
        shape, offence = "", ""
        try:
            self._read(raw)
            outcome.accepted += 1
        except self._errors as error:
            shape = _shape_of(error)
        except Exception as error:  # noqa: BLE001 - what nobody declared is what is looked for
            offence = f"{type(error).__name__}: {error}"[:300]
        spent_s = time.thread_time() - cpu_s
        outcome.execs += 1
        outcome.for_s += time.perf_counter() - begun_s
        outcome.slowest_s = max(outcome.slowest_s, spent_s)
        if spent_s > HANG_S:
            offence = offence or f"{spent_s:.1f} s of CPU"
        if offence:
            outcome.findings.append((offence, raw.hex()))
        elif shape not in self._shapes and len(self._shapes) < SHAPES_MAX:
            self._shapes.add(shape)
            outcome.shapes += 1
            self.mutator.keep(raw)


def _shape_of(error: Exception) -> str:
    """Where and why an input was turned away: one that is turned away elsewhere is worth building upon."""
    return f"{type(error).__name__} {re.sub('[0-9]+', '#', str(error)[:120])}"


def _held_mb(mutator: Mutator) -> float:
    return _resident_mb() - mutator.pool_bytes / 1e6


def _resident_mb() -> float:
    gc.collect()  # what waits for the collector has not grown, nor has a heap that keeps its blocks for the next
    if _trim is not None:
        _trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@contextmanager
def _alarm() -> Iterator[None]:
    def stuck(_number: int, _frame: FrameType | None) -> None:
        raise StuckError(f"nothing for {STUCK_S} s")

    before = signal.signal(signal.SIGALRM, stuck)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
