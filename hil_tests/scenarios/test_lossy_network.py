"""A line that loses a third of its packets, a broker that is killed, a cut that nobody tells of: no play is lost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.hil


def missing() -> str:
    """What this machine lacks for a network of its own; empty if nothing."""
    programs = [program for program in ("unshare", "ip", "nft") if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "root (network namespaces and nftables)"
    if programs:
        return ", ".join(programs)
    tried = subprocess.run(
        ["unshare", "--net", "nft", "add", "table", "inet", "tried"], capture_output=True, text=True, check=False
    )
    return f"nftables in a namespace: {tried.stderr.strip()[:200]}" if tried.returncode else ""


def test_an_evening_on_a_bad_line_loses_no_play_and_is_back_within_10_s(tmp_path: Path) -> None:
    lacking = missing()
    if lacking:
        pytest.skip(f"missing: {lacking}")
    story = f'ip link set lo up && exec "{sys.executable}" -m hil_tests.scenarios.lossy_story "$0"'
    told = subprocess.run(
        ["unshare", "--net", "sh", "-c", story, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    figures = json.loads(told.stdout)
    assert figures["packets_lost"] >= 20, "the line was not bad"
    assert figures["plays_counted"] >= 48
