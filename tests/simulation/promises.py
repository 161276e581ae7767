"""The promises of the box, stated once, and asked of what left it: answers, receipts, its disk, the fleet's books.

 1. No play that was allowed is lost, and none is numbered twice.
 2. What the VOD server was told of a play, what the journal says and what the fleet has is the same.
 3. No false unlock: nothing starts under an order that the box has said to obey, and no banned song; of a stop of rooms
    in those, and once its grace is over none sounds there.
 4. No false lock: a box that is in contact refuses for no stop that is not in force, and a stop of rooms shuts no other
    room. What the fleet knows to be ended locks nothing after contact, whatever old orders came by whom.
 5. No hold is forgotten; a box that might have forgotten one is restricted until it has taken a lease that was given
    since, and a minute has passed (SPEC 6.6). What it then says of itself is not asked: the power may go before.
 6. No lease is overrun: powered time after a lease is no longer than the lease. Behind the last play of a life what its
    card had not taken when the power went is as good as no power (`machine.py`).
 7. The box always starts, and restricts itself exactly after an old image was put back.
 8. After the faults it is back in service by itself, and the fleet has every play, and of epochs that have ended
    everything that can be read.
 9. The watermark never passes the journal; memory and disk stay bounded; the chain is whole.
10. In the closed hours nothing starts while time is signed.
11. A seal that was opened stays an alarm until officers sign a service for that very opening.
12. A second box with the same key is an incident each time, and changes nothing of what the fleet has.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device.core.effects import Send
from device.protocol.journal import Entry, first_chain, next_chain, parse_frame
from device.protocol.lease import Lease
from device.protocol.limits import DAY_MS, GRACE_S_MAX
from device.protocol.orders import BAN, STOP, Order
from device.protocol.receipts import Receipt
from tests.box_rig import SONGS
from tests.simulation.ended import owed
from tests.simulation.fleet import Fleet
from tests.simulation.machine import Machine
from tests.simulation.officers import ROUGHLY_MS, Standing
from tests.simulation.venue import Asked, Told, Venue

CORE_SONGS = SONGS[:1]
CONTAINER_MAX = 4_500  # of anything in memory: above the largest bound of the core
CONTACT_MS = 59_900  # a minute, by a clock that runs a little fast
CLOSED_FROM_MS, CLOSED_UNTIL_MS = 18 * 3_600_000, 24 * 3_600_000  # 02:00 to 08:00 at UTC+08:00, in UTC
NOT_NOW = ("JOURNAL_UNAVAILABLE", "BOX_UNCLAIMED", "TOO_MANY_REQUESTS")


class BrokenPromiseError(AssertionError):
    """What the box owes and did not keep."""


@dataclass
class Suspicion:
    """What the world knows of a box that the box does not: what was done to it."""

    must_restrict: bool = False  # an old or edited record is on the card, until the box has had contact since
    may_restrict: bool = False
    put_back_at_ms: int = 0  # true time
    contact_at_ms: int | None = None  # when the first lease was given that the box has taken since
    was_falsified: bool = False  # somebody with the fleet's service keys has lied to it
    clock_was_wrong: bool = False  # the battery clock, so that ends of holds may wait for officers (SPEC 7.3)
    lost_by_owner: bool = False  # entries that no fleet has seen may have gone with an image
    put_back_in_life: int = 0  # the last one before the owner changed the card: its plays may end once more

    def put_back(self, may_restrict: bool, must_restrict: bool, true_ms: int) -> None:
        """The owner changed what is on the card."""
        self.lost_by_owner = True
        self.may_restrict |= may_restrict
        self.must_restrict |= must_restrict
        if may_restrict:
            self.put_back_at_ms, self.contact_at_ms = true_ms, None

    def owes_restriction(self, true_ms: int) -> bool:
        """Rule 5."""
        had_contact = self.contact_at_ms is not None and true_ms - self.contact_at_ms >= CONTACT_MS
        return self.must_restrict and not had_contact


@dataclass
class Promises:
    """Of one box."""

    machine: Machine
    venue: Venue
    fleet: Fleet
    standing: Standing
    suspicion: Suspicion = field(default_factory=Suspicion)
    leases: dict[int, tuple[Lease, int]] = field(default_factory=dict)  # by number; with the powered time when given
    sealed: str = "intact"
    opening: int = 0
    plays: int = 0
    ends: int = 0
    refusals: dict[str, int] = field(default_factory=dict)

    def put_back(self, may_restrict: bool, must_restrict: bool) -> None:
        """The owner changed what is on the card: the record (may), by one that the counter contradicts (must)."""
        self.suspicion.put_back(may_restrict, must_restrict, self.machine.around.true_ms())
        self.suspicion.put_back_in_life = self.machine.lives
        if may_restrict:
            self.standing.forgot()
            hardware = self.machine.hardware
            if self.opening > hardware.count and not hardware.seal_latch:
                self.sealed = "intact"  # it was only suspected, by no record: the one of this very count may be back

    def said(self, effect: Any) -> None:
        """Whatever the box says about orders binds it."""
        self._look_for_contact()
        if isinstance(effect, Send) and effect.kind == "receipt":
            receipt = Receipt.decode(effect.payload)
            if receipt.subject == "order" and receipt.result in ("accepted", "known"):
                self.standing.accepted(receipt, self.machine.around.true_ms())

    def answered(self, asked: Asked) -> None:
        """A guest's wish was granted or refused."""
        if asked.answer is None:
            return
        if asked.answer.status == 201:
            self._allowed(asked, asked.answer.body)
        else:
            self._refused(asked.room, asked.answer.body["code"])

    def ended(self, play: str, status: int, body: Mapping[str, Any]) -> None:
        """The end of a play was answered."""
        told = self.venue.told.get(play)
        if status != 200:
            # The box remembers the plays of this life and the one before.
            is_old = told is None or told.life < self.machine.lives - 1 or self.suspicion.lost_by_owner
            self._require(body["code"] != "PLAY_UNKNOWN" or is_old, f"{play} is unknown")
            return
        self.ends += 1
        if told is not None:
            is_same = told.counted in (None, body["counted"]) or told.life <= self.suspicion.put_back_in_life
            self._require(is_same, f"{play} counted {told.counted}, then otherwise")
            told.counted = body["counted"]

    def look(self) -> None:
        """After everything that happens."""
        life = self.machine.life
        if life is None or not life.power.is_on or not life.stands.is_set():
            return
        state = life.state()
        self._require(state["journal"]["watermark"] <= state["journal"]["size"], "the watermark passes the journal")
        self._look_for_contact()
        self._look_at_seal(state["seal"], state["opening"])
        self._look_at_rooms({play["room"] for play in state["rooms"]})
        if self._is_restricted():
            self._require(self.suspicion.may_restrict, "restricted, and nobody put anything back")
            return
        now_ms = self.machine.around.true_ms()
        self._require(not self.suspicion.owes_restriction(now_ms), "an image was put back, and it is not restricted")
        self.suspicion.must_restrict = False
        found = {hold["order"] for hold in state["holds"]}
        for kind in (STOP, BAN):
            stands = {order.order for order in self.standing.surely_in_force(kind, now_ms)}
            self._require(stands <= found, f"{sorted(stands - found)} is forgotten")
        if state["tq"] != "signed":
            self.suspicion.may_restrict = False  # so the record says: it began without, and asked nobody

    def seal_is_cleared(self) -> None:
        """Rule 11: closed again, and cleared by officers for the opening that the box has reported."""
        life = self.machine.life
        assert life is not None
        self._require(life.state()["seal"] == "intact", f"the seal is {life.state()['seal']} after its service")

    def was_cloned(self, is_noticed: bool, is_unchanged: bool) -> None:
        """Rule 12."""
        self._require(is_noticed, "a second box has spoken with this key, and there is no incident")
        self._require(is_unchanged, "a second box has changed what the fleet has")

    def _look_at_seal(self, word: str, opening: int) -> None:
        """Rule 11."""
        is_cleared = self.sealed != "intact" and word == "intact"
        self._require(not is_cleared or self.standing.may_be_cleared(opening), f"opening {opening} was forgotten")
        self.sealed, self.opening = word, opening

    def _look_at_rooms(self, busy: set[str]) -> None:
        """Rule 3: the longest grace is over."""
        now_ms = self.machine.around.true_ms()
        for order in self.standing.surely_in_force(STOP, now_ms):
            is_due = now_ms - self.standing.accepted_at_ms[order.order] > GRACE_S_MAX * 1000 + ROUGHLY_MS
            sounding = sorted(busy & set(order.scope.rooms)) if order.scope.rooms else sorted(busy)
            self._require(not (is_due and sounding), f"{sounding} sound under {order.order}")

    def look_deeply(self) -> None:
        """Now and then: nothing grows without bound."""
        life = self.machine.life
        if life is None:
            return
        sizes = container_sizes([life.core, life.runtime, life.feed, life.session, life.journal])
        self._require(all(size <= CONTAINER_MAX for size in sizes.values()), f"grows: {sizes}")
        self._require(self.machine.disk.volatile() <= 64, "what is written is not synced")

    def _allowed(self, asked: Asked, body: Mapping[str, Any]) -> None:
        now_ms = self.machine.around.true_ms()
        play, song = str(body["play"]), asked.song
        self.plays += 1
        is_new = play not in self.venue.told or self.suspicion.lost_by_owner
        self._require(is_new, f"{play} is numbered twice")
        self._require(song in SONGS, f"{song} is not listed")
        stops = [order.order for order in self.standing.surely_in_force(STOP, now_ms) if _shuts(order, asked.room)]
        self._require(not stops, f"{play} starts under {stops}")
        for order in self.standing.surely_in_force(BAN, now_ms):
            names = {f"version:{song}", f"work:w-{song}"}
            self._require(not names & {f"{t.by}:{t.id}" for t in order.targets}, f"{song} is banned by {order.order}")
        is_owed = self.suspicion.owes_restriction(now_ms)
        self._require(not is_owed, f"{play} starts from an image that was put back")
        self._require_lease(play, song)
        life = self.machine.life
        if life is not None and life.state()["tq"] == "signed" and not self.suspicion.was_falsified:
            of_day = now_ms % DAY_MS
            is_night = CLOSED_FROM_MS + ROUGHLY_MS <= of_day < CLOSED_UNTIL_MS - ROUGHLY_MS
            self._require(not is_night, f"{play} starts in the closed hours")
        self.venue.told[play] = Told(song, asked.room, asked.kind, now_ms, self.machine.lives)
        self.venue.running[asked.room] = play

    def _refused(self, room: str, code: str) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + 1
        life = self.machine.life
        if life is None:
            return
        if code == "BOX_RESTRICTED":
            self._require(self.suspicion.may_restrict, "restricted, and nobody put anything back")
        if code in ("VENUE_LOCKED", "ROOM_LOCKED") and life.state()["tq"] == "signed":
            is_of_rooms = code == "ROOM_LOCKED"
            stops = [order for order in self._may_hold(STOP) if bool(order.scope.rooms) == is_of_rooms]
            self._require(any(_shuts(order, room) for order in stops), f"{code} in {room} and no stop is in force")

    def _may_hold(self, kind: str) -> list[Order]:
        now_ms = 0 if self.suspicion.clock_was_wrong else self.machine.around.true_ms()
        return self.standing.may_be_in_force(kind, now_ms)

    def overdue(self) -> list[str]:
        """Stops that are over by true time, and that nobody has ended."""
        now_ms = self.machine.around.true_ms()
        ever = {order.order for order in self.standing.may_be_in_force(STOP, 0)}
        return sorted(ever - {order.order for order in self.standing.may_be_in_force(STOP, now_ms)})

    def _require_lease(self, play: str, song: str) -> None:
        life = self.machine.life
        if life is None or self.suspicion.was_falsified:
            return
        held = life.state()["lease"]
        self._require(held is not None, f"{play} starts without a lease")
        lease, given_at_ms = self.leases[held["lease"]]
        powered_ms = self.machine.powered_ms() - given_at_ms - ROUGHLY_MS
        self._require(
            powered_ms <= lease.stop_at_ms - lease.issued_at_ms, f"{play} starts long after lease {lease.lease}"
        )
        self._require(
            powered_ms <= lease.powered_s_max * 1000, f"{play} starts beyond the hours of lease {lease.lease}"
        )
        is_core = song in CORE_SONGS or powered_ms <= lease.core_from_ms - lease.issued_at_ms
        self._require(is_core, f"{play} of {song} starts, and is not of the core catalog")

    def _look_for_contact(self) -> None:
        """Rule 5: a lease that was given before the card was changed answers no question of the box since."""
        life = self.machine.life
        if life is None or not self.suspicion.must_restrict or self.suspicion.contact_at_ms is not None:
            return
        held = life.state()["lease"]
        given_at_ms = -1 if held is None else self.leases[held["lease"]][0].issued_at_ms
        if given_at_ms >= self.suspicion.put_back_at_ms:
            self.suspicion.contact_at_ms = given_at_ms

    def _is_restricted(self) -> bool:
        life = self.machine.life
        return life is not None and life.core._memory.damage.is_restricted

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise BrokenPromiseError(f"{self.machine.box}: {otherwise}")

    # At the end, and whenever everything is well.

    def back_in_service(self, asked: Asked) -> None:
        """Rule 8: a guest asks for a song that is not banned, at noon, when all faults are over."""
        answer = asked.answer
        self._require(answer is not None, "no answer although everything is well")
        assert answer is not None
        life = self.machine.life
        assert life is not None
        record = self.fleet.records[self.machine.box]
        over = self.standing.must_be_over(record.taken, record.left)
        locking = sorted(over & {hold["order"] for hold in life.state()["holds"]})
        self._require(not locking, f"{locking} stand, and the fleet knows that they were ended")
        stops = self.standing.may_be_in_force(STOP, self.machine.around.true_ms())
        if answer.status == 201 or any(_shuts(order, asked.room) for order in stops):
            return
        banned = {f"{t.by}:{t.id}" for order in self._may_hold(BAN) for t in order.targets}
        names = {f"version:{asked.song}", f"work:w-{asked.song}"}
        self._require(answer.body["code"] == "SONG_BANNED" and bool(names & banned), f"not in service: {answer.body}")

    def books_agree(self) -> None:
        """Rules 1, 2, 9: disk, fleet and VOD server tell the same story."""
        entries = self.chain_of_the_disk()
        have = {(entry.epoch, entry.seq): entry for entry in self.fleet.entries_of(self.machine.box)}
        for entry in entries:
            known = have.setdefault((entry.epoch, entry.seq), entry)
            # An owner who puts a journal back makes two histories; the fleet keeps the first, and says so.
            is_seen = self.suspicion.lost_by_owner and bool(self.fleet.records[self.machine.box].incidents)
            same = is_seen or known.encode() == entry.encode()
            self._require(same, f"{entry.epoch}-{entry.seq} differs at the fleet")
        starts = {f"{entry.epoch}-{entry.seq}": entry for entry in have.values() if entry.kind == "PLAY_START"}
        ends: dict[str, Entry] = {}
        for entry in have.values():
            if entry.kind == "PLAY_END":
                play = str(entry.body["play"])
                self._require(play not in ends or self.suspicion.lost_by_owner, f"{play} ends twice")
                ends[play] = entry
        for play, told in self.venue.told.items():
            if play not in starts:
                self._require(self.suspicion.lost_by_owner, f"{play} is lost")
                continue
            if self.suspicion.lost_by_owner:
                continue  # the same number may have been given twice, in two histories
            body = starts[play].body
            same = (body["room"], body["song"], body["kind"]) == (told.room, told.song, told.kind)
            self._require(same, f"{play} is another play than was told")
            if told.counted is not None and (play in ends or not self.suspicion.lost_by_owner):
                self._require(
                    play in ends and ends[play].body["counted"] == told.counted, f"{play} is counted otherwise"
                )

    def fleet_has_everything(self) -> None:
        """Rule 8."""
        life = self.machine.life
        assert life is not None
        place = life.state()["journal"]
        epoch = self.fleet.records[self.machine.box].epochs.get(place["epoch"])
        size = 0 if epoch is None else epoch.position.size
        self._require(size == place["size"], f"the fleet has {size} of {place['size']} entries")
        self._require(place["watermark"] == place["size"], f"watermark {place['watermark']} of {place['size']}")
        left = owed(self.machine.disk.files("journal"), self.fleet.records[self.machine.box], place["epoch"])
        self._require(not left, f"the fleet lacks {left}, and they can be read")

    def chain_of_the_disk(self) -> list[Entry]:
        """Every entry on the disk, read here and not by the box's reader; raises if the chain breaks."""
        files = self.machine.disk.folders.get("journal", {})
        found: list[Entry] = []
        heads: dict[tuple[int, int], bytes] = {}
        names = sorted(name for name in files if name.endswith(".fbj"))
        for name, following in zip(names, [*names[1:], ""], strict=False):
            offset = 0
            end = int(following[9:21]) if following[:8] == name[:8] else 1 << 53
            while (frame := parse_frame(bytes(files[name][offset : offset + 4096]))) is not None:
                raw, chain, length = frame
                entry = Entry.decode(raw)
                if entry.seq >= end:
                    break  # never counted: the journal went on in the next segment (SPEC 9.6)
                before = heads.get((entry.epoch, entry.seq - 1))
                if entry.epoch == 1 and entry.seq == 0:
                    before = first_chain(self.machine.box, 1)
                whole = before is None or next_chain(before, entry.seq, raw) == chain
                self._require(whole and (entry.epoch, entry.seq) not in heads, f"the chain breaks at {entry.seq}")
                heads[entry.epoch, entry.seq] = chain
                found.append(entry)
                offset += length
        return found


def _shuts(order: Order, room: str) -> bool:
    """Whether a stop, if it is in force, keeps songs out of this room."""
    return not order.scope.rooms or room in order.scope.rooms


def container_sizes(roots: list[Any]) -> dict[str, int]:
    """The largest containers that hang on these objects, by type and the name that leads there."""
    sizes: dict[str, int] = {}
    seen: set[int] = set()
    waiting: deque[tuple[str, Any]] = deque((type(root).__name__, root) for root in roots)
    while waiting:
        name, value = waiting.popleft()
        if id(value) in seen or isinstance(value, str | bytes | int | float | None):
            continue
        seen.add(id(value))
        if isinstance(value, list | dict | set | frozenset | tuple | deque):
            sizes[name] = max(sizes.get(name, 0), len(value))
            inner = value.values() if isinstance(value, dict) else value
            waiting.extend((name, item) for item in list(inner)[:50])
        elif type(value).__module__.startswith("device."):
            waiting.extend((f"{name}.{part}", item) for part, item in getattr(value, "__dict__", {}).items())
    return {name: size for name, size in sizes.items() if size > 256}
