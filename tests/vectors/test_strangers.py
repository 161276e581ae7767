"""SPEC is enough: a reader written from it alone, in another language, agrees with ours about the golden vectors."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device.crypto.p256 import verify
from tests.vectors import outcomes
from tests.vectors.sources import documents

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.json"))


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


def test_a_file_that_nobody_reads_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "songs.json").write_text(json.dumps([{"name": "new", "clause": "1", "expect": {}}]))
    answer = ask(tmp_path)
    assert answer.returncode == 1
    assert answer.stdout.startswith("FAIL songs: new")


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one leaf changed, taken away or added, each in turn."""
    others: list[Any] = [None, True, 0, -1, 1, 2**53 - 1, "", "0", "A" * 41, "\u202e", [], [""], {}, {"v": 1}]
    yield from [other for other in others if other != value or type(other) is not type(value)]
    if isinstance(value, int) and not isinstance(value, bool):
        yield from (value + 1, value - 1)
    if isinstance(value, str):
        yield from (
            f"{value}a",
            f"{value}=",
            value[:-1],
            value.lower(),
            value.upper(),
            f" {value}",
            "中" + value[1:],
            "00" + value[2:],
        )
    if isinstance(value, dict):
        yield value | {"zz": 1}
        for name, item in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            yield from [value | {name: changed} for changed in spoiled(item)]
    if isinstance(value, list) and value:
        yield [*value, value[-1]]
        yield value[:-1]
        yield from [[changed, *value[1:]] for changed in spoiled(value[0])]


def test_both_readers_agree_about_every_slip_in_every_document(tmp_path: Path) -> None:
    """What no vector names: our outcome is written down as expected, and the stranger has to come to it as well."""
    slips = []
    for kind, _, name, raw in documents.SOUND:
        for at, changed in enumerate(spoiled(json.loads(raw))):
            vector = {"name": f"{name} {at}", "kind": kind, "text": json.dumps(changed)}
            slips.append(vector | {"expect": outcomes.of("documents", vector, verify)})
    (tmp_path / "documents.json").write_text(json.dumps(slips))
    answer = ask(tmp_path)
    assert answer.stdout.splitlines() == [f"PASS {len(slips)}"], answer.stdout + answer.stderr
