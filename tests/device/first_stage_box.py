"""The box's program in a process of its own, with a client beside it in a thread, who sees what is read in.

    python -m tests.device.first_stage_box STORY --config FILE TOKEN        # prints what the story saw, as JSON

The board is that of `bench.start_box`. How long the first stage lasts is the story's: no machine is too slow for it.
"""

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from bench.start_box import BoardOfFiles
from device import app
from device.__main__ import main
from device.drivers.journal_file import JournalFile
from device.first_loop import FirstLoop
from device.settings import read_settings

WITHIN_S = 60.0
FOR_EVER_S = 600.0
QUESTION = "/v1/songs/000001?room=K1"  # waits for the core, where a play does not
HEAVY = ("asyncio", "logging", "dataclasses", "inspect", "ssl", "concurrent", "tomllib", "aiohttp", "cryptography")


class Client:
    """A VOD server on one connection."""

    def __init__(self, config: Path, token: str) -> None:
        self.data = Path(read_settings(config).data_dir)
        self._token = token
        self._line: socket.socket | None = None
        self.is_prepared = threading.Event()  # what the story changes of the program is changed

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if self._line is None:
            host, port = self._address().rsplit(":", 1)
            self._line = socket.create_connection((host, int(port)), timeout=WITHIN_S)
        raw = b"" if body is None else json.dumps(body).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n" if raw else ""
        head = f"Host: {self._address()}\r\nAuthorization: Bearer {self._token}\r\n{kind}\r\n"
        self._line.sendall(f"{method} {path} HTTP/1.1\r\n{head}".encode() + raw)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._line.recv(65536)
        begun, _, rest = answer.partition(b"\r\n\r\n")
        (length,) = [line.split(b": ")[1] for line in begun.split(b"\r\n") if line.lower().startswith(b"content-len")]
        while len(rest) < int(length):
            rest += self._line.recv(65536)
        return int(begun.split()[1]), json.loads(rest) if rest[:1] == b"{" else rest.decode()

    def until(self, status: int, method: str, path: str) -> Any:
        """Ask until the answer has this status."""
        ends_s = time.monotonic() + WITHIN_S
        while (answer := self.ask(method, path))[0] != status:
            assert time.monotonic() < ends_s, answer
        return answer[1]

    def play(self, room: str) -> tuple[int, Any]:
        return self.ask("POST", "/v1/plays", {"kind": "guest", "room": room, "song": "000001"})

    def _address(self) -> str:
        ends_s = time.monotonic() + WITHIN_S
        file = self.data / "lan-address"
        while not (file.is_file() and file.read_text()):
            assert time.monotonic() < ends_s, "no LAN address"
        return file.read_text()


def first_answers(client: Client) -> Any:
    """A question and a play, and then the power goes."""
    app.FIRST_S = app.BREATH_S = FOR_EVER_S
    client.is_prepared.set()
    question = client.ask("GET", QUESTION)
    play = client.play("K1")
    heavy = [name for name in HEAVY if name in sys.modules]
    return {"question": question, "play": play, "heavy": heavy, "collects": gc.isenabled(), "end": "cut"}


def told_to_stop(client: Client) -> Any:
    """In the first stage, while a song runs."""
    app.FIRST_S = app.BREATH_S = FOR_EVER_S
    client.is_prepared.set()
    client.until(200, "GET", QUESTION)
    return {"play": client.play("K1"), "heavy": [name for name in HEAVY if name in sys.modules]}


def taken_over(client: Client) -> Any:
    """Plays and their ends on one connection, while the rest is read in and takes over; another waits for aiohttp."""
    go_on, program, read_in = threading.Event(), cast(Any, app), import_module

    def read_in_late(name: str) -> Any:
        assert go_on.wait(WITHIN_S)
        return read_in(name)

    program.import_module = read_in_late
    client.is_prepared.set()
    plays: list[tuple[int, Any]] = []
    ends: list[tuple[int, Any]] = []
    stages: set[str] = set()
    client.until(200, "GET", QUESTION)
    other = Client(client.data.parent / "box.toml", client._token)
    page = threading.Thread(target=lambda: stages.add(f"state {other.ask('GET', '/v1/state')[0]}"))
    page.start()
    since_whole = 0
    while since_whole < 20:
        status, body = client.play(f"K{len(plays) % 7}")
        plays.append((status, body.get("play", body)))
        ends.append(client.ask("POST", f"/v1/plays/{body['play']}/end", {"played_s": 1, "reason": "end"}))
        stages.add("asyncio" if FirstLoop.standing is None else "first")
        since_whole += not page.is_alive()
        if len(plays) == 20:
            go_on.set()
    page.join()
    return {"plays": plays, "ends": ends, "stages": sorted(stages), "collects": gc.isenabled()}


def standing_disk(client: Client) -> Any:
    """The first call of the disk does not return until the status page of the whole box has said so."""
    app.FIRST_S = 0.05
    go_on, recover = threading.Event(), JournalFile.recover

    def recover_late(journal: JournalFile) -> Any:
        assert go_on.wait(WITHIN_S)
        return recover(journal)

    cast(Any, JournalFile).recover = recover_late
    client.is_prepared.set()
    page = client.until(200, "GET", "/?lang=en")
    before = client.ask("GET", QUESTION)
    is_first = FirstLoop.standing is not None
    go_on.set()
    client.until(200, "GET", "/v1/state")
    return {"page": page, "before": before, "first": is_first, "play": client.play("K1")}


STORIES: dict[str, Callable[[Client], Any]] = {
    story.__name__: story for story in (first_answers, told_to_stop, taken_over, standing_disk)
}


def _tell(story: Callable[[Client], Any], client: Client) -> None:
    said: dict[str, Any]
    try:
        said = story(client)
    except BaseException as error:  # noqa: BLE001 - it fails the test that reads it
        said = {"failed": repr(error), "end": "cut"}
    client.is_prepared.set()
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL if said.get("end") == "cut" else signal.SIGTERM)


def start() -> None:
    token, story = sys.argv.pop(), STORIES[sys.argv.pop(1)]
    client = Client(Path(sys.argv[2]), token)
    (client.data / "lan-address").unlink(missing_ok=True)
    app._open_board = lambda settings: BoardOfFiles(settings.board_dir).board()
    threading.Thread(target=_tell, args=(story, client), daemon=True).start()
    client.is_prepared.wait()
    main()


if __name__ == "__main__":
    start()
