"""``python -m hil_tests.demo``, as ``make demo`` calls it."""

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hil_tests.bench.network import is_free
from hil_tests.bench.program import CHECKOUT
from hil_tests.bench.stage import Stage
from hil_tests.bench.waiting import pause
from hil_tests.command import parser
from hil_tests.demo import handles
from hil_tests.demo.songs import mapping_of, write_catalog, write_song_list
from hil_tests.demo.table import Display, rows_of
from hil_tests.tour import route

STATE = CHECKOUT / ".demo"
CONSOLE_PORT = 8080
PORTS_TRIED = 20
EVERY_S = 1.0


def main() -> int:
    parser(
        "hil_tests.demo",
        "A venue network on this machine. Read from the environment: RESET=1 starts anew, TOUR=1 proves the ten "
        "promises and ends, CATALOG=FILE takes another song list.",
        examples="""
            make demo
            TOUR=1 python -m hil_tests.demo
        """,
    ).parse_args()
    signal.signal(signal.SIGTERM, _interrupted)
    tour = bool(os.environ.get("TOUR"))
    folder = STATE / "tour" if tour else STATE / "demo"
    with _alone(folder):
        if tour or os.environ.get("RESET"):
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        stage = Stage(folder, console_port=_console_port(), say=_say)
        try:
            _set_up(stage)
            return _tour(stage) if tour else _show(stage)
        except KeyboardInterrupt:
            _say("stopping")
            return 0 if not tour else 130
        finally:
            with suppress(KeyboardInterrupt):
                stage.close()


def _set_up(stage: Stage) -> None:
    given = os.environ.get("CATALOG")
    catalog = Path(given).resolve() if given else stage.folder / "catalog.csv"
    if not given and not catalog.exists():
        write_catalog(catalog)
    write_song_list(catalog, stage.songs)
    stage.open_fleet()
    stage.release_catalog(catalog, *mapping_of(catalog))


def _tour(stage: Stage) -> int:
    return 0 if route.walk(stage) else 1


def _show(stage: Stage) -> int:
    """Sing until Ctrl-C."""
    stage.open_venues()
    for venue in stage.venues:
        venue.open_doors()
    handles.write_handles(stage)
    _say("")
    _say(handles.sign_in_line(stage))
    for line in handles.suggestions(stage):
        _say(f"  {line}")
    _say("Ctrl-C stops everything; make demo goes on from here, RESET=1 starts anew.\n")
    display = Display()
    while True:
        display.draw(f"world time {stage.world.shown()}", rows_of(stage))
        stage.world.remember()
        pause(EVERY_S)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo at a time in one state folder."""
    STATE.mkdir(exist_ok=True)
    with (STATE / f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"demo: another one runs on {folder}")
        yield


def _console_port() -> int:
    for port in range(CONSOLE_PORT, CONSOLE_PORT + PORTS_TRIED):
        if is_free(port):
            if port != CONSOLE_PORT:
                _say(f"port {CONSOLE_PORT} is taken; the console is on {port}")
            return port
    sys.exit(f"demo: no port is free from {CONSOLE_PORT} to {CONSOLE_PORT + PORTS_TRIED - 1}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
