"""Small scripts in ``.demo/bin``: the programs, each signed in as one person, and a hand on each board."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from hil_tests.bench.country import ACCOUNTS, OPERATOR, officers_over
from hil_tests.bench.program import CHECKOUT
from hil_tests.bench.stage import Stage


def write_handles(stage: Stage) -> Path:
    """Write them; returns their folder."""
    folder = stage.folder / "bin"
    folder.mkdir(exist_ok=True)
    _write(folder / "frontbox-fleet", "fleet_server", _session(stage, OPERATOR.person))
    _write(folder / "frontbox-provision", "provisioning", {})
    _write(folder / "frontbox-verify", "provisioning.verify", {})
    for officer in ACCOUNTS:
        _write(folder / officer.person, "fleet_server", _session(stage, officer.person))
    for venue in stage.venues:
        _write(folder / venue.place.box, "hil_tests.bench.lever", {}, str(venue.board.directory))
    return folder


def suggestions(stage: Stage) -> list[str]:
    """Commands to try, with the real codes and names of this run."""
    shown = _shown(stage.folder)
    venue = stage.venues[0]
    code = stage.code(venue)
    first, second = officers_over(venue.place.region)
    keys = f"{shown}/ceremony/officers"
    return [
        f"{shown}/bin/frontbox-fleet venue list --output json",
        f"{shown}/bin/frontbox-fleet plays query --venue {code} --by song",
        f"{shown}/bin/{first.person} order draft stop --authority {first.region} --venue {code} \\",
        "    --document '文旅执〔2026〕第 1 号' --basis '娱乐场所管理条例' --text-zh 责令停业整顿 \\",
        f"    --text-en 'Business suspended' --ends-in-days 30 --key {keys}/{first.person}.pem",
        f"{shown}/bin/{second.person} order approve ORDER --key {keys}/{second.person}.pem",
        f"{shown}/bin/{venue.place.box} network cut      # then: network heal, power cut, power on, seal open",
        f"{shown}/bin/{venue.place.box} clock +7h        # into the closed hours",
    ]


def sign_in_line(stage: Stage) -> str:
    password = _shown(stage.fleet.password_file(OPERATOR.person))
    return f"console {stage.fleet.url}  account {OPERATOR.person}, password in {password} (each person has one there)"


def _shown(path: Path) -> str:
    """As people would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _session(stage: Stage, person: str) -> dict[str, str]:
    return {"FRONTBOX_SESSION": str(stage.fleet.session_file(person))}


def _write(path: Path, module: str, environment: Mapping[str, str], *first: str) -> None:
    given = " ".join(shlex.quote(f"{name}={value}") for name, value in {"PYTHONPATH": CHECKOUT, **environment}.items())
    words = " ".join(shlex.quote(word) for word in (sys.executable, "-m", module, *first))
    path.write_text(f'#!/bin/sh\nexec env {given} {words} "$@"\n')
    path.chmod(0o755)
