"""SPEC is enough: a reader written from it alone, in another language, agrees with ours about the golden vectors."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [
    "batches",
    "boot_blocks",
    "catalogs",
    "chains",
    "claim_proofs",
    "entries",
    "envelopes",
    "frames",
    "holds",
    "json",
    "leases",
    "notices",
    "orders",
    "regions",
    "root_keys",
    "serial_frames",
    "topics",
    "venue_codes",
]


def ask(folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("node") is None:
        pytest.skip("node is missing: it runs the strangers' reader")
    command = ["node", str(HERE / "strangers" / "run.mjs"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_stranger_comes_to_the_same_outcomes() -> None:
    answer = ask(HERE)
    vectors = sum(len(json.loads((HERE / f"{name}.json").read_text())) for name in FILES)
    assert answer.stdout.splitlines() == [f"PASS {vectors}"], answer.stdout + answer.stderr


def test_the_stranger_is_not_polite(tmp_path: Path) -> None:
    """A vector that expects too little of each file must be told."""
    for name in FILES:
        vectors = json.loads((HERE / f"{name}.json").read_text())
        vectors[-1]["expect"] = {"code": "NO_SUCH_CODE"}
        (tmp_path / f"{name}.json").write_text(json.dumps(vectors))
    answer = ask(tmp_path)
    assert answer.returncode == 1
    assert [line.split(":")[0] for line in answer.stdout.splitlines()].count("PASS") == 0
    assert {line.split()[1].rstrip(":") for line in answer.stdout.splitlines()} == set(FILES)
