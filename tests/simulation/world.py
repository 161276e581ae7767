"""A street of boxes, their guests, couriers and misfortunes, all from one seed.

    world = World(seed=17)
    world.run(steps=400)         # raises with the seed in its message where a checker is not satisfied

Each step something happens to one box: a song is asked for or ends, an order arrives (new, replayed, forged,
late, for somebody else), time passes, the session comes and goes, the disk fills, the power goes in the
middle of a list of effects. The checkers (`checkers.py`) look at what left the box, never into it.
"""

import random

from device.core import events as on
from device.protocol.limits import DAY_MS
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import SONGS, PowerLostError, Rig
from tests.builders import NOON_MS, PROVINCE, REGION, order_envelope
from tests.simulation.checkers import Checkers

ROOMS = ("K1", "K2", "K3")
UNLISTED = "999999"
STOPS = (
    order_envelope("stop", number=1, grace_s=0),
    order_envelope("stop", number=2, grace_s=30),
    order_envelope("stop", number=3, signers=(builders.CHEN, builders.ZHOU), authority=PROVINCE, drafted_by="chen"),
)
PAPERS = (
    *STOPS,
    order_envelope("ban", number=4, targets=(Target(by="version", id=SONGS[0]),)),
    order_envelope("ban", number=5, targets=(Target(by="work", id=f"w-{SONGS[1]}"),)),
    order_envelope("resume", number=6, ends=(f"{REGION}-2026-000001", f"{REGION}-2026-000002")),
    order_envelope("resume", number=7, ends=(f"{PROVINCE}-2026-000003",)),  # too low
    order_envelope("lift", number=8, ends=(f"{REGION}-2026-000004",)),
    order_envelope("stop", number=9, signers=(builders.ZHANG,)),  # one voice
    order_envelope("stop", number=10, expires_at_ms=NOON_MS - 1),  # late
    order_envelope("stop", number=1, grace_s=10),  # another under a known number
    b"noise",
)


class World:
    """One box and what befalls it; the seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.rig = Rig()
        self.checkers = Checkers(self.rig)
        self._happenings = (
            (30, self._ask_for_a_song),
            (12, self._end_a_song),
            (12, self._deliver_a_paper),
            (20, self._let_time_pass),
            (4, self._lose_the_session),
            (4, self._connect),
            (3, self._fill_the_disk),
            (6, self._acknowledge),
            (6, self._lose_power),
        )

    def run(self, steps: int) -> None:
        weights = [weight for weight, _ in self._happenings]
        for step in range(steps):
            (_, happening) = self.chance.choices(self._happenings, weights)[0]
            # The power may go in the middle of any list of effects.
            self.rig.power_left = self.chance.randrange(6) if self.chance.random() < 0.03 else None
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
        raw = self.chance.choice(PAPERS)
        request = self.rig.request() if self.chance.random() < 0.5 else ""
        self.rig.give(on.OrderReceived(request=request, raw=raw))

    def _let_time_pass(self) -> None:
        self.rig.wait(self.chance.choice((1, 5, 40, 600)), tick_s=5)

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
            self.rig.rtc_ms += self.chance.randrange(DAY_MS // 24)
            self.rig.power_left = self.chance.randrange(4) if self.chance.random() < 0.2 else None
            try:
                self.rig.start()
                self.rig.load_content()
            except PowerLostError:
                continue
            return
