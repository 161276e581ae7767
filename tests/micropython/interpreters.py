"""The MicroPython builds that run our portable packages, each as a child process.

    unix         the port for Linux: a real one, but packaged by one person; x86_64 only
    webassembly  the official build, run by node
    compiler     mpy-cross, which only compiles: what it refuses, no board will run

A build that is not installed skips its tests by name.
"""

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PORTABLE = ("device/protocol", "device/core")
HEAP = "24M"  # lists of 7,000 are among the vectors
RUN_SECONDS_MAX = 60


def portable_modules() -> list[Path]:
    """Every module that must run on MicroPython, relative to the root."""
    return sorted(path.relative_to(ROOT) for folder in PORTABLE for path in (ROOT / folder).rglob("*.py"))


def stage(folder: Path) -> None:
    """Lay out what `run_vectors.py` expects, and nothing else of ours."""
    modules = portable_modules()
    for path in [Path("device/__init__.py"), *modules]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    for name in ("run_vectors.py", "p256.py"):
        shutil.copyfile(HERE / name, folder / name)
    vectors = ROOT / "tests" / "vectors"
    if vectors.is_dir():
        shutil.copytree(vectors, folder / "vectors")
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in modules]
    (folder / "modules.json").write_text(json.dumps(names))


def run(build: str, folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a staged folder; skip when the build is not on this machine."""
    command = {"unix": _unix, "webassembly": _webassembly}[build]()
    if build == "webassembly":
        command.append(str(folder))
    return subprocess.run(
        [*command, script], cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )


def compile_module(source: Path, target: Path) -> str:
    """Compile with mpy-cross; its complaint, or nothing."""
    result = subprocess.run(
        [_beside_python("mpy-cross"), "-o", str(target), str(source)],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    return (result.stderr or result.stdout) if result.returncode else ""


def _beside_python(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def _unix() -> list[str]:
    if not Path(_beside_python("micropython")).exists():
        pytest.skip(f"MicroPython for Linux is missing: no package of it for {platform.machine()}")
    return [_beside_python("micropython"), "-X", f"heapsize={HEAP}"]


def _webassembly() -> list[str]:
    if shutil.which("node") is None:
        pytest.skip("node is missing: it runs the WebAssembly build of MicroPython")
    if not (HERE / "node_modules" / "@micropython").is_dir():
        pytest.skip("the npm package of MicroPython is missing: `make test` installs it")
    return ["node", str(HERE / "run.mjs")]
