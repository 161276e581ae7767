"""Requirement files pin every package by hash and say nothing about where it comes from."""

import json
import re
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, text, tracked

COMPILED = [path for path in tracked() if path.parts[0] == "requirements" and path.suffix == ".txt"]


@pytest.mark.parametrize("path", COMPILED, ids=str)
def test_every_requirement_is_pinned_by_hash(path: Path) -> None:
    requirements = [entry for entry in re.split(r"\n(?=\S)", text(path).strip()) if not entry.startswith("#")]
    loose = [entry.splitlines()[0] for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry]
    assert requirements, f"{path} pins nothing; `make requirements` writes it"
    assert not loose, f"{path}: not pinned by version and hash: {loose}; `make requirements` writes it"


@pytest.mark.parametrize("path", COMPILED, ids=str)
def test_no_requirement_names_an_index(path: Path) -> None:
    named = re.findall(r"^--\S*(?:index|links|host)\S*|\S+://\S+", text(path), flags=re.MULTILINE)
    assert not named, f"{path}: {named}; where packages come from is the business of each machine"


def test_the_development_requirements_cover_those_of_every_program() -> None:
    pins = {path.stem: set(re.findall(r"^(\S+==\S+)", text(path), flags=re.MULTILINE)) for path in COMPILED}
    for program in ("box", "server", "provisioning"):
        assert pins[program] <= pins["dev"], "tested and shipped versions differ; `make requirements`"


def test_no_lock_file_records_an_address() -> None:
    for lock in ROOT.glob("tests/**/package-lock.json"):
        if "node_modules" in lock.parts:
            continue
        packages = json.loads(lock.read_text())["packages"]
        resolved = [name for name, package in packages.items() if "resolved" in package]
        unhashed = [name for name, package in packages.items() if name and "integrity" not in package]
        assert not resolved, f"{lock}: {resolved}; .npmrc asks npm to omit them"
        assert not unhashed, f"{lock}: {unhashed} without integrity hash"
    assert not (ROOT / "uv.lock").exists(), "uv.lock records download hosts; requirements/*.txt pin instead"
