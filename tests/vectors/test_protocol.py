"""The golden vectors through device.protocol on CPython; on MicroPython they run in tests/micropython."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.crypto.p256 import verify
from tests.vectors import outcomes, regenerate

HERE = Path(__file__).parent
SIZE_BYTES_MAX = 1_600_000
VECTORS: list[tuple[str, dict[str, Any]]] = [
    (name, vector) for name in regenerate.SOURCES for vector in json.loads((HERE / f"{name}.json").read_text())
]


@pytest.mark.parametrize(("file", "vector"), VECTORS, ids=[f"{file}: {vector['name']}" for file, vector in VECTORS])
def test_the_outcome_is_the_expected_one(file: str, vector: dict[str, Any]) -> None:
    assert outcomes.of(file, vector, verify) == vector["expect"]


@pytest.mark.parametrize("name", regenerate.SOURCES)
def test_what_lies_here_is_what_is_written(name: str) -> None:
    stored = (HERE / f"{name}.json").read_text()
    assert stored == regenerate.text_of(name), "SPEC changed? then: python -m tests.vectors.regenerate"


def test_every_file_is_read() -> None:
    assert {path.stem for path in HERE.glob("*.json")} == set(regenerate.SOURCES) == set(outcomes.READERS)


def test_names_are_told_apart() -> None:
    for name in regenerate.SOURCES:
        names = [vector["name"] for file, vector in VECTORS if file == name]
        assert len(set(names)) == len(names), name


def test_every_code_of_an_acceptance_has_a_vector() -> None:
    """SPEC 6.2 (1) to (7), 7.1, 12.1."""
    expected = {vector["expect"].get("code") for file, vector in VECTORS if file in {"orders", "leases", "notices"}}
    wanted = {f"{subject}_{rule}" for subject in ("ORDER", "NOTICE") for rule in ("REGION", "SCOPE_LIMIT", "MALFORMED")}
    wanted |= {"ORDER_THRESHOLD", "ORDER_SAME_PERSON", "ORDER_DRAFTER", "ORDER_NOT_ENTITLED", "NOTICE_NOT_ENTITLED"}
    wanted |= {"NOTICE_ISSUER", "LEASE_NOT_OURS", "LEASE_NONCE", "LEASE_ROLLBACK"}
    wanted |= {"DOCUMENT_MALFORMED", "ENVELOPE_TYPE", "SIGNATURE_INVALID", "SIGNER_UNKNOWN"}
    assert wanted <= expected


def test_the_vectors_stay_small() -> None:
    assert sum(path.stat().st_size for path in HERE.glob("*.json")) < SIZE_BYTES_MAX
