"""What the clients of one box were told before its kills, and whether its journal still says so."""

from dataclasses import dataclass, field
from pathlib import Path

from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.protocol.journal import Entry, first_chain, next_chain
from tests import builders
from tests.device.drivers.journal_builders import OWNER


@dataclass
class Told:
    """Of plays and orders, by their numbers."""

    plays: set[str] = field(default_factory=set)
    ends: dict[str, bool] = field(default_factory=dict)  # play -> counted
    orders: set[str] = field(default_factory=set)

    def running(self) -> list[str]:
        """The newest plays of whose end nobody was told."""
        return sorted(self.plays - self.ends.keys(), key=lambda play: int(play.partition("-")[2]))[-8:]

    def play(self, play: str) -> None:
        assert play not in self.plays, f"{play} is numbered twice"
        self.plays.add(play)

    def end(self, play: str, counted: bool) -> None:
        known = self.ends.setdefault(play, counted)
        assert known == counted, f"{play} is counted otherwise than told"

    def is_kept(self, journal_folder: Path) -> None:
        """Read the whole journal of the first epoch. Raises AssertionError."""
        journal = JournalFile(Folder(journal_folder), OWNER)
        size = journal.recover().size
        starts: set[str] = set()
        ends: dict[str, bool] = {}
        chain, seq = first_chain(builders.BOX, 1), 0
        while seq < size:
            for frame in journal.read(seq, 1000, 1 << 20):
                chain = next_chain(chain, frame.seq, frame.entry)
                assert frame.chain == chain, f"the chain breaks at {frame.seq}"
                entry = Entry.decode(frame.entry)
                if entry.kind == "PLAY_START":
                    starts.add(f"1-{frame.seq}")
                elif entry.kind == "PLAY_END":
                    assert entry.body["play"] not in ends, f"{entry.body['play']} ends twice"
                    ends[str(entry.body["play"])] = bool(entry.body["counted"])
                seq = frame.seq + 1
        lost = sorted(self.plays - starts)
        assert not lost, f"{lost} was told and is lost"
        for play, counted in self.ends.items():
            assert ends.get(play) == counted, f"the end of {play} is lost or otherwise"
