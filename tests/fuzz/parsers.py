"""Every parser that is fuzzed, by name."""

from collections.abc import Sequence

from tests.fuzz import of_box, of_programs, of_protocol
from tests.fuzz.campaign import Outcome, run
from tests.fuzz.parser import Parser

PARSERS: dict[str, Parser] = {
    parser.name: parser for parser in (*of_protocol.PARSERS, *of_box.PARSERS, *of_programs.PARSERS)
}


def shares(parsers: Sequence[Parser], execs: int) -> list[int]:
    """How many executions each gets: together at least `execs`, every one at least one."""
    whole = sum(parser.share for parser in parsers)
    return [max(1, -(-execs * parser.share // whole)) for parser in parsers]


def campaign(job: tuple[str, int, int]) -> Outcome:
    """Name of the parser, executions, seed: in a process of its own."""
    name, execs, seed = job
    return run(PARSERS[name], execs, seed)
