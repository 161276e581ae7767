"""The connection between the box and its emulated board: requests, and line changes as they come.

A request is a short blocking call (well under a millisecond, as a register access or a small I2C
transfer is), safe from any thread. Raises DriverError BOARD_FAILED when the board is gone.
"""

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from device.first_loop import running_loop
from device.ports import DriverError
from device.typed import Any

ANSWER_WITHIN_S = 5.0
SOCKET = "board.sock"


class BoardLink:
    """Two connections: one for requests, made at once; one for changes, made by the first subscriber."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn = threading.Lock()
        self._socket = self._connect()
        self._answers = self._socket.makefile("rb")
        self._subscribers: dict[str, list[Callable[[Any], None]]] = {}
        self._events: socket.socket | None = None
        self._partial = b""

    def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        """One request; returns the fields of its answer."""
        request = json.dumps({"do": verb, **fields}).encode() + b"\n"
        try:
            with self._turn:
                self._socket.sendall(request)
                answer = json.loads(self._answers.readline())
        except (OSError, ValueError) as error:
            raise DriverError("BOARD_FAILED", f"{verb}: {error}") from error
        if not answer["ok"]:
            raise DriverError("BOARD_FAILED", f"{verb}: {answer['error']}")
        return dict(answer)

    def subscribe(self, line: str, changed: Callable[[Any], None]) -> None:
        """Call `changed(value)` in the running event loop at every change of that line."""
        if self._events is None:
            events = self._connect()
            try:
                events.sendall(b'{"do": "watch"}\n')
            except OSError as error:
                events.close()
                raise DriverError("BOARD_FAILED", f"watch: {error}") from error
            events.setblocking(False)
            running_loop().add_reader(events, self._read_events)
            self._events = events
        self._subscribers.setdefault(line, []).append(changed)

    def close(self) -> None:
        if self._events is not None:
            running_loop().remove_reader(self._events)
            self._events.close()
        self._answers.close()
        self._socket.close()

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(ANSWER_WITHIN_S)
        # A unix socket's path holds 107 bytes; through the folder's descriptor any folder is near enough.
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        except OSError as error:
            connection.close()
            raise DriverError("BOARD_FAILED", f"no board at {self._directory}: {error}") from error
        finally:
            os.close(folder)
        return connection

    def _read_events(self) -> None:
        assert self._events is not None
        try:
            received = self._events.recv(65536)
        except BlockingIOError:
            return
        if not received:
            running_loop().remove_reader(self._events)
            return
        *whole, self._partial = (self._partial + received).split(b"\n")
        for message in map(json.loads, whole):
            if message.get("event") == "line":
                for changed in self._subscribers.get(message["line"], []):
                    changed(message["value"])
