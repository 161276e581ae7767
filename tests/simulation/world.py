"""A street of boxes, their guests, couriers and misfortunes, all from one seed.

    world = World(seed=17)
    world.run(steps=400)         # raises with the seed in its message where a checker is not satisfied

Each step something happens to one box: a song is asked for or ends, an order arrives (new, replayed, forged,
late, for somebody else), time passes, the session comes and goes, the disk fills, the power goes in the
middle of a list of effects. The checkers (`checkers.py`) look at what left the box, never into it.
"""

import random
from typing import Any

from device.core import events as on
from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import SONGS, PowerLostError, Rig
from tests.builders import NOON_MS, PROVINCE, REGION, order_envelope
from tests.simulation.checkers import Checkers

ROOMS = ("K1", "K2", "K3")
UNLISTED = "999999"
FORGED = (
    order_envelope("stop", number=900_001, signers=(builders.ZHANG,)),  # one voice
    order_envelope("stop", number=900_002, expires_at_ms=NOON_MS - 1),  # late
    order_envelope("resume", number=900_003, signers=(builders.WANG, builders.ZHAO), drafted_by="wang"),
    b"noise",
)


class World:
    """One box and what befalls it; the seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.rig = Rig()
        self.checkers = Checkers(self.rig)
        self._papers: list[bytes] = []
        self._happenings = (
            (30, self._ask_for_a_song),
            (12, self._end_a_song),
            (8, self._deliver_a_paper),
            (20, self._let_time_pass),
            (4, self._lose_the_session),
            (6, self._connect),
            (3, self._fill_the_disk),
            (6, self._acknowledge),
            (4, self._lose_power),
        )

    def run(self, steps: int) -> None:
        weights = [weight for weight, _ in self._happenings]
        for step in range(steps):
            (_, happening) = self.chance.choices(self._happenings, weights)[0]
            # The power may go in the middle of any list of effects.
            self.rig.power_left = self.chance.randrange(6) if self.chance.random() < 0.1 else None
            try:
                happening()
            except PowerLostError:
                self._power_returns()
            self.rig.power_left = None
            self.checkers.look(f"seed {self.seed}, step {step}, {happening.__name__}")

    def _ask_for_a_song(self) -> None:
        song = self.chance.choice((*SONGS, UNLISTED))
        self.rig.play(self.chance.choice(ROOMS), song, self.chance.choice(("guest", "guest", "filler")))

    def _end_a_song(self) -> None:
        plays = self.checkers.allowed
        if plays:
            self.rig.end(self.chance.choice(sorted(plays)), self.chance.randrange(300), "end")

    def _deliver_a_paper(self) -> None:
        """New, again, forged, or another under a known number."""
        fate = self.chance.random()
        if fate < 0.5:
            raw = self._new_paper()
            self._papers.append(raw)
        elif fate < 0.8 and self._papers:
            raw = self.chance.choice(self._papers)
        elif fate < 0.9 and self._papers:
            known = self.chance.choice(sorted(self.checkers.kinds))
            raw = order_envelope("stop", order=known, authority=known[:6], grace_s=11)
        else:
            raw = self.chance.choice(FORGED)
        request = self.rig.request() if self.chance.random() < 0.5 else ""
        self.rig.give(on.OrderReceived(request=request, raw=raw))

    def _new_paper(self) -> bytes:
        number = len(self._papers)
        kind = self.chance.choice(("stop", "ban", "resume", "resume", "resume", "lift"))
        by_province = self.chance.random() < 0.5
        order = f"{PROVINCE if by_province else REGION}-2026-{number:06d}"
        self.checkers.kinds[order] = kind
        changes: dict[str, Any] = {"number": number, "expires_at_ms": NOON_MS + 80 * DAY_MS}
        if by_province:
            changes.update(signers=(builders.CHEN, builders.ZHOU), authority=PROVINCE, drafted_by="chen")
        if kind == "stop":
            self.checkers.ends_at_ms[order] = NOON_MS + self.chance.choice((1, 10)) * DAY_MS
            changes.update(grace_s=self.chance.choice((0, 30)), ends_at_ms=self.checkers.ends_at_ms[order])
        elif kind == "ban":
            song = self.chance.choice(SONGS)
            by, name = self.chance.choice((("version", song), ("work", f"w-{song}")))
            changes["targets"] = (Target(by=by, id=name),)
            self.checkers.songs[order] = song
        else:
            # What it ends may be of either authority, and may come later than this.
            numbers = self.chance.sample(range(number + 3), k=min(3, number + 3))
            changes["ends"] = tuple([f"{place}-2026-{n:06d}" for n in numbers for place in (REGION, PROVINCE)])
        return order_envelope(kind, **changes)

    def _let_time_pass(self) -> None:
        self.rig.wait(self.chance.choice((1, 5, 40, 200)), tick_s=5)

    def _lose_the_session(self) -> None:
        self.rig.give(on.Disconnected())

    def _connect(self) -> None:
        self.rig.give(on.Connected())
        if self.rig.report.get("nonce"):
            self.rig.grant_lease(issued_at_ms=NOON_MS + self.checkers.lasted_ms)

    def _fill_the_disk(self) -> None:
        self.rig.journal_works = False
        for _ in range(self.chance.randrange(4)):
            self.chance.choice((self._ask_for_a_song, self._end_a_song, self._deliver_a_paper))()
        self.rig.journal_works = True
        if self.rig.state != "failed":
            return
        self.rig.wait(10)
        disk = self.rig.disk
        self.rig.give(on.JournalRecovered(epoch=disk.epoch, size=disk.size, head=disk.head))

    def _acknowledge(self) -> None:
        size = self.chance.randrange(self.rig.disk.size + 2)
        head = (self.rig.disk.head_at(size) or b"\x00" * 32).hex()
        self.rig.give(on.AckReceived(raw=builders.ack_envelope(size=size, head=head)))

    def _lose_power(self) -> None:
        self._power_returns()

    def _power_returns(self) -> None:
        """Until a start succeeds; the power may go again in the middle of one."""
        self.rig.journal_works = True
        while True:
            self.rig.lose_power()
            self.rig.rtc_ms += self.chance.choice((0, 600_000, 3 * 3_600_000))
            self.rig.power_left = self.chance.randrange(4) if self.chance.random() < 0.2 else None
            try:
                self.rig.start()
                self.rig.load_content()
            except PowerLostError:
                continue
            return
