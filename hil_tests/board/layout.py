"""Where everything of one emulated board lies.

    DIR/board.sock           control socket, one JSON object a line (control.py)
    DIR/board.json           what is soldered: the ports of the network cables
    DIR/clock.bin            offsets of the two clocks (clock.py)
    DIR/serial/box, vod      the two ends of the serial cable
    DIR/slots/{a,b}.img      programs; boot.blk is the boot state (boot_loader.py)
    DIR/secure_element/      counter and secret: survive power cuts and a wiped disk
    DIR/seal-latch           whether the seal was opened since the box wrote it down (seal_latch.py)
    DIR/data/                the disk of the box
    DIR/box.toml, box.log    its configuration and its console

A board may be stopped, copied and started again; only the ports in board.json are tied to this machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BoardDir:
    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "board.sock"

    @property
    def soldered(self) -> Path:
        return self.root / "board.json"

    @property
    def clock(self) -> Path:
        return self.root / "clock.bin"

    @property
    def serial(self) -> Path:
        return self.root / "serial"

    @property
    def slots(self) -> Path:
        return self.root / "slots"

    @property
    def boot_state(self) -> Path:
        return self.slots / "boot.blk"

    @property
    def secure_element(self) -> Path:
        return self.root / "secure_element"

    @property
    def seal_latch(self) -> Path:
        return self.root / "seal-latch"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def config(self) -> Path:
        return self.root / "box.toml"

    @property
    def log(self) -> Path:
        return self.root / "box.log"

    def image(self, slot: str) -> Path:
        return self.slots / f"{slot}.img"

    def make(self) -> None:
        """Make what is missing; touch nothing that is there."""
        for folder in (self.root, self.serial, self.slots, self.secure_element, self.data):
            folder.mkdir(parents=True, exist_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that a cut leaves the old content or the new one."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
