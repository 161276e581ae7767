"""``python -m hil_tests.demo``, as ``make demo`` calls it."""

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hil_tests.bench.country import ACCOUNTS, ACTING, OPERATOR
from hil_tests.bench.network import is_free
from hil_tests.bench.program import CHECKOUT
from hil_tests.bench.stage import Stage
from hil_tests.bench.waiting import pause
from hil_tests.command import parser
from hil_tests.demo import handles
from hil_tests.demo.songs import SongList, write_catalog
from hil_tests.demo.table import Display, rows_of
from hil_tests.tour import route

STATE = CHECKOUT / ".demo"
TOUR = "tour"  # the tour starts from nothing each time, beside the demo's state
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
    folder = STATE / TOUR if tour else STATE
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if tour or os.environ.get("RESET"):
            _clear(folder)
        staff = ACTING if tour else ACCOUNTS
        stage = Stage(folder, console_port=_console_port(), say=_say, staff=staff)
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
    try:
        songs = SongList(catalog)
        songs.write_for_vod(stage.songs)
    except (OSError, ValueError) as error:
        sys.exit(f"demo: CATALOG: {error}")
    stage.open_fleet()
    stage.release_catalog(catalog, *songs.mapping())


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
    with stage.fleet.http(OPERATOR.person) as http:
        while True:
            display.draw(f"world time {stage.world.shown()}", rows_of(stage, http))
            stage.world.remember()
            pause(EVERY_S)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo at a time in one state folder: a lock on the folder itself, which the kernel lifts with our end."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"demo: another one runs on {folder}")
        yield
    finally:
        os.close(descriptor)


def _clear(folder: Path) -> None:
    """Everything in it, but for the state of a tour that may be running."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != TOUR:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


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
