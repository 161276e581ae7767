"""Authorize over HTTP, plain and durable: our box, nginx, a stock aiohttp app; wrk asks."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import songs
from bench.machine import cpu_s, memory_mb
from bench.row import Bench, CannotRunError, Row, Run, at_most_times, times_cheaper, times_more

CONNECTIONS = (16, 64)
FOR_S, FOR_S_QUICK = 4, 2
ROOMS_COUNT = 300
READY_WITHIN_S = 120

SAYS = (
    "wrk, one thread, keep-alive, random songs of 1,000,000. Ours asks token, Host, Origin, form and limits of every "
    "request and decides as bench decision; the durable row begins plays and ends them: one entry a request, synced "
    "before the answer. aiohttp: the same decision in a handler, no token, no limits, no journal. "
    "nginx: `return` of one fixed answer, no decision. CPU is the server's, user and system, per request"
)

_NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port};
  location /v1/songs/ {{ default_type application/json; return 200
    '{{"allowed":true,"code":"","room":"K12","song":"SONG-0000000013"}}'; }} }} }}
"""
_LUA = """
local songs = {}
for line in io.lines(os.getenv("SONGS")) do songs[#songs + 1] = line end
local token, is_play = os.getenv("TOKEN"), os.getenv("PLAY") == "1"
local headers = { ["Authorization"] = token and "Bearer " .. token or nil }
if is_play then headers["Content-Type"] = "application/json" end
local number, sung = 0, {}
request = function()
  local play = table.remove(sung)
  if play then
    return wrk.format("POST", "/v1/plays/" .. play .. "/end", headers, '{"played_s":1,"reason":"end"}')
  end
  number = number + 1
  local song, room = songs[number % #songs + 1], "K" .. (number % ROOMS + 1)
  if is_play then
    return wrk.format("POST", "/v1/plays", headers, '{"kind":"guest","room":"' .. room .. '","song":"' .. song .. '"}')
  end
  return wrk.format("GET", "/v1/songs/" .. song .. "?room=" .. room, headers)
end
if is_play then
  response = function(status, _, body)
    local play = string.match(body, '"play":"([0-9-]+)"')
    if play then sung[#sung + 1] = play end
  end
end
done = function(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
  io.write(string.format('{"count":%d,"wrong":%d,"us":%d,"p99_ms":%f}\\n',
    summary.requests, wrong, summary.duration, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    pid: int
    port: int
    token: str = ""


@dataclass(frozen=True)
class Load:
    """One load on one server."""

    per_s: float
    cpu_us: float
    p99_ms: float


@contextmanager
def python(name: str, folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "bench.http_servers", name, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise CannotRunError(f"the server {name!r} did not start")
            yield Server(process.pid, **json.loads(line))
        finally:
            process.kill()


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    conf = folder / "nginx.conf"
    conf.write_text(_NGINX.format(folder=folder, port=port))
    with subprocess.Popen([_program("nginx"), "-c", str(conf), "-e", str(folder / "nginx.err")]) as process:
        try:
            yield Server(_worker_of(process.pid, port), port)
        finally:
            process.terminate()


def measure(run: Run) -> Sequence[Row]:
    wrk = _program("wrk")
    _program("nginx")
    songs.laid_out(run)
    (run.folder / "songs.txt").write_text("\n".join(songs.song_id(7 * number) for number in range(20_000)))
    (run.folder / "ask.lua").write_text(_LUA.replace("ROOMS", str(ROOMS_COUNT)))
    for name in ("box", "stock"):
        (run.folder / name).mkdir()
        songs.installed(run.folder / name)
    loads: dict[tuple[str, int], list[Load]] = {}
    with (
        nginx(run.folder) as limit,
        python("box", run.folder / "box") as box,
        python("stock", run.folder / "stock") as stock,
    ):
        sides = {"nginx": (limit, False), "aiohttp": (stock, False), "ours": (box, False), "durable": (box, True)}
        for number in range(-1, run.rounds):
            for connections in CONNECTIONS:
                for name, (server, is_play) in sides.items():
                    load = _load(wrk, server, connections, is_play, 1 if number < 0 else _for_s(run), run.folder)
                    run.say(f"round {number + 1} of {run.rounds}: {name}, {connections}: {load}")
                    if number >= 0:
                        loads.setdefault((name, connections), []).append(load)
        pss_mb = memory_mb(box.pid, "Pss")
        run.say(f"the box has {pss_mb:.0f} MB (Pss), of them {memory_mb(box.pid):.0f} anonymous")
    return [row for connections in CONNECTIONS for row in _rows(connections, loads)]


def _rows(connections: int, loads: dict[tuple[str, int], list[Load]]) -> Iterator[Row]:
    def cpu_us(side: str) -> float:
        return median(load.cpu_us for load in loads[side, connections])

    def per_s(side: str) -> float:
        return median(load.per_s for load in loads[side, connections])

    plain, durable = f"authorize, {connections} connections", f"durable authorize, {connections} connections"
    ours, stock = cpu_us("ours"), cpu_us("aiohttp")
    yield at_most_times(plain, ours, cpu_us("nginx"), "nginx return", "us CPU", 1 / 0.6)
    yield times_cheaper(plain, ours, stock, "aiohttp", "us CPU", 4)
    yield times_cheaper(durable, cpu_us("durable"), stock, "aiohttp, no journal", "us CPU", 1)
    yield times_more(durable, per_s("durable"), per_s("aiohttp"), "aiohttp, no journal", "requests/s", 1)


def _load(wrk: str, server: Server, connections: int, is_play: bool, for_s: int, folder: Path) -> Load:
    command = [wrk, "-t1", f"-c{connections}", f"-d{for_s}s", "-s", str(folder / "ask.lua")]
    environment = {"SONGS": str(folder / "songs.txt"), "TOKEN": server.token, "PLAY": "1" if is_play else "0"}
    before_s = cpu_s(server.pid)
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}/"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    spent_s = cpu_s(server.pid) - before_s
    found = json.loads(said.splitlines()[-1])
    if found["wrong"]:
        raise CannotRunError(f"{found['wrong']} of {found['count']} requests failed")
    return Load(found["count"] / found["us"] * 1e6, spent_s / found["count"] * 1e6, found["p99_ms"])


def _for_s(run: Run) -> int:
    return FOR_S_QUICK if run.quick else FOR_S


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        raise CannotRunError(f"{name} is missing: apt-get install {name}")
    return found


def _worker_of(pid: int, port: int) -> int:
    """The process of nginx that answers, once it does."""
    ends_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < ends_s:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        except (OSError, IndexError):
            time.sleep(0.05)
    raise CannotRunError("nginx did not start")


BENCH = Bench("http", SAYS, measure)
