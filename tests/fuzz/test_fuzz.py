"""Every parser of foreign bytes, with its corpus and a small campaign; `make fuzz` is the long one."""

import gc
import itertools
import json
import mmap
from collections.abc import Callable

import pytest

from device.protocol.errors import MalformedError
from tests.fuzz import campaign
from tests.fuzz.campaign import run
from tests.fuzz.parser import CORPUS, Parser
from tests.fuzz.parsers import PARSERS, shares

EXECS = 80_000  # of all parsers together
# The library reads a serial number that is not positive and says that a later version of it will not. Keys are new in
# every run, so that a mutated certificate comes there now and then; elsewhere a warning stays an error.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


SHARES = dict(zip(PARSERS, shares(list(PARSERS.values()), EXECS), strict=True))


@pytest.mark.parametrize("name", PARSERS)
def test_foreign_bytes_are_read_or_rejected(name: str) -> None:
    parser = PARSERS[name]
    outcome = run(parser, max(SHARES[name], len(parser.inputs()) + 20), seed=1)
    assert not outcome.findings


def test_what_was_found_once_is_asked_for_ever() -> None:
    for path in CORPUS.glob("*.jsonl"):
        assert path.stem in PARSERS, f"{path.name} belongs to no parser"
        for line in path.read_text().splitlines():
            assert set(json.loads(line)) - {"text", "hex"} == {"found"}


def _crash(raw: bytes) -> None:
    if b"[" in raw:
        raise KeyError("not declared")
    raise MalformedError("DOCUMENT_MALFORMED")


def _hang(_raw: bytes) -> None:
    sum(range(10_000_000))


def _in_a_circle(_raw: bytes) -> None:
    room = mmap.mmap(-1, 100_000)  # whatever a heap keeps for the next one
    room.write(b"x" * 100_000)
    circle: list[object] = [room]
    circle.append(circle)
    raise MalformedError("DOCUMENT_MALFORMED")


def _leak() -> Callable[[bytes], None]:
    kept: list[bytes] = []
    return lambda _: kept.append(b"x" * 400_000)  # written to, and more than any heap has to give back


@pytest.mark.parametrize(
    ("opened", "execs", "finding"),
    [(lambda: _crash, 500, "KeyError"), (lambda: _hang, 1, "s of CPU"), (_leak, 1_000, "memory grew")],
)
def test_the_campaign_sees(
    opened: Callable[[], Callable[[bytes], object]], execs: int, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "HANG_S", 0.05)
    outcome = run(Parser("faulty", lambda: [b'{"a":1}'], opened), execs, seed=1)
    assert finding in outcome.findings[0][0]


def test_what_waits_for_the_collector_is_no_growth() -> None:
    gc.disable()
    try:
        outcome = run(Parser("circles", lambda: [b'{"a":1}'], lambda: _in_a_circle), 1_000, seed=1)
    finally:
        gc.enable()
    assert outcome.findings == []


def test_what_the_fuzzer_builds_upon_is_no_growth_of_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "GROWTH_MB_MAX", 8.0)
    numbers = itertools.count()

    def turned_away_elsewhere(_raw: bytes) -> None:
        raise ValueError(str(next(numbers)).translate(str.maketrans("0123456789", "abcdefghij")))

    parser = Parser("choosy", lambda: [b'{"a":"' + b"x" * 60_000 + b'"}'], lambda: turned_away_elsewhere, (ValueError,))
    outcome = run(parser, 1_000, seed=1)
    assert outcome.shapes == 1_000
    assert outcome.findings == []
