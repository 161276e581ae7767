"""From exec to the first correct answer: our box with all that it has to remember, and a stock aiohttp hello app."""

import json
import os
import shutil
import site
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import songs
from bench.machine import memory_mb
from bench.row import Bench, CannotRunError, Row, Run, at_most, at_most_times
from provisioning.bundle import build_image

ROOT = Path(__file__).parent.parent
PYTHON = (sys.executable, "-I", "-S")  # both sides: without what an environment of a developer has to look through
ANSWER_WITHIN_S = 60.0
WHOLE_AFTER_S = 6.0  # by then every part of the box is up, and looks for a fleet that is not there
ASK_EVERY_S = 0.002

SAYS = (
    "CPU of the process from exec to the first correct answer over HTTP. Ours runs from a slot image, finds its "
    "identity, opens 1,000,000 songs, recovers its journal (500 plays since the boot, the last 30 behind its bookmark; "
    "every start finds the same card), reads state record and policy under their codes, writes BOOT and counter, "
    "checks the token; aiohttp says hello. Both start without a site. Memory: Rss of the whole box, every part up, "
    "file pages included. Stall: the longest wait for an answer while the packages of the outside are read in"
)

_SETTINGS = """data_dir = "{folder}/box"
board = "emulated"
board_dir = "{folder}/board"
[lan]
port = 0
"""
_HELLO = """
import sys
sys.path += sys.argv[2:]
from aiohttp import web
async def hello(request): return web.Response(text="allowed")
application = web.Application()
application.router.add_get("/", hello)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


def measure(run: Run) -> Sequence[Row]:
    songs.laid_out(run)
    run.say("writing the disk of a box in service")
    made = subprocess.run(
        [sys.executable, "-m", "bench.start_disk", str(run.folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise CannotRunError(f"the disk could not be written: {made.stderr.splitlines()[-1]}")
    token = json.loads(made.stdout.splitlines()[-1])
    settings = run.folder / "box.toml"
    settings.write_text(_SETTINGS.format(folder=run.folder))
    settings.chmod(0o600)
    (run.folder / "slot").write_bytes(build_image(ROOT / "device", "1.0.0"))
    disk = _Disk(run.folder)
    ours, peer = [], []
    memory = stall_ms = 0.0
    for number in range(-1, run.rounds):
        disk.put_back()
        with _Box(run.folder, token) as box:
            cpu_ms = box.first_answer()
            if number + 1 == run.rounds:
                stall_ms = box.longest_wait_ms(WHOLE_AFTER_S)
                memory = memory_mb(box.pid, "Rss")
                run.say(
                    f"{memory:.0f} MB resident, {memory_mb(box.pid):.0f} anonymous, {memory_mb(box.pid, 'Pss'):.0f} Pss"
                )
        hello_ms = _hello_ms()
        run.say(f"round {number + 1} of {run.rounds}: {cpu_ms:.0f} and {hello_ms:.0f} ms")
        if number >= 0:
            ours.append(cpu_ms)
            peer.append(hello_ms)
    return [
        at_most_times("start to first answer", median(ours), median(peer), "aiohttp hello", "ms CPU", 0.4),
        at_most("memory of the whole box", memory, "MB", 80),
        at_most("longest stall at a start", stall_ms, "ms", 250),
    ]


class _Disk:
    """What a start changes of card and board, kept so that every start finds the same."""

    _CHANGED = ("box/journal", "box/state", "box/run", "box/settings", "board")

    def __init__(self, folder: Path) -> None:
        self._folder, self._kept = folder, folder / "kept"
        for name in self._CHANGED:
            shutil.copytree(folder / name, self._kept / name)

    def put_back(self) -> None:
        for name in self._CHANGED:
            shutil.rmtree(self._folder / name)
            shutil.copytree(self._kept / name, self._folder / name)
        os.sync()  # no start is to write what was put back


class _Box:
    """A box that starts."""

    def __init__(self, folder: Path, token: str) -> None:
        self._address = folder / "box" / "lan-address"
        self._address.unlink(missing_ok=True)
        paths = [str(folder / "slot"), str(ROOT)]
        program = f"import sys; sys.path[:0] = {paths}; from bench.start_box import start; start()"
        command = [*PYTHON, "-c", program, "--config", str(folder / "box.toml"), ":".join(site.getsitepackages())]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self._process.pid
        self._token = token

    def __enter__(self) -> "_Box":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()

    def first_answer(self) -> float:
        """CPU in ms up to it."""
        ends_s = time.monotonic() + ANSWER_WITHIN_S
        while not (self._address.is_file() and self._address.read_text()):
            if time.monotonic() > ends_s or self._process.poll() is not None:
                raise CannotRunError("the box did not start")
            time.sleep(ASK_EVERY_S)
        self._line = _asked(self._address.read_text(), self._request())
        return _cpu_ms(self.pid)

    def longest_wait_ms(self, for_s: float) -> float:
        """Ask all the time."""
        ends_s, longest_s = time.monotonic() + for_s, 0.0
        while time.monotonic() < ends_s:
            begun_s = time.monotonic()
            self._line.sendall(self._request())
            self._line.recv(4096)
            longest_s = max(longest_s, time.monotonic() - begun_s)
            time.sleep(ASK_EVERY_S)
        return longest_s * 1000

    def _request(self) -> bytes:
        head = f"Host: {self._address.read_text()}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        return f"GET /v1/songs/{songs.song_id(0)}?room=K1 HTTP/1.1\r\n{head}".encode()


def _hello_ms() -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*PYTHON, "-c", _HELLO, str(port), *site.getsitepackages()], stderr=subprocess.DEVNULL
    ) as process:
        try:
            ends_s = time.monotonic() + ANSWER_WITHIN_S
            while time.monotonic() < ends_s:
                try:
                    _asked(f"127.0.0.1:{port}", b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n").close()
                except ConnectionError:
                    time.sleep(ASK_EVERY_S)
                else:
                    return _cpu_ms(process.pid)
        finally:
            process.kill()
    raise CannotRunError("aiohttp did not start")


def _asked(address: str, request: bytes) -> socket.socket:
    host, _, port = address.rpartition(":")
    line = socket.create_connection((host, int(port)), timeout=ANSWER_WITHIN_S)
    line.sendall(request)
    answer = line.recv(4096)
    if b" 200 " not in answer or (b'"allowed":true' not in answer and not answer.endswith(b"allowed")):
        raise CannotRunError(f"not the answer that was expected: {answer[-200:]!r}")
    return line


def _cpu_ms(pid: int) -> float:
    """CPU of all threads so far; finer than the ticks of /proc/PID/stat."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


BENCH = Bench("start", SAYS, measure)
