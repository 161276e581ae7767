"""Entry point: choose the language, build the parser, run the verb, end with its exit code."""

import os
import sys
from collections.abc import Callable, Sequence

from fleet_server.cli import audit, boxes, people, regions, server, session, venues
from fleet_server.cli.outcome import FAILED, CommandError
from fleet_server.cli.verbs import Context, Verbs

# One module of verbs per domain, in the order of --help.
DOMAINS: tuple[Callable[[Verbs], None], ...] = (
    server.register,
    session.register,
    people.register,
    regions.register,
    venues.register,
    boxes.register,
    audit.register,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit codes are those of `outcome.py`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    verbs = Verbs(_language(given))
    for register in DOMAINS:
        register(verbs)
    parsed = verbs.parser.parse_args(given)
    context = Context(parsed, verbs.lang)
    try:
        return int(parsed.run(context))
    except CommandError as error:
        context.say(f"{error.code}: {error.zh}", f"{error.code}: {error.en}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has left (`| head`); say nothing more to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130


def _language(arguments: Sequence[str]) -> str:
    for at, argument in enumerate(arguments):
        if argument == "--lang" and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if named.startswith("zh") else "en"
