"""The disk of a simulated box: it loses what was not synced, fails, fills up, and is cut at any step.

disk = Disk(chance)                      # what survives a loss of power, by folder
power = Power(); folder = disk.open("journal", power)
power.left = 3                           # the third change from now on raises PowerLostError
disk.lose_power()                        # of what was not synced some survives, one write torn
"""

import random

from tests.device.drivers.crash_folder import CrashFolder, Files, apply

Operation = tuple[str, str, str, int, bytes]  # what, name, new name, offset, data
WRITES = ("write", "create")  # to a file, and to one that was not there: a new one, whatever stood under its name
DONE_BY = {"sync": (*WRITES, "truncate"), "sync_names": ("rename", "remove")}


class PowerLostError(BaseException):
    """The power went. No part of the box may outlive it, so it is no Exception that a part could survive."""


class Power:
    """Counts every step of a box that leaves something behind; after `left` of them the power goes."""

    def __init__(self) -> None:
        self.is_on = True
        self.left: int | None = None
        self._goes_now = False

    def step(self) -> None:
        """Raises PowerLostError: then this step did not happen, or nobody knows how far it came."""
        was_on = self.is_on
        if self.left is not None and was_on:
            self.left -= 1
            self.is_on = self.left >= 0
        self._goes_now = was_on and not self.is_on
        if not self.is_on:
            raise PowerLostError

    def is_going(self) -> bool:
        """Whether the step that just failed is the one in which the power went."""
        return self._goes_now


class Disk:
    """The folders of one box, over all its lives."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.failing: dict[str, int] = {}  # operation -> errno, while the disk is ill
        self.fails_with = 1.0  # how likely a failing operation fails
        self.folders: dict[str, Files] = {}
        self._open: dict[str, SimulatedFolder] = {}

    def open(self, name: str, power: Power) -> "SimulatedFolder":
        """A folder for a new life of the box."""
        folder = SimulatedFolder(self.folders.get(name, {}), self, power)
        self._open[name] = folder
        return folder

    def lose_power(self) -> None:
        """Keep what a cut leaves."""
        self.folders.update({name: folder.after_a_cut(self.chance) for name, folder in self._open.items()})
        self._open = {}

    def files(self, name: str) -> Files:
        """What a running box reads of a folder."""
        return self._open[name].files

    def image(self) -> dict[str, Files]:
        """A copy of everything, as an owner takes it while the power is off."""
        return {name: _copied(files) for name, files in self.folders.items()}

    def put_back(self, image: dict[str, Files]) -> None:
        self.folders.update({name: _copied(files) for name, files in image.items()})

    def volatile(self) -> int:
        """Operations that no sync has made durable."""
        return max((folder.volatile for folder in self._open.values()), default=0)


class SimulatedFolder(CrashFolder):
    """A folder that remembers only what is not durable yet, and can fail and be cut at every change."""

    def __init__(self, files: Files, disk: Disk, power: Power) -> None:
        super().__init__(files)
        self._safe = _copied(files)  # what is durable, up to the first operation that is not
        self._since: list[tuple[Operation, bool]] = []  # later operations, and whether each is durable
        self._disk = disk
        self._power = power

    @property
    def volatile(self) -> int:
        return sum(not is_durable and op[0] != "remove" for op, is_durable in self._since)

    def after_a_cut(self, chance: random.Random) -> Files:
        """One disk that the cut may leave behind."""
        keep = chance.choice((0.0, 0.5, 0.5, 1.0))
        torn = chance.random() < 0.5
        files = _copied(self._safe)
        name_of: dict[str, str] = {}  # where a file stands whose new name was lost
        for op, is_durable in self._since:
            what, name, other, offset, data = op
            if not is_durable and chance.random() >= keep:
                if what == "rename":
                    name_of[other] = name_of.get(name, name)
                continue
            if not is_durable and what in WRITES and torn:
                torn = False
                whole = chance.randrange(len(data) + 1)
                data = data[:whole] + chance.choice((b"", bytes(len(data) - whole), b"\xff" * (len(data) - whole)))
            _apply(files, (what, name_of.get(name, name), other, offset, data))
            if what == "rename":
                name_of.pop(other, None)
        return files

    def _do(self, what: str, name: str, other: str = "", offset: int = 0, data: bytes = b"") -> None:
        if what == "write" and name not in self.files:
            what = "create"
        op = (what, name, other, offset, bytes(data))
        try:
            self._power.step()
        except PowerLostError:
            if self._power.is_going() and self._disk.chance.random() < 0.5:
                self._since.append((op, False))  # begun, and nobody knows how far it came
            raise
        self._fail(op)
        if what in DONE_BY:
            self._settle(what, name)
        else:
            self._since.append((op, False))
            _apply(self.files, op)

    def _fail(self, op: Operation) -> None:
        what, name, _, offset, data = op
        number = self._disk.failing.get("write" if what in WRITES else what)
        if number is None or self._disk.chance.random() >= self._disk.fails_with:
            return
        if what in WRITES and data:
            # A short write: some of it arrived before the error.
            part = (what, name, "", offset, data[: self._disk.chance.randrange(len(data))])
            self._since.append((part, False))
            _apply(self.files, part)
        if what == "sync":
            # The kernel calls the pages clean all the same: what was written may never become durable.
            lost = [item for item in self._since if item[0][0] in WRITES and item[0][1] == name and not item[1]]
            kept = [item for item in lost if self._disk.chance.random() < 0.5]
            self._since = [
                (item[0], True) if item in kept else item for item in self._since if item not in lost or item in kept
            ]
        raise OSError(number, f"{what} of {name} fails")

    def _settle(self, what: str, name: str) -> None:
        """Mark what the sync made durable, and take it out of the list where nothing before it is loose."""
        kinds = DONE_BY[what]
        self._since = [
            (op, is_durable or (op[0] in kinds and (what != "sync" or op[1] == name))) for op, is_durable in self._since
        ]
        loose: set[str] = set()  # names of which something earlier may yet be lost
        left = []
        for op, is_durable in self._since:
            if is_durable and op[1] not in loose and op[2] not in loose:
                _apply(self._safe, op)
            else:
                left.append((op, is_durable))
                loose |= {op[1], op[2]} - {""}
        self._since = left


def _apply(files: Files, op: Operation) -> None:
    what, name, other, offset, data = op
    if what == "create":
        files[name] = bytearray()
        what = "write"
    apply(files, (what, name, other, offset, data))


def _copied(files: Files) -> Files:
    return {name: bytearray(data) for name, data in files.items()}
