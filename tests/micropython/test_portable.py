"""device/protocol and device/core run on MicroPython, not only on CPython."""

import re
from pathlib import Path

import pytest

from tests.micropython.interpreters import ROOT, compile_module, portable_modules, run, stage

BUILDS = ("unix", "webassembly")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    stage(folder)
    return folder


@pytest.mark.parametrize("build", BUILDS)
def test_the_golden_vectors_hold_on_micropython(build: str, staged: Path) -> None:
    result = run(build, staged, "run_vectors.py")
    said = result.stdout + result.stderr
    passed = re.search(r"^PASS (\d+)$", result.stdout, flags=re.MULTILINE)
    assert result.returncode == 0, said
    assert passed is not None, said
    assert int(passed[1]) > len(portable_modules()), said


@pytest.mark.parametrize("build", BUILDS)
def test_a_failing_check_is_seen(build: str, staged: Path, tmp_path: Path) -> None:
    """The harness itself: without it a runner that says nothing would pass for good news."""
    folder = tmp_path / "stage"
    stage(folder)
    (folder / "modules.json").write_text('["device.protocol.no_such_module"]')
    result = run(build, folder, "run_vectors.py")
    assert "FAIL import device.protocol.no_such_module" in result.stdout
    assert "PASS" not in result.stdout


def test_every_portable_module_compiles(tmp_path: Path) -> None:
    complaints = {
        str(path): complaint
        for path in portable_modules()
        if (complaint := compile_module(ROOT / path, tmp_path / "module.mpy"))
    }
    assert not complaints


def test_what_is_outside_the_subset_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("merged = {**{}, 'a': 1}\n")
    assert "SyntaxError" in compile_module(source, tmp_path / "source.mpy")
