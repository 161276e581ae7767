"""Restores of any earlier image of the whole disk, mixed with power cuts at every step (security.md D11, R-17).

    run(count=300, seed=1)      # raises AssertionError that names the life which failed

One life is one box on a disk of memory. Its owner images the disk (journal and state record) whenever he likes, cuts
the power behind any effect (entry, record, counter, receipt), and puts any image back, the whole disk or the record
alone. The counter of the board he cannot move. After every start:

1. Cuts alone restrict no box. A box whose disk is older than what it has acknowledged since is restricted.
2. A hold whose receipt has left the box is never forgotten by a box that is not restricted.
3. Plays and powered time of a lease are never counted lower than they were.
4. It starts, whatever was done, and contact heals it.
"""

import copy
import random
from typing import Any

from device.core import events as on
from device.core.damage import CONTACT_FOR_MS
from device.protocol.limits import DAY_MS
from tests.box_rig import Disk, PowerLostError, Rig
from tests.builders import NOON_MS, REGION, order_envelope

STEPS = 25
IMAGES_MAX = 6


class Life:
    """One box and its owner."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rig = Rig()
        self.images: list[Disk] = []
        self.orders: list[bytes] = []
        self.standing: set[str] = set()
        self.plays = self.powered_ms = 0  # since the lease
        self.restores = self.cuts = self.restricted = 0

    def live(self) -> None:
        acts = (self._order, self._order, self._play, self._wait, self._image, self._image, self._put_back, self._cut)
        for _ in range(STEPS):
            act = self.chance.choice(acts)
            self.rig.power_left = self.chance.randrange(8) if self.chance.random() < 0.3 else None
            try:
                act()
            except PowerLostError:
                self.cuts += 1
                self._start()
            self.rig.power_left = None

    def _order(self) -> None:
        """A stop, or the resume of one."""
        number = len(self.orders) + 1
        ends = tuple(sorted(self.standing)[:1])
        fields: dict[str, Any] = {"number": number, "expires_at_ms": NOON_MS + 80 * DAY_MS}
        if ends and self.chance.random() < 0.4:
            raw = order_envelope("resume", ends=ends, **fields)
            self.standing -= set(ends)  # it may be carried out also if the power goes before the receipt
        else:
            raw = order_envelope("stop", ends_at_ms=NOON_MS + 70 * DAY_MS, **fields)
        self.orders.append(raw)
        sent = len(self.rig.sent("receipt"))
        try:
            self.rig.give(on.OrderReceived(request="", raw=raw))
        finally:
            if len(self.rig.sent("receipt")) > sent and b'"stop"' in self.rig.disk.all_entries()[-1]:
                self.standing.add(f"{REGION}-2026-{number:06d}")

    def _play(self) -> None:
        self.plays += self.rig.play("K1").status == 201

    def _wait(self) -> None:
        seconds = self.chance.choice((5, 70, 700))
        for _ in range(0, seconds, 5):
            self.rig.wait(5, tick_s=5)
            self.powered_ms += 5_000

    def _image(self) -> None:
        self.images = [*self.images[-IMAGES_MAX + 1 :], copy.deepcopy(self.rig.disk)]

    def _cut(self) -> None:
        self.cuts += 1
        self._start()

    def _put_back(self) -> None:
        if not self.images:
            return
        image, disk = self.chance.choice(self.images), self.rig.disk
        is_other = disk.state != image.state
        disk.state = image.state
        if self.chance.random() < 0.7:
            disk.entries, disk.chains = copy.deepcopy(image.entries), copy.deepcopy(image.chains)
        self.restores += 1
        # A step may stand between a record and the counter; what lies further back was acknowledged since.
        self._start(must=is_other and disk.counter > image.counter + 1, may=is_other)

    def _start(self, must: bool = False, may: bool = False) -> None:
        """Until one succeeds; the power may go in the middle of it. Then rules 1 to 4."""
        rig = self.rig
        while True:
            rig.lose_power()
            rig.power_left = self.chance.randrange(6) if self.chance.random() < 0.3 else None
            try:
                rig.start()
                rig.load_content()
                break
            except PowerLostError:
                self.cuts += 1
        rig.power_left = None
        is_restricted = rig.box._memory.damage.is_restricted
        assert is_restricted or not must, "an old image is in service"
        if is_restricted:
            assert may, "restricted by cuts alone"
            self.restricted += 1
            assert rig.play().body["code"] == "BOX_RESTRICTED"
            self._contact()
        held = {hold.order for hold in rig.box._memory.holds.all_holds()}
        assert self.standing <= held, f"{sorted(self.standing - held)} forgotten"
        usage = rig.box._memory.lease.usage
        assert usage.plays >= self.plays, f"{usage.plays} plays counted of {self.plays}"
        counted_ms = usage.powered_ms(rig.mono_ms)
        assert counted_ms >= self.powered_ms, f"{counted_ms} ms of service counted of {self.powered_ms}"

    def _contact(self) -> None:
        """The fleet comes back: a lease, every order again, and the wait of SPEC 6.6."""
        rig = self.rig
        rig.give(on.Connected())
        rig.grant_lease(issued_at_ms=rig.rtc_ms, lease=self.rig.leases + 100)
        self.plays = self.powered_ms = 0
        for raw in self.orders:
            rig.give(on.OrderReceived(request="", raw=raw))
        rig.wait(CONTACT_FOR_MS // 1000 + 5, tick_s=5)
        assert not rig.box._memory.damage.is_restricted, "contact heals it"


def run(count: int, seed: int) -> "dict[str, int]":
    """So many lives; what was done in them. Raises AssertionError that names the life."""
    done = {"lives": 0, "restores": 0, "cuts": 0, "restricted": 0}
    while done["restores"] < count:
        life = Life(seed * 1_000_003 + done["lives"])
        try:
            life.live()
        except AssertionError as error:
            raise AssertionError(f"run(seed={seed}), life {done['lives']}: {error}") from error
        done["lives"] += 1
        for name in ("restores", "cuts", "restricted"):
            done[name] += getattr(life, name)
    return done
