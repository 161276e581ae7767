"""What README and the pages tell people to type is there: programs, verbs, options, targets of make."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from fleet_server.cli.main import MODULES
from fleet_server.cli.verbs import Verbs
from provisioning import cli as provision
from provisioning.verify import cli as verify

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("frontbox-fleet", "frontbox-provision", "frontbox-verify")
COMMAND = re.compile(r"(?:frontbox-(?:fleet|provision|verify)|python -m [a-z_.]+|make [a-z]+)\b")
# Text in back quotes, and the lines of a block; a line that ends in a backslash goes on.
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands_of(page: Path) -> list[tuple[str, bool]]:
    """Each with whether it is whole, as the lines of a block are: in running text a verb may stand for itself."""
    text = re.sub(r"\s*\\\n\s*", " ", page.read_text())
    lines = [line.removeprefix("TOKEN=$(") for block in BLOCK.findall(text) for line in block.splitlines()]
    spans = SPAN.findall(BLOCK.sub("", text))
    # Behind two blanks stands what a line does.
    found = [(re.split(r"\)?$|  +", line)[0], True) for line in lines] + [(span, "--" in span) for span in spans]
    return [(command, is_whole) for command, is_whole in found if COMMAND.match(command)]


COMMANDS = [(page.relative_to(ROOT), *found) for page in PAGES for found in commands_of(page)]


@pytest.mark.parametrize(("page", "command", "is_whole"), COMMANDS, ids=[f"{at}: {said}" for at, said, _ in COMMANDS])
def test_a_command_of_a_page_is_one(page: Path, command: str, is_whole: bool) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert_made(words[1:])
    elif words[0] == "python":
        assert set(flags(words)) <= set(flags(help_of(words[2]).split()))
    elif is_whole and "..." not in words:
        parser_of(words[0]).parse_args(words[1:])
    else:
        verb = [word for word in words[1:] if re.fullmatch("[a-z-]+", word) and not word.startswith("-")]
        assert set(flags(words)) <= set(flags(help_of_verb(words[0], verb).split()))


def assert_made(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, is_value, _ = word.partition("=")
        assert re.search(rf"\b{name}=" if is_value else rf"^{name}:", makefile, re.MULTILINE), word


def flags(words: list[str]) -> list[str]:
    return [found[0] for word in words if (found := re.match(r"--[a-z-]+", word.strip("[],")))]


@cache
def help_of(module: str) -> str:
    return subprocess.run([sys.executable, "-m", module, "--help"], check=True, capture_output=True, text=True).stdout


@cache
def parser_of(program: str) -> argparse.ArgumentParser:
    if program == "frontbox-provision":
        return provision.parser()
    if program == "frontbox-verify":
        return verify.parser()
    verbs = Verbs("en")
    for module in dict.fromkeys(MODULES.values()):
        import_module(f"fleet_server.cli.{module}").register(verbs)
    return verbs.parser


def help_of_verb(program: str, words: list[str]) -> str:
    found = parser_of(program)
    for word in words:
        # Behind the verb stand its words: `order draft stop`.
        for below in [action for action in found._actions if isinstance(action, argparse._SubParsersAction)]:
            found = below.choices[word]
    return found.format_help()


def test_pages_have_commands() -> None:
    assert len(COMMANDS) > 25
    assert {command.split()[0] for _, command, _ in COMMANDS} >= {"make", "python", *PROGRAMS}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_in_bin_and_runs_from_anywhere(program: str, tmp_path: Path) -> None:
    environment = os.environ | {"VENV": sys.prefix}
    del environment["PYTHONPATH"]
    command = [str(ROOT / "bin" / program), "--help"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (asked.returncode, asked.stderr) == (0, "")
