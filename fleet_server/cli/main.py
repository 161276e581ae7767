"""Entry point: choose the language, build the parser, run the verb, end with its exit code."""

import importlib
import os
import sys
from collections.abc import Sequence

from fleet_server.cli.outcome import FAILED, CommandError
from fleet_server.cli.verbs import Context, Verbs

# Module of verbs of each command, in the order of --help. Only the module that is asked for is loaded: the libraries of
# the server take longer to load than a verb to run.
MODULES = {
    "init": "server",
    "serve": "server",
    "sign-in": "session",
    "sign-out": "session",
    "passwd": "session",
    "whoami": "session",
    "person": "people",
    "account": "people",
    "region": "regions",
    "venue": "venues",
    "box": "boxes",
    "order": "orders",
    "notice": "notices",
    "plays": "plays",
    "extension": "extensions",
    "incident": "plays",
    "letter": "plays",
    "evidence": "evidence",
    "catalog": "catalog",
    "bundle": "rollouts",
    "rollout": "rollouts",
    "audit": "audit",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit codes are those of `outcome.py`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    verbs = Verbs(_language(given))
    for name in _modules_for(given):
        importlib.import_module(f"fleet_server.cli.{name}").register(verbs)
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


def _modules_for(arguments: Sequence[str]) -> list[str]:
    """The module of the command; all of them where none is named, as for --help."""
    command = arguments[0] if arguments else ""
    return [MODULES[command]] if command in MODULES else list(dict.fromkeys(MODULES.values()))


def _language(arguments: Sequence[str]) -> str:
    for at, argument in enumerate(arguments):
        if argument == "--lang" and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if named.startswith("zh") else "en"
