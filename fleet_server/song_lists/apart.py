"""Reading a song list in a process of its own, so that no file can stop or starve the server.

A million rows are half a minute of work; in this process they would hold up acknowledgements and orders.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fleet_server.song_lists.check import Check
from fleet_server.song_lists.csv_file import FILE_BYTES_MAX, Form
from fleet_server.song_lists.findings import Finding
from fleet_server.song_lists.rows import Song

WAIT_S_MAX = 600
_ROOT = Path(__file__).resolve().parents[2]  # where `-m` finds this package


def check_apart(raw: bytes, asked: Mapping[str, str], delimiter: str = "") -> Check:
    """As `check_file`; blocks. A file that takes too much memory or time has the finding `FILE_COSTLY`."""
    if len(raw) > FILE_BYTES_MAX:
        return _failed("FILE_TOO_LARGE", f"{len(raw)} bytes, at most {FILE_BYTES_MAX}")
    order = json.dumps({"mapping": dict(asked), "delimiter": delimiter}).encode() + b"\n"
    command = [sys.executable, "-m", "fleet_server.song_lists.child"]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, input=order + raw, capture_output=True, timeout=WAIT_S_MAX, check=True
        )
    except subprocess.TimeoutExpired:
        return _failed("FILE_COSTLY", f"more than {WAIT_S_MAX} s")
    except subprocess.CalledProcessError as error:
        return _failed("FILE_COSTLY", error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:100])
    return _read(done.stdout)


def _read(answer: bytes) -> Check:
    first, *rest = answer.splitlines()
    facts = json.loads(first)
    form = facts["form"]
    return Check(
        form=None if form is None else Form(form["encoding"], form["delimiter"], tuple(form["header"])),
        columns=facts["columns"],
        rows=facts["rows"],
        bad=facts["bad"],
        is_whole=facts["is_whole"],
        findings=[Finding(**finding) for finding in facts["findings"]],
        songs=[Song(*song) for line in rest for song in json.loads(line)],
    )


def _failed(code: str, detail: str) -> Check:
    return Check(is_whole=False, findings=[Finding(0, "", code, detail)])
