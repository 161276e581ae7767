"""A box in a process of its own, on a real file system, that is killed at any instant.

    box = KilledBox(folder, base_ms)
    box.start()                      # forks; returns what the box says of itself
    box.ask({...}); box.answers()    # what came before the kill was told
    box.kill()                       # SIGKILL

Core, runtime, journal and state record are the real ones; requests and answers go through pipes, a line each. The
counter of the secure element is a file beside the folder: a kill loses nothing that was written, as a power cut does.
"""

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from device.core import effects
from device.core.box import Box
from device.core.events import (
    CatalogLoaded,
    Claimed,
    Connected,
    LeaseReceived,
    OrderReceived,
    PlayEnded,
    PlayRequested,
    PolicyLoaded,
    SealChanged,
)
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.drivers.journal_owner import Owner
from device.drivers.state_store import StateStore
from device.ports import Board
from device.services.boot_facts import BootFacts
from device.services.runtime import BusyError, Runtime
from tests import builders
from tests.box_rig import SONGS
from tests.simulation.hardware import SECRET

READY_S_MAX = 120.0
# Every life is forked from a process that has no thread and no lock of the tests.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["__main__", __name__])


class KilledBox:
    """The parent's side."""

    def __init__(self, folder: Path, base_ms: int) -> None:
        self._folder = folder
        self._base_ms = base_ms

    def fork(self) -> None:
        """Begin a life; whatever happens in it, the parent goes on."""
        from_parent, self._requests = CONTEXT.Pipe(duplex=False)
        self._answers, to_parent = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(
            target=_live, args=(self._folder, self._base_ms, from_parent, to_parent), daemon=True
        )
        self._process.start()
        from_parent.close()
        to_parent.close()
        self._rest = b""

    def ask(self, request: dict[str, Any]) -> None:
        os.write(self._requests.fileno(), json.dumps(request).encode() + b"\n")

    def answers(self, wait_s: float) -> list[dict[str, Any]]:
        """Whole lines that came within this time."""
        found = []
        if self._answers.poll(wait_s):
            *lines, self._rest = (self._rest + os.read(self._answers.fileno(), 1 << 16)).split(b"\n")
            found = [json.loads(line) for line in lines]
        return found

    def kill(self) -> list[dict[str, Any]]:
        """SIGKILL; returns what was still on its way."""
        self._process.kill()
        self._process.join()
        found: list[dict[str, Any]] = []
        while rest := os.read(self._answers.fileno(), 1 << 16):
            *lines, self._rest = (self._rest + rest).split(b"\n")
            found += [json.loads(line) for line in lines]
        self._requests.close()
        self._answers.close()
        return found


class _Hardware:
    """Clock, counter and the rest of the board in the child."""

    def __init__(self, folder: Path, base_ms: int) -> None:
        self._counter = folder.with_suffix(".counter")
        self._base_ms = base_ms
        self._began_ms = _now_ms()

    def mono_ms(self) -> int:
        return _now_ms() - self._began_ms

    def rtc_ms(self) -> int:
        return builders.NOON_MS + _now_ms() - self._base_ms

    def read(self) -> int:
        return self._counter.stat().st_size if self._counter.exists() else 0

    def tick(self) -> int:
        with self._counter.open("ab") as file:
            file.write(b"+")
        return self.read()

    def running(self) -> str:
        return "a"


def _now_ms() -> int:
    """One clock for all lives, that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def _live(folder: Path, base_ms: int, requests: Connection, answers: Connection) -> None:
    asyncio.run(_serve_until_killed(folder, base_ms, requests.fileno(), answers.fileno()))


async def _serve_until_killed(folder: Path, base_ms: int, requests: int, answers: int) -> None:
    hardware: Any = _Hardware(folder, base_ms)
    journal = JournalFile(Folder(folder / "journal"), Owner(builders.BOX, SECRET))
    store = StateStore(Folder(folder / "state"), SECRET)
    board = Board(hardware, hardware, hardware, hardware, hardware, hardware, hardware, SECRET)
    boot = BootFacts(builders.BOX, "1.0.0", 1, board, journal, store, Folder(folder / "run"))
    songs = {name: builders.song(name) for name in SONGS}
    core = Box(
        builders.BOX, builders.fake_verify, songs.get, lambda _epoch, size: journal.head_at(size), lambda _key: None
    )
    runtime = Runtime(
        core, hardware, journal, store, lambda kind, _payload: {"kind": kind}, hardware.read, write_for_s=READY_S_MAX
    )

    def send(effect: Any) -> None:
        report = json.loads(effect.payload) if effect.kind == "report" else {}
        if report.get("nonce"):
            lease = builders.lease_envelope(
                lease=report["lease"] + 1, nonce=report["nonce"], issued_at_ms=hardware.rtc_ms()
            )
            runtime.post_soon(LeaseReceived(raw=lease))

    acts: dict[type, Callable[[Any], object]] = dict.fromkeys(
        [value for value in vars(effects).values() if isinstance(value, type)], lambda _effect: None
    )
    runtime.perform_by(acts | {effects.TickCounter: lambda _: hardware.tick(), effects.Send: send})
    running = asyncio.create_task(runtime.run())
    await runtime.post(await runtime.in_disk_thread(boot.read))
    for event in (
        SealChanged(is_open=False, was_opened=False, at_boot=True),
        PolicyLoaded(raw=builders.policy().encode()),
        CatalogLoaded(epoch=1, entries=len(songs)),
    ):
        await runtime.post(event)
    await runtime.settled()
    if not core.state_body(runtime.now())["venue"]:
        await runtime.post(Claimed(venue=builders.VENUE, region=builders.REGION))
    await runtime.post(Connected())
    for _ in range(3):  # report, lease, and the report that takes the lease
        await runtime.settled()
    _write(answers, {"ready": core.state_body(runtime.now())})
    _serve(runtime, requests, answers)
    await running


def _serve(runtime: Runtime, requests: int, answers: int) -> None:
    """Every line of the pipe is a request of its own; answers come as they are ready."""
    loop = asyncio.get_running_loop()
    rest = b""
    asked: set[asyncio.Task[None]] = set()

    def read() -> None:
        nonlocal rest
        *lines, rest = (rest + os.read(requests, 1 << 16)).split(b"\n")
        for line in lines:
            task = loop.create_task(_answer(runtime, json.loads(line), answers))
            asked.add(task)
            task.add_done_callback(asked.discard)

    loop.add_reader(requests, read)


async def _answer(runtime: Runtime, request: dict[str, Any], answers: int) -> None:
    events: dict[str, Callable[..., Any]] = {"play": PlayRequested, "end": PlayEnded}
    fields = {name: value for name, value in request.items() if name != "do"}
    if request["do"] == "order":
        event: Any = OrderReceived(request=request["request"], raw=request["raw"].encode())
    else:
        event = events[request["do"]](**fields)
    try:
        answer = await runtime.ask(request["request"], event)
    except BusyError:
        return
    _write(answers, {"request": request["request"], "status": answer.status, "body": dict(answer.body)})


def _write(descriptor: int, value: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(value).encode() + b"\n")
