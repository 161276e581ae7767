"""Every program and every verb says in --help how it is typed and how it may end."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from fleet_server.cli.main import MODULES
from fleet_server.cli.outcome import MEANINGS
from fleet_server.cli.verbs import Verbs
from provisioning import cli as provision

PROGRAMS = (
    "fleet_server",
    "provisioning",
    "provisioning.verify",
    "device",
    "bench",
    "tests.fuzz",
    "hil_tests.board",
    "hil_tests.bench.lever",
    "hil_tests.demo",
    "hil_tests.vod",
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_names_its_exit_codes(program: str) -> None:
    asked = subprocess.run([sys.executable, "-m", program, "--help"], check=False, capture_output=True, text=True)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "exit codes" in asked.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_wrong_usage_is_always_the_same_exit_code(program: str) -> None:
    asked = subprocess.run([sys.executable, "-m", program, "--nonsense"], check=False, capture_output=True)
    assert asked.returncode == 2


@pytest.mark.parametrize(("lang", "examples"), [("zh", "例："), ("en", "examples:")])
def test_every_verb_of_the_fleet_has_examples_and_all_exit_codes(lang: str, examples: str) -> None:
    verbs = Verbs(lang)
    for module in dict.fromkeys(MODULES.values()):
        import_module(f"fleet_server.cli.{module}").register(verbs)
    seen = list(_verbs_of(verbs.parser))
    assert len(seen) > 40
    for verb in seen:
        said = verb.format_help()
        assert f"{examples}\n  {verb.prog}" in said
        for code, meaning in MEANINGS.items():
            assert f"\n  {code}  {meaning[lang == 'en']}\n" in said


def test_every_verb_of_the_tools_has_an_example_and_all_exit_codes() -> None:
    seen = list(_verbs_of(provision.parser()))
    assert len(seen) >= 8
    for verb in seen:
        said = verb.format_help()
        assert f"example:\n  {verb.prog}" in said
        for code in {0, provision.FAILED, provision.USAGE, *provision.EXIT_BY_CODE.values()}:
            assert f"\n  {code}  " in said


def _verbs_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for child in action.choices.values():
            yield from _verbs_of(child)
