"""What is fuzzed: a reader of foreign bytes, what it starts from, and how it may say no."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.protocol.errors import ProtocolError
from tests.vectors.outcomes import bytes_of

VECTORS = Path(__file__).parents[1] / "vectors"
CORPUS = Path(__file__).parent / "corpus"

Read = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """One reader.

    seeds: sound and unsound inputs to begin with, besides the corpus.
    opened: makes the reader, once in the process that fuzzes it; it may assert what must hold of what it accepts.
    errors: how it may say no; anything else is a finding.
    share: executions of a run, relative to those of the other parsers; a slow one gets fewer.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    opened: Callable[[], Read]
    errors: tuple[type[Exception], ...] = (ProtocolError,)
    share: int = 100

    def inputs(self) -> list[bytes]:
        """Seeds, and what was found before."""
        return [*self.seeds(), *remembered(self.name)]


def remembered(name: str) -> list[bytes]:
    """The corpus of a parser: one JSON object a line, `text` or `hex`, and `found`: what it once did."""
    path = CORPUS / f"{name}.jsonl"
    return [bytes_of(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def vectors(file: str, kind: str = "") -> list[bytes]:
    """The bytes of the golden vectors of a file, of one kind or of all."""
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{file}.json").read_text())
    return [bytes_of(one) for one in found if kind in ("", one.get("kind"))]
