"""Real SIGKILLs of a real process over a real file system: what was told before a kill is there after it.

    run(count=100, seed=1)          # AssertionError that names the seed

One box is killed KILLS_PER_BOX times; then its journal is read and held against everything that was told.
"""

import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.protocol.journal import Entry, first_chain, next_chain
from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import SONGS
from tests.soak.killed_box import READY_S_MAX, KilledBox

KILLS_PER_BOX = 40
ROOMS = ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8")


def run(count: int, seed: int) -> None:
    """So many kills. Raises AssertionError."""
    while count > 0:
        kills = min(count, KILLS_PER_BOX)
        with tempfile.TemporaryDirectory(prefix="killed-box-") as folder:
            try:
                _Told(Path(folder) / "box", random.Random(seed)).survive(kills)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
        count, seed = count - kills, seed + 1


@dataclass
class _Told:
    """What the client of one box asked and was told."""

    folder: Path
    chance: random.Random
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    plays: dict[str, dict[str, Any]] = field(default_factory=dict)  # play -> the answer that allowed it
    ends: dict[str, bool] = field(default_factory=dict)  # play -> counted
    bans: set[str] = field(default_factory=set)

    def survive(self, kills: int) -> None:
        box = KilledBox(self.folder, time.time_ns() // 1_000_000)
        for _ in range(kills):
            self._one_life(box)
        self._read_the_journal()

    def _one_life(self, box: KilledBox) -> None:
        box.fork()
        lives_s = self.chance.choice((self.chance.uniform(0, 0.03), self.chance.uniform(0, 0.15)))
        in_start = self.chance.random() < 0.25
        until_s = time.monotonic() + (lives_s if in_start else READY_S_MAX)
        is_ready = False
        while time.monotonic() < until_s:
            for answer in box.answers(min(0.02, max(0.0, until_s - time.monotonic()))):
                if "ready" in answer:
                    is_ready = True
                    self._stands(answer["ready"])
                    until_s = time.monotonic() + lives_s
                    for _ in range(6):
                        self._ask(box)
                else:
                    self._note(answer)
                    self._ask(box)
        for answer in box.kill():
            if "ready" not in answer:
                self._note(answer)
        assert is_ready or in_start, f"does not start within {READY_S_MAX} s"

    def _stands(self, state: dict[str, Any]) -> None:
        assert state["state"] != "failed", f"failed after a kill: {state}"
        found = {hold["order"] for hold in state["holds"]}
        assert self.bans <= found, f"{sorted(self.bans - found)} is forgotten"

    def _ask(self, box: KilledBox) -> None:
        request = f"r{len(self.asked)}"
        running = [play for play in self.plays if play not in self.ends][-8:]
        do = self.chance.random()
        if do < 0.6 or not running:
            what: dict[str, Any] = {
                "do": "play",
                "room": self.chance.choice(ROOMS),
                "song": SONGS[0],
                "kind": "guest",
                "file": "",
            }
        elif do < 0.97:
            play = self.chance.choice(running)
            what = {"do": "end", "play": play, "played_s": self.chance.choice((5, 200)), "reason": "end"}
        else:
            number = len(self.asked) + 1
            targets = (Target(by="version", id=SONGS[2]),)
            raw = builders.order_envelope(
                "ban", number=number, targets=targets, expires_at_ms=builders.NOON_MS + DAY_MS
            )
            what = {"do": "order", "raw": raw.decode(), "number": f"{builders.REGION}-2026-{number:06d}"}
        self.asked[request] = what
        sent = {name: value for name, value in what.items() if name != "number"}
        box.ask({**sent, "request": request})

    def _note(self, answer: dict[str, Any]) -> None:
        asked, body = self.asked[answer["request"]], answer["body"]
        if asked["do"] == "play" and answer["status"] == 201:
            assert body["play"] not in self.plays, f"{body['play']} is numbered twice"
            self.plays[body["play"]] = body
        elif asked["do"] == "end" and answer["status"] == 200:
            known = self.ends.setdefault(asked["play"], body["counted"])
            assert known == body["counted"], f"{asked['play']} is counted otherwise than told"
        elif asked["do"] == "order" and answer["status"] == 200:
            self.bans.add(asked["number"])

    def _read_the_journal(self) -> None:
        journal = JournalFile(Folder(self.folder / "journal"))
        size = journal.recover().size
        starts: dict[str, Entry] = {}
        ends: dict[str, bool] = {}
        chain, seq = first_chain(builders.BOX, 1), 0
        while seq < size:
            for frame in journal.read(seq, 1000, 1 << 20):
                chain = next_chain(chain, frame.seq, frame.entry)
                assert frame.chain == chain, f"the chain breaks at {frame.seq}"
                entry = Entry.decode(frame.entry)
                if entry.kind == "PLAY_START":
                    starts[f"1-{frame.seq}"] = entry
                elif entry.kind == "PLAY_END":
                    assert entry.body["play"] not in ends, f"{entry.body['play']} ends twice"
                    ends[str(entry.body["play"])] = bool(entry.body["counted"])
                seq = frame.seq + 1
        lost = [play for play in self.plays if play not in starts]
        assert not lost, f"{lost} was told and is lost"
        for play, counted in self.ends.items():
            assert ends.get(play) == counted, f"the end of {play} is lost or otherwise"
