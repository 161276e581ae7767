"""Prose that points somewhere points at something; the specification and the code list the same things."""

import importlib
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.repository.tree import ROOT, text, tracked

SPEC = Path("device/protocol/SPEC.md")
DAY_MS = 24 * 3600 * 1000
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", flags=re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    return _FENCE.sub("", text(path))


def anchors(path: Path) -> set[str]:
    """The names under which a reader's browser finds the headings."""
    titles = re.findall(r"^#{1,6}\s+(.*?)\s*#*$", prose(path), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def dead_links(path: Path) -> list[str]:
    dead = []
    for link in _LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (ROOT / path.parent / name).resolve() if name else ROOT / path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


def test_links_lead_somewhere() -> None:
    dead = {str(path): links for path in tracked() if path.suffix == ".md" and (links := dead_links(path))}
    assert not dead, f"{dead}: the file or the heading moved"


def clause(number: int) -> str:
    """The text of one numbered clause of the specification."""
    if not (ROOT / SPEC).exists():
        pytest.skip(f"{SPEC} is not written yet")
    found = re.search(rf"^## {number} .*?(?=^## |\Z)", text(SPEC), flags=re.MULTILINE | re.DOTALL)
    if found is None:
        pytest.skip(f"{SPEC} has no clause {number} yet")
    return found[0]


def contract(name: str) -> object:
    if not (ROOT / "device" / "protocol" / f"{name}.py").exists():
        pytest.skip(f"device/protocol/{name}.py is not written yet")
    return importlib.import_module(f"device.protocol.{name}")


def number_of(name: str, value: str) -> int:
    """`1,024`, `2 GiB`, or `90 days` in the unit that the name says."""
    count, _, unit = value.partition(" ")
    whole = int(count.replace(",", "")) * {"": 1, "GiB": 1 << 30, "s": 1_000, "h": DAY_MS // 24, "days": DAY_MS}[unit]
    return whole // 1_000 if unit in ("s", "h", "days") and re.search(r"_S(_|$)", name) else whole


def test_limits_of_the_specification_are_those_of_the_code() -> None:
    written = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", clause(17), flags=re.MULTILINE))
    limits = contract("limits")
    named = {name for name in vars(limits) if name.isupper()} - {"DAY_MS", "UTC_OFFSET_MS", "INTEGER_MAX"}
    assert named == set(written), "a limit stands in both, or in neither"
    wrong = {
        name: (value, getattr(limits, name, None))
        for name, value in written.items()
        if getattr(limits, name, None) != number_of(name, value)
    }
    assert not wrong, f"{wrong}: SPEC 17 says the first, limits.py the second; SPEC is right"


def test_codes_of_the_specification_are_those_of_the_code() -> None:
    written = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (.*) \|$", clause(18), flags=re.MULTILINE)
    english = {code: en for code, (_, en) in getattr(contract("codes"), "MESSAGES", {}).items()}
    assert dict(written) == english, "SPEC 18 and codes.py list different codes, or other English sentences"
    assert len(written) == len(english), "SPEC 18 lists a code twice"
