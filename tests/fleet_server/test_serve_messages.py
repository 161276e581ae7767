"""The whole program: killed with -9 while boxes send, and started again."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fleet_server import fleet as fleets
from fleet_server.fleet import Fleet
from fleet_server.plays.model import entries, plays
from fleet_server.settings import Settings
from tests.fleet_server.country import Country, StandingBox
from tests.fleet_server.fake_box import FakeBox, eventually
from tests.fleet_server.test_messages import acked

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """`frontbox-fleet serve` as a process of its own."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, **environ: str) -> asyncio.subprocess.Process:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fleet_server", "serve", "--data", self._data,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        return self.process

    async def serving(self) -> None:
        """Wait until both addresses are told."""
        assert self.process is not None
        assert self.process.stderr is not None
        lines: list[bytes] = []
        while sum(b"serving http" in line for line in lines) < 2:
            line = await asyncio.wait_for(self.process.stderr.readline(), 60)
            assert line, b"".join(lines).decode()
            lines.append(line)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


@pytest.fixture
def program_data(data: Path) -> Path:
    (data / "fleet.toml").write_text("console_port = 0\nbox_port = 0\nmqtt_port = 0\n")
    return data


@pytest.fixture
async def program(program_data: Path) -> AsyncIterator[Program]:
    made = Program(program_data)
    yield made
    await made.kill()


@pytest.fixture
def box(fleet: Fleet) -> StandingBox:
    country = Country(fleet)
    return country.box("KTV-AAAA0001", country.venue())


def count(data: Path) -> tuple[int, int]:
    built = fleets.build(Settings(data=data))
    with built.database.reading() as connection:
        found = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (plays, entries)]
    built.database.close()
    return found[0], found[1]


async def test_killed_with_9_while_a_box_sends_and_nothing_is_lost_or_doubled(
    program: Program, program_data: Path, box: StandingBox
) -> None:
    box.journal.sing(100)
    await program.start()
    await program.serving()
    kept = json.loads((program_data / "ports.json").read_text())
    line = FakeBox(program_data / "keys" / "fleet-ca.pem", kept["mqtt"], box.box, pair=box.pair)

    async def send_all() -> None:
        while True:  # what a box does: everything above the watermark, again and again
            for first in range(0, 200, 10):
                line.publish("journal", box.journal.batch(first, first + 10))
            await asyncio.sleep(1)

    async with line:
        await line.connected()
        sending = asyncio.create_task(send_all())
        await acked(line, 20)
        await program.kill()
        await eventually(lambda: line.disconnects, "the broker dies with its server")
        await program.start()
        await program.serving()
        await acked(line, 200)
        sending.cancel()
    assert json.loads((program_data / "ports.json").read_text()) == kept
    await program.kill()
    assert count(program_data) == (100, 200)


async def test_a_server_whose_broker_cannot_start_says_why_and_leaves(program: Program) -> None:
    process = await program.start(NATS_SERVER="/bin/true")
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"START_FAILED" in said
    assert b"Traceback" not in said
