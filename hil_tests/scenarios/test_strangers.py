"""Who has never seen our code, and only SPEC.md and /openapi.json, can play songs and is refused where it should be."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.tour.desk import some_songs

pytestmark = pytest.mark.hil
SCRIPT = Path(__file__).parents[1] / "strangers" / "vod.sh"


def test_curl_and_openssl_are_a_vod_server(stage: Stage, in_service: Venue, tmp_path: Path) -> None:
    missing = [program for program in ("curl", "openssl") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} missing: the stranger speaks to the box with it")
    command = [str(SCRIPT), in_service.url, some_songs(stage, 1, skip=11)[0], str(tmp_path)]
    environment = os.environ | {"TOKEN": in_service.token()}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "play: 201 X1",
        "end: 200 true",
        "end again: 200 true",
        "state: 200 in-service",
        "an unknown song: 403 SONG_UNKNOWN",
        "an unknown play: 404 PLAY_UNKNOWN",
        "without a token: 401 TOKEN_MISSING",
        "another token: 401 TOKEN_UNKNOWN",
        "a name twice: 422 REQUEST_MALFORMED",
        "a kind of play that is none: 422 REQUEST_MALFORMED",
        "a large body: 413 BODY_TOO_LARGE",
        "no such address: 404 NOT_FOUND",
        "an order of a stranger: 422 SIGNER_UNKNOWN",
        "a notice as an order: 422 ENVELOPE_TYPE",
    ]
