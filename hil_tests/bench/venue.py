"""One venue on the bench: a box on its board, a VOD server beside it, and what the installer holds.

FOLDER/board/        the board's folder (hil_tests/board/layout.py)
FOLDER/venue.json    venue code, voucher, label: what is on paper
FOLDER/token         of the VOD server's pairing
FOLDER/tally.jsonl   the VOD server's own count
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from hil_tests.bench.board import EmulatedBoard
from hil_tests.bench.image import build_image
from hil_tests.bench.lan import Laptop
from hil_tests.bench.process import Process
from hil_tests.bench.program import CHECKOUT
from hil_tests.bench.waiting import wait_for
from hil_tests.vod.tally import Tally, read_tally

FIRST_VERSION = "1.0.0"
SLOW_START_S = 120.0


@dataclass(frozen=True)
class Place:
    """Where a venue is, what its papers say and what its box is called."""

    box: str
    region: str
    name: str
    address: str
    credit_code: str
    licence: str
    rooms: int = 12


class Venue:
    def __init__(self, folder: Path, place: Place, songs: Path) -> None:
        self.folder = folder
        self.place = place
        self.board = EmulatedBoard(folder / "board")
        self._songs = songs
        self._vod: Process | None = None

    # -- the box

    def flash(self) -> None:
        """Slot a holds the first version, the disk is empty, the configuration says where the LAN is."""
        board = self.board.directory
        board.mkdir(parents=True, exist_ok=True)
        if not (board / "slots" / "a.img").exists():
            build_image(board / "slots" / "a.img", FIRST_VERSION)

    def put_on_bench(self, world_offset_ms: int) -> None:
        """Board on, power off; then the configuration, which needs the board's ports."""
        self.board.start()
        self.board.set_world(world_offset_ms)
        config = self.board.directory / "box.toml"
        config.write_text(
            f'data_dir = "{self.board.directory / "data"}"\n'
            'board = "emulated"\n'
            f'board_dir = "{self.board.directory}"\n'
            "[lan]\n"
            'host = "127.0.0.1"\n'
            f"port = {self.board.lan_port}\n"
            "[serial]\n"
            f'path = "{self.board.directory / "serial" / "box"}"\n'
            "[uplink]\n"
            f'broker = "127.0.0.1:{self.board.port("broker")}"\n'
        )
        config.chmod(0o644)

    @property
    def fleet_url(self) -> str:
        """Where this box finds the fleet: its own cable."""
        return f"https://localhost:{self.board.port('fleet')}"

    @property
    def url(self) -> str:
        """The box's LAN address."""
        return f"http://127.0.0.1:{self.board.lan_port}"

    def laptop(self) -> Laptop:
        """On the venue's LAN, with the VOD server's token once there is one."""
        return Laptop(self.url, self.token())

    def state(self) -> dict[str, object]:
        laptop = self.laptop()
        try:
            return laptop.state()
        finally:
            laptop.close()

    def wait_serving(self) -> None:
        """Wait until the box serves its page: all it shows before a VOD server is paired."""
        laptop = self.laptop()
        try:
            wait_for(f"{self.place.box} on its LAN", laptop.page, SLOW_START_S)
        finally:
            laptop.close()

    def wait_answering(self) -> dict[str, object]:
        """Wait for the state that the box tells its VOD server."""
        return wait_for(f"{self.place.box} on its LAN", self.state, SLOW_START_S)

    def wait_state(self, *states: str, within_s: float = SLOW_START_S) -> dict[str, object]:
        """Wait until the box says that it is in one of these states."""

        def look() -> dict[str, object] | None:
            said = self.state()
            return said if said["state"] in states else None

        return wait_for(f"{self.place.box} {' or '.join(states)}", look, within_s)

    def token(self) -> str:
        token = self.folder / "token"
        return token.read_text().strip() if token.exists() else ""

    # -- the VOD server

    def open_doors(
        self,
        *,
        rooms: int = 12,
        plays: int | None = None,
        pace: float = 1.0,
        by_serial: bool = False,
        confirms: bool = False,
    ) -> None:
        """The VOD server sings, over the LAN or the serial line, for so many plays or until ``close_doors``.

        confirms: its owner confirms that a suspension is over as soon as the box asks for it.
        """
        command = [sys.executable, "-m", "hil_tests.vod", "--songs", str(self._songs), "--leave-with-parent"]
        if by_serial:
            command += ["--serial", str(self.board.directory / "serial" / "vod")]
        else:
            command += ["--box", self.url, "--token-file", str(self.folder / "token")]
        command += ["--tally", str(self.folder / "tally.jsonl"), "--rooms", str(rooms), "--pace", str(pace)]
        command += ["--seed", self.place.box]
        if plays is not None:
            command += ["--plays", str(plays)]
        if confirms:
            command += ["--confirm-reopening"]
        self._vod = Process(f"VOD of {self.place.box}", command, self.folder / "vod.log", {"PYTHONPATH": str(CHECKOUT)})

    def close_doors(self) -> None:
        """The songs that run are ended; every end is acknowledged."""
        if self._vod is not None:
            self._vod.stop()
            self._vod = None

    def wait_sung(self, within_s: float = 300.0) -> None:
        """Wait for the end of an evening of so many plays."""
        assert self._vod is not None
        code = self._vod.wait(within_s)
        if code != 0:
            raise ChildProcessError(f"{self._vod.name} ended with {code}:\n{self._vod.tail()}")
        self._vod = None

    def tally(self) -> Tally:
        return read_tally(self.folder / "tally.jsonl")
