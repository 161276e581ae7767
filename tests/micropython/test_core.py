"""The same events give the same bytes, whichever interpreter decides."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.micropython.interpreters import ROOT, RUN_SECONDS_MAX, run, stage

SCENARIO = "core_scenario.py"


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("core")
    stage(folder)
    (folder / "tests").mkdir()
    for name in ("builders.py", "box_rig.py"):
        shutil.copyfile(ROOT / "tests" / name, folder / "tests" / name)
    shutil.copyfile(Path(__file__).parent / SCENARIO, folder / SCENARIO)
    return folder


@pytest.mark.parametrize("build", ["unix", "webassembly"])
def test_one_life_of_a_box_leaves_the_same_journal_on_micropython(build: str, staged: Path) -> None:
    here = subprocess.run(
        [sys.executable, SCENARIO], cwd=staged, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=True
    )
    there = run(build, staged, SCENARIO)
    assert there.stdout == here.stdout, there.stdout + there.stderr
    entries = int(here.stdout.split()[1])
    assert entries > 100, "a box that decided little proves little"
