"""What is shipped: three programs and their data, and nothing that only proves them."""

import importlib
import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import PurePosixPath

import pytest

from tests.repository.tree import PROGRAMS, ROOT, tracked


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> set[PurePosixPath]:
    """The files of a wheel built from this checkout, its own metadata left out."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    names = {PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist()}
    return {name for name in names if not name.parts[0].endswith(".dist-info")}


def test_only_the_programs_are_shipped(shipped: set[PurePosixPath]) -> None:
    assert {name.parts[0] for name in shipped} == set(PROGRAMS)


def test_everything_a_program_has_is_shipped(shipped: set[PurePosixPath]) -> None:
    ours = {PurePosixPath(path.as_posix()) for path in tracked() if path.parts[0] in PROGRAMS}
    assert ours <= shipped, f"missing in the wheel: {sorted(map(str, ours - shipped))}"


SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("command", SCRIPTS)
def test_every_command_leads_to_a_function(command: str) -> None:
    module, _, function = SCRIPTS[command].partition(":")
    program = module.partition(".")[0]
    if importlib.util.find_spec(f"{program}.cli") is None:
        pytest.skip(f"{program} has no command line yet")
    assert callable(getattr(importlib.import_module(module), function))
