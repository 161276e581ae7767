"""The Board API, back end 1: an emulated board in a process of its own.

A test file written against this class runs on any board; the back ends for a virtual machine and for
real hardware answer the same calls.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Literal

from hil_tests.bench.process import Process
from hil_tests.bench.waiting import wait_for

ANSWER_WITHIN_S = 30.0
Cable = Literal["broker", "fleet"]


class BoardError(Exception):
    """The board refused a request: a fault of the test."""


class EmulatedBoard:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: Process | None = None

    # -- the board itself

    def start(self) -> None:
        """Put the board on the bench; its power is off."""
        command = [
            sys.executable,
            "-m",
            "hil_tests.board",
            "--dir",
            str(self.directory),
            "--leave-with-parent",
        ]
        self._process = Process(f"board {self.directory.name}", command, self.directory / "board.log")
        wait_for(f"the board at {self.directory}", self._answers)

    def stop(self) -> None:
        """Take the board off the bench, with whatever runs on it."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """kill -9 of the board alone; the box must notice by itself."""
        assert self._process is not None
        self._process.kill_alone()
        self._process = None

    @property
    def is_on_bench(self) -> bool:
        return self._process is not None

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def box_log(self, lines: int = 40) -> str:
        log = self.directory / "box.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    # -- power

    def power_on(self) -> None:
        self.ask("power", to="on")

    def power_off(self) -> None:
        """The box may close down first."""
        self.ask("power", to="off")

    def cut(self) -> None:
        """Power away, now."""
        self.ask("power", to="cut")

    def reset(self) -> None:
        self.ask("power", to="reset")

    @property
    def pid(self) -> int | None:
        pid = self.status()["pid"]
        return None if pid is None else int(pid)

    # -- lines

    def open_seal(self, is_open: bool = True) -> None:
        self.ask("drive", line="seal", value=is_open)

    def level(self, line: str) -> bool | str:
        value = self.ask("level", line=line)["value"]
        assert isinstance(value, bool | str)
        return value

    def changes(self, line: str) -> list[dict[str, Any]]:
        """Changes of a line, oldest first; ``at_ms`` on the bench's stopwatch."""
        return list(self.ask("changes", line=line)["changes"])

    def wait_lamp(self, *patterns: str, within_s: float = 60.0) -> None:
        wait_for(f"lamp {' or '.join(patterns)}", lambda: self.level("lamp") in patterns, within_s)

    # -- clocks

    def set_world(self, offset_ms: int) -> None:
        """The RTC shows the host's time plus that much."""
        self.ask("clock", rtc_offset_ms=offset_ms)

    def jump(self, *, rtc_ms: int = 0, mono_ms: int = 0) -> None:
        """RTC alone: somebody set the clock. Both: that much time went by."""
        self.ask("clock", rtc_ms=rtc_ms, mono_ms=mono_ms)

    # -- cables

    def port(self, cable: Cable) -> int:
        """Where the box finds that service, on 127.0.0.1."""
        return int(self.status()["cables"][cable]["port"])

    @property
    def lan_port(self) -> int:
        """Where the box is to answer the venue's network, on 127.0.0.1."""
        return int(self.status()["lan_port"])

    def aim(self, cable: Cable, target: str) -> None:
        self.ask("cable", name=cable, target=target)

    def cut_network(self) -> None:
        self.ask("cable", state="cut")

    def stall_network(self) -> None:
        self.ask("cable", state="stalled")

    def heal_network(self) -> None:
        self.ask("cable", state="healed")

    def plug_serial(self, plugged: bool) -> None:
        self.ask("serial", plugged=plugged)

    # -- the socket

    def _answers(self) -> bool:
        if self._process is not None:
            self._process.require_alive()
        return bool(self.status())

    def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        """One verb of the control socket (hil_tests/board/control.py)."""
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_WITHIN_S)
                connection.connect(f"/proc/self/fd/{folder}/board.sock")
                connection.sendall(json.dumps({"do": verb, **fields}).encode() + b"\n")
                with connection.makefile("rb") as answers:
                    answer: dict[str, Any] = json.loads(answers.readline())
        finally:
            os.close(folder)
        if not answer["ok"]:
            raise BoardError(f"{verb} {fields}: {answer['error']}")
        return answer
