"""Real SIGKILLs of the inside of a box, at a thousand a minute: what was told before a kill is there after it.

    run(count=100, seed=1)          # AssertionError that names the seed

One box is killed KILLS_PER_BOX times; then its journal is read and held against everything that was told. The whole
program, on its board and asked over its LAN, is what `whole_kills.py` kills.
"""

import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import SONGS
from tests.soak.killed_box import READY_S_MAX, KilledBox
from tests.soak.told import Told

KILLS_PER_BOX = 40
ROOMS = ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8")


def run(count: int, seed: int) -> int:
    """So many kills; returns how many plays were told and are kept. Raises AssertionError."""
    kept = 0
    while count > 0:
        kills = min(count, KILLS_PER_BOX)
        with tempfile.TemporaryDirectory(prefix="killed-box-") as folder:
            try:
                kept += _Client(Path(folder) / "box", random.Random(seed)).survive(kills)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
        count, seed = count - kills, seed + 1
    return kept


@dataclass
class _Client:
    """What the client of one box asked and was told."""

    folder: Path
    chance: random.Random
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: Told = field(default_factory=Told)

    def survive(self, kills: int) -> int:
        """Returns how many plays were told."""
        box = KilledBox(self.folder, time.monotonic_ns() // 1_000_000)
        for _ in range(kills):
            self._one_life(box)
        self.told.is_kept(self.folder / "journal")
        return len(self.told.plays)

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
        assert self.told.orders <= found, f"{sorted(self.told.orders - found)} is forgotten"

    def _ask(self, box: KilledBox) -> None:
        request = f"r{len(self.asked)}"
        running = self.told.running()
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
            self.told.play(body["play"])
        elif asked["do"] == "end" and answer["status"] == 200:
            self.told.end(asked["play"], body["counted"])
        elif asked["do"] == "order" and answer["status"] == 200:
            self.told.orders.add(asked["number"])
