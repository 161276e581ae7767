"""10. The evidence of one evening verifies with nothing but the file and the root; one flipped bit is found
and named."""

import io
import tarfile
from pathlib import Path

from hil_tests.bench.offices import VERIFY
from hil_tests.bench.program import Outcome, run
from hil_tests.bench.stage import Stage

TITLE = "evidence"
ENTRIES = "entries.jsonl"


def prove(stage: Stage) -> str:
    venue = stage.venues[0]
    whole = stage.folder / "evidence" / f"{venue.place.box}.tar"
    whole.parent.mkdir(exist_ok=True)
    whole.unlink(missing_ok=True)
    stage.offices.operate("evidence", "export", "--venue", stage.code(venue), "--out", whole)
    verified = _verify(stage, whole)
    assert verified.exit_code == 0, f"sound evidence was refused: {verified.err or verified.out}"

    flipped = whole.with_name("flipped.tar")
    name, count = _flip(whole, flipped)
    refused = _verify(stage, flipped)
    assert refused.exit_code != 0, "a flipped bit was not found"
    assert refused.says(name), f"entry {name} is bad, the verifier says: {refused.err or refused.out}"
    return f"{count} entries verify; one flipped bit is found: entry {name}"


def _verify(stage: Stage, evidence: Path) -> Outcome:
    return run(VERIFY, evidence, "--root", stage.offices.ceremony / "root.json")


def _flip(whole: Path, flipped: Path) -> tuple[str, int]:
    """Copy the file with one bit of one entry turned; the name of that entry and how many there are."""
    with tarfile.open(whole) as source, tarfile.open(flipped, "w") as target:
        for member in source.getmembers():
            file = source.extractfile(member)
            assert file is not None, member.name
            content = file.read()
            if member.name == ENTRIES:
                lines = content.splitlines(keepends=True)
                at = len(lines) // 2
                name, lines[at] = _with_turned_bit(lines[at])
                content = b"".join(lines)
            target.addfile(member, io.BytesIO(content))
    return name, len(lines)


def _with_turned_bit(line: bytes) -> tuple[str, bytes]:
    """The lowest bit of the last digit of the entry's ``mono_ms``: the entry stays well-formed."""
    start = line.index(b'"mono_ms":') + len(b'"mono_ms":')
    end = start
    while line[end : end + 1].isdigit():
        end += 1
    turned = line[: end - 1] + bytes([line[end - 1] ^ 1]) + line[end:]
    epoch = _number(line, b'"epoch":')
    seq = _number(line, b'"seq":')
    return f"{epoch}-{seq}", turned


def _number(line: bytes, name: bytes) -> str:
    start = line.rindex(name) + len(name)
    end = start
    while line[end : end + 1].isdigit():
        end += 1
    return line[start:end].decode()
