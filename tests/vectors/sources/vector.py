"""One vector: an input, what must come of it, and the clause that says so."""

from typing import Any

Vector = dict[str, Any]


def vector(name: str, clause: str, expect: Any, **given: Any) -> Vector:
    return {"name": name, "clause": clause, **given, "expect": expect}


def code(code: str) -> dict[str, str]:
    """The expectation of a rejection."""
    return {"code": code}


def input_of(raw: bytes) -> dict[str, str]:
    """The bytes as `text` where they are text, else as `hex`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"hex": raw.hex()}
    return {"text": text}


def runs_of(raw: bytes) -> list[dict[str, Any]]:
    """The bytes as runs: what stands there many times over is written once, in words of four bytes."""
    runs: list[dict[str, Any]] = []
    at = 0
    while at < len(raw):
        word = raw[at : at + 4]
        end = at + len(word)
        while raw[end : end + 4] == word:
            end += 4
        times = (end - at) // len(word)
        if times < 8 and runs and runs[-1]["times"] == 1:
            runs[-1]["hex"] += raw[at:end].hex()
        elif times < 8:
            runs.append({"hex": raw[at:end].hex(), "times": 1})
        else:
            runs.append({"hex": word.hex(), "times": times})
        at = end
    return runs
