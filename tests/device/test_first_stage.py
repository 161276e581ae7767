"""The program from exec on: it answers before asyncio is read in, and asyncio takes over with nothing lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.start_box import BoardOfFiles
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.protocol.journal import play_id
from device.settings import Lan, Settings
from tests import builders, serving_box
from tests.device.drivers.journal_builders import OWNER
from tests.fleet_server.repository.published import catalog_files

ROOT = Path(__file__).parents[2]
COSTLY = (
    "typing",
    "pathlib",
    "urllib",
    "ipaddress",
    "http",
    "email",
    "difflib",
    "argparse",
    "asyncio",
    "logging",
    "dataclasses",
    "inspect",
    "tomllib",
)


class Disk:
    """Of a box in service; the counter of its board was left beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "box"
        ahead_ms = builders.NOON_MS - time.time_ns() // 1_000_000
        (path / "board").mkdir()
        (path / "board" / "files.json").write_text(json.dumps({"counter": 0, "ahead_ms": ahead_ms}))
        settings = Settings(data_dir=self.data, board="emulated", board_dir=path / "board", lan=Lan(port=0))
        board = BoardOfFiles(path / "board").board()

        def lay_catalog(catalog: CatalogFile) -> None:
            files = catalog_files(1, ["000001"])
            catalog.switch(files.pop("catalog/manifest.json"), files)

        self._token = asyncio.run(serving_box.written(settings, board, path, builders.policy(), lay_catalog))
        self._config = path / "box.toml"
        self._config.write_text(
            f'data_dir = "{self.data}"\nboard = "emulated"\nboard_dir = "{path}/board"\n[lan]\nport = 0\n'
        )
        self._config.chmod(0o600)

    def live(self, story: str) -> tuple[int, dict[str, Any]]:
        """What the process ended with, and what the story saw."""
        command = [sys.executable, "-m", "tests.device.first_stage_box", story, "--config", str(self._config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [*command, self._token], capture_output=True, text=True, timeout=180, check=False, env=environment
        )
        assert ended.stdout, ended.stderr
        said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        assert "failed" not in said, (said, ended.stderr)
        return ended.returncode, said

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the last boot's; that of a start has the name of its play."""
        found = JournalFile(Folder(self.data / "journal"), OWNER).recover()
        first = found.size - len(found.since_boot)
        entries = [(seq, json.loads(raw)) for seq, raw in enumerate(found.since_boot, first)]
        names = {seq: {"play": play_id(found.epoch, seq)} for seq, entry in entries if entry["kind"] == "PLAY_START"}
        return [{**entry["body"], **names.get(seq, {})} for seq, entry in entries if entry["kind"] == kind]


def test_what_a_start_can_do_without_is_not_read_in() -> None:
    """Beside what the stories below see, whose own modules need some of these."""
    program = f"import sys; import device.program; print([name for name in {COSTLY} if name in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "[]\n"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_the_first_answers_come_before_asyncio_and_a_play_among_them_is_durable(disk: Disk) -> None:
    code, said = disk.live("first_answers")
    assert code == -signal.SIGKILL
    assert said["question"] == [200, {"song": "000001", "room": "K1", "allowed": True, "code": ""}]
    assert (said["heavy"], said["collects"]) == ([], False)
    status, body = said["play"]
    assert status == 201
    assert [entry["play"] for entry in disk.entries("PLAY_START")] == [body["play"]]


def test_who_is_told_to_stop_in_the_first_stage_ends_in_order(disk: Disk) -> None:
    code, said = disk.live("told_to_stop")
    assert (code, said["heavy"], said["play"][0]) == (0, [], 201)
    assert [entry["reason"] for entry in disk.entries("PLAY_END")] == ["power"]
    assert (disk.data / "run" / "clean").exists()


def test_asyncio_takes_over_between_plays_of_one_connection(disk: Disk) -> None:
    code, said = disk.live("taken_over")
    assert code == 0
    assert (said["stages"], said["collects"]) == (["asyncio", "first", "state 200"], True)
    assert {status for status, _ in said["plays"]} == {201}
    assert {status for status, _ in said["ends"]} == {200}
    told = [play for _, play in said["plays"]]
    assert [entry["play"] for entry in disk.entries("PLAY_START")] == told
    assert [entry["play"] for entry in disk.entries("PLAY_END")] == told


def test_a_disk_that_stands_still_keeps_neither_the_status_page_away_nor_the_mark_of_an_orderly_end(disk: Disk) -> None:
    code, said = disk.live("standing_disk")
    assert (code, said["first"]) == (0, False)
    assert said["before"][0] == 503
    assert said["play"][0] == 201
    assert [boot["clean"] for boot in disk.entries("BOOT")] == [True]
