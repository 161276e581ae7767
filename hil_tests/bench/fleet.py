"""The fleet server on the bench: founded, started, killed, asked, through its real command line.

Who asks is an account; each account has a password file and a session file in the bench's folder, as each
officer has on the own machine.
"""

import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from hil_tests.bench.process import Process
from hil_tests.bench.program import CHECKOUT, Outcome, run
from hil_tests.bench.waiting import wait_for

PROGRAM = "fleet_server"
ADMIN = "admin"
DAY_S = 24 * 3600


class FleetServer:
    """``folder`` holds DIR of the server (``data``), passwords, sessions and logs."""

    def __init__(self, folder: Path, console_port: int, clock_offset_ms: int) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.console_port = console_port
        self.clock_offset_ms = clock_offset_ms
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.console_port}"

    # -- its life

    def found(self) -> None:
        """``init``: again is no harm."""
        for place in ("passwords", "sessions"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        self._write_settings()
        given = ("--data", self.data, "--config", self.folder / "fleet.toml")
        run(PROGRAM, "init", *given, "--admin", ADMIN, "--password-file", self.password_file(ADMIN)).require()

    def start(self) -> None:
        self._write_settings()
        command = [sys.executable, "-m", PROGRAM, "serve", "--data", str(self.data)]
        command += ["--config", str(self.folder / "fleet.toml")]
        self._process = Process(
            "fleet server", command, self.folder / "fleet.log", {"PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8"}
        )
        wait_for("the fleet server's console", self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """kill -9 of the server process; its broker must go by itself."""
        assert self._process is not None
        self._process.kill_alone()
        self._process = None

    def kill_broker(self) -> int:
        """kill -9 of the broker under the running server; returns the pid that was killed."""
        pid = self.broker_pid()
        os.kill(pid, signal.SIGKILL)
        return pid

    def broker_pid(self) -> int:
        """The nats-server among the server's children. Raises LookupError while there is none."""
        assert self._process is not None
        for children in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text().startswith("nats-server"):
                    return int(pid)
        raise LookupError("the fleet server has no broker running")

    # -- its addresses

    def box_target(self) -> str:
        return f"127.0.0.1:{self._port('box')}"

    def broker_target(self) -> str:
        return f"127.0.0.1:{self._port('mqtt')}"

    def _port(self, name: str) -> int:
        return int(json.loads((self.data / "ports.json").read_bytes())[name])

    # -- its command line

    def ask(self, account: str, *arguments: str | Path) -> Outcome:
        """One verb as that account; the outcome as it comes."""
        return run(PROGRAM, *arguments, "--server", self.url, "--session", self.session_file(account))

    def data_of(self, account: str, *arguments: str | Path) -> Any:
        """One verb that must succeed; its JSON."""
        return self.ask(account, *arguments, "--output", "json").data()

    def sign_in(self, account: str) -> None:
        self.ask(account, "sign-in", account, "--password-file", self.password_file(account)).require()

    def password_file(self, account: str) -> Path:
        """Made at the first asking."""
        path = self.folder / "passwords" / account
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(secrets.token_urlsafe(12) + "\n")
            path.chmod(0o600)
        return path

    def session_file(self, account: str) -> Path:
        return self.folder / "sessions" / account

    def http(self, account: str) -> httpx.Client:
        """The HTTP interface with that account's session; the caller closes it."""
        token = json.loads(self.session_file(account).read_bytes())["token"]
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def page(self, account: str, path: str) -> str:
        """A page of the console, in English, as that account's browser gets it."""
        token = json.loads(self.session_file(account).read_bytes())["token"]
        cookies, headers = {"frontbox": token}, {"Accept-Language": "en"}
        answer = httpx.get(f"{self.url}{path}", cookies=cookies, headers=headers, timeout=30, trust_env=False)
        return answer.raise_for_status().text

    def tail(self) -> str:
        return self._process.tail(30) if self._process else ""

    def _answers(self) -> bool:
        assert self._process is not None
        self._process.require_alive()
        try:
            return httpx.get(self.url, timeout=5, trust_env=False).status_code < 500
        except httpx.HTTPError:
            return False

    def _write_settings(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fleet.toml").write_text(
            f"console_port = {self.console_port}\n"
            f'console_url = "{self.url}"\n'
            "box_port = 0\n"
            "mqtt_port = 0\n"
            f"session_idle_s = {DAY_S}\n"
            f"session_for_s = {DAY_S}\n"
            f"clock_offset_ms = {self.clock_offset_ms}\n"
        )
