"""Restores of any earlier image of the whole disk, mixed with power cuts at every step (security.md D11, R-17).

    run(count=300, seed=1)      # raises AssertionError that names the life which failed

One life is one box on a disk of memory. Its owner images the disk (journal and state record) whenever he likes, cuts
the power behind any effect (entry, record, counter, receipt), and puts any image back, the whole disk or the record
alone. The counter of the board he cannot move. After every start:

1. Cuts alone restrict no box, also in its very first start. A box whose disk is older than what it has acknowledged
   since is restricted.
2. A hold whose receipt has left the box is never forgotten by a box that is not restricted, also where the version that
   starts accepts fewer than the one before.
3. Plays and powered time of a lease are never counted lower than they were.
4. It starts, whatever was done, and contact heals it.
5. A stop that was ended locks no box that has had contact, however old stop and resume have grown. A resume that grew
   too old before it came ends nothing that was taken by a box which knew the time and has forgotten nothing since.
6. A ban of a file ends the song that plays from it.
7. What the box signs of holds is durable, also while the card takes nothing.
"""

import copy
import json
import random
from typing import Any
from unittest.mock import patch

from device.core import events as on
from device.core import holds
from device.core.clock import SIGNED
from device.core.damage import CONTACT_FOR_MS
from device.protocol.errors import ProtocolError
from device.protocol.limits import DAY_MS, HOLDS_MAX
from device.protocol.orders import Target
from tests import builders
from tests.box_rig import Disk, PowerLostError, Rig
from tests.builders import NOON_MS, REGION, order_envelope

STEPS = 25
IMAGES_MAX = 6


class Life:
    """One box and its owner."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rig = Rig(in_service=False)
        self.images: list[Disk] = []
        self.orders: list[bytes] = []
        self.standing: set[str] = set()
        self.lifted: set[str] = set()
        self.undoubted: set[str] = set()  # taken by a box that had a lease of this boot, and was not restricted since
        self.plays = self.powered_ms = 0  # since the lease
        self.restores = self.cuts = self.restricted = 0

    def live(self) -> None:
        self._begin()
        acts = [self._order, self._order, self._play, self._wait, self._image, self._image, self._put_back, self._cut]
        acts += [self._void, self._ban, self._card_fails]
        for _ in range(STEPS):
            act = self.chance.choice(acts)
            self.rig.power_left = self.chance.randrange(8) if self.chance.random() < 0.3 else None
            try:
                act()
            except PowerLostError:
                self.cuts += 1
                self.rig.journal_works = True
                self._start()
            self.rig.power_left = None

    def _begin(self) -> None:
        """Out of its carton, with a power supply that is not plugged in well."""
        self.rig.songs["000483"] = builders.song("000483", file=None)
        self.rig.disk = Disk(self.rig.disk.box)
        self._start()
        self.rig.bring_into_service()

    def _order(self) -> None:
        """A stop, or the resume of one; some are soon too old to be taken."""
        number, now_ms = len(self.orders) + 1, self.rig.rtc_ms
        ends = tuple(sorted(self.standing)[:1])
        expires_at_ms = now_ms + self.chance.choice((60_000, 900_000, 80 * DAY_MS))
        fields: dict[str, Any] = {"number": number, "issued_at_ms": now_ms - 1_000, "expires_at_ms": expires_at_ms}
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
            if len(self.rig.sent("receipt")) > sent:
                is_stop = b'"stop"' in self.rig.disk.all_entries()[-1]
                (self.standing if is_stop else self.lifted).update([_name(number)] if is_stop else ends)
                if is_stop and self.rig.box._memory.clock.quality == SIGNED:
                    self.undoubted.add(_name(number))

    def _void(self) -> None:
        """A resume that nobody brought while it was worth something (rule 5)."""
        ends = sorted(self.standing & self.undoubted)
        if not ends:
            return
        now_ms = self.rig.rtc_ms
        papers: dict[str, Any] = {"issued_at_ms": now_ms - 3 * DAY_MS, "expires_at_ms": now_ms - 2 * DAY_MS}
        raw = order_envelope("resume", number=900_000 + len(self.orders), ends=tuple(ends[:1]), **papers)
        self.rig.give(on.OrderReceived(request="", raw=raw))
        assert set(ends[:1]) <= self._held(), f"{ends[0]} was ended by a resume that is too old"

    def _ban(self) -> None:
        """Of a file that plays under the name of a song whose file the catalog does not know (rule 6)."""
        rig, number = self.rig, len(self.orders) + 1
        file = builders.file_sha256(f"edit {number}")
        self.plays += rig.play("K2", "000483", file=file).status == 201
        self.orders.append(order_envelope("ban", number=number, targets=(Target(by="file", id=file),)))
        rig.give(on.OrderReceived(request="", raw=self.orders[-1]))
        assert "K2" not in [play["room"] for play in rig.box.state_body(rig.now)["rooms"]], "a banned file plays on"

    def _card_fails(self) -> None:
        """As a stop comes (rule 7)."""
        rig, number = self.rig, len(self.orders) + 1
        rig.give(on.Connected())
        rig.journal_works = False
        self.orders.append(order_envelope("stop", number=number, ends_at_ms=NOON_MS + 70 * DAY_MS))
        rig.give(on.OrderReceived(request="", raw=self.orders[-1]))
        kept = {hold["order"] for hold in json.loads(rig.disk.state or b"")["holds"]}
        assert set(rig.report["holds"]) <= kept, f"signs {rig.report['holds']}, and kept {sorted(kept)}"
        rig.journal_works = True
        rig.wait(2)
        rig.recover_journal()

    def _held(self) -> set[str]:
        return {hold.order for hold in self.rig.box._memory.holds.all_holds()}

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
                # Another version may have been installed meanwhile, and accept less.
                with patch.object(holds, "HOLDS_MAX", self.chance.choice((1, HOLDS_MAX))):
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
        elif self.chance.random() < 0.5:
            self._lease()
        held = self._held()
        assert self.standing <= held, f"{sorted(self.standing - held)} forgotten"
        assert not self.lifted & held, f"{sorted(self.lifted & held)} locks again"
        usage = rig.box._memory.lease.usage
        assert usage.plays >= self.plays, f"{usage.plays} plays counted of {self.plays}"
        counted_ms = usage.powered_ms(rig.mono_ms)
        assert counted_ms >= self.powered_ms, f"{counted_ms} ms of service counted of {self.powered_ms}"

    def _lease(self) -> None:
        self.rig.give(on.Connected())
        self.rig.grant_lease(issued_at_ms=self.rig.rtc_ms, lease=self.rig.leases + 100)
        self.plays = self.powered_ms = 0

    def _contact(self) -> None:
        """The fleet comes back: a lease, every order again, and the wait of SPEC 6.6."""
        rig = self.rig
        self._lease()
        self.undoubted = set()
        for _ in range(2):  # what was not taken the first time is among the holds still, and comes again
            for raw in self.chance.sample(self.orders, len(self.orders)):
                rig.give(on.OrderReceived(request="", raw=raw))
        rig.wait(CONTACT_FOR_MS // 1000 + 5, tick_s=5)
        assert not rig.box._memory.damage.is_restricted, "contact heals it"


def _name(number: int) -> str:
    return f"{REGION}-2026-{number:06d}"


def run(count: int, seed: int) -> "dict[str, int]":
    """So many lives; what was done in them. Raises AssertionError that names the life."""
    done = {"lives": 0, "restores": 0, "cuts": 0, "restricted": 0}
    while done["restores"] < count:
        life = Life(seed * 1_000_003 + done["lives"])
        try:
            life.live()
        except (AssertionError, ProtocolError) as error:
            raise AssertionError(f"run(seed={seed}), life {done['lives']}: {error}") from error
        done["lives"] += 1
        for name in ("restores", "cuts", "restricted"):
            done[name] += getattr(life, name)
    return done
