"""Random lives of a box's clocks: `run(count, seed)` raises AssertionError with the script that broke a promise.

Every script has a nature: who is honest in it. The real time runs beside, unseen by the box; the monotonic clock is
wrong by CRYSTAL_PPM, a battery clock by RTC_PPM. Promises, asked after every step:

1. No false unlock, whatever the nature: a stop stands until its end in real time.
2. No false lock: an honest box plays on its rung and in open hours, its leases are never refused, and a stop is gone at
   the first contact after its end. A stolen lease key closes no more than a box without leases would be closed.
3. No overrun: no play, and none but of the core catalog, once the box has been on for as long since its last lease as
   the ladder allows; no restart sets back what is used; an extension counts once.
4. No start inside the closing hours by real time, but off line after a loss of power with a clock that is set or dead.
5. Where a battery clock has jumped by itself while the box was off, the first lease after somebody has set it right,
   while the box ran or was off, is taken, and the time is right with it.
6. Every step of trusted time above 2 s is a TIME entry; none is before a lease, and an old lease is never taken.
"""

import random
from collections.abc import Callable
from typing import Any

from device.core import events as on
from device.protocol.catalog import CORE
from device.protocol.envelope import seal
from device.protocol.limits import DAY_MS, DRIFT_PPM, INSTANT_MAX, LEASE_STEP_MS
from tests import builders
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS

HONEST, DEAD, KEY, DEAD_KEY, OWNER = "honest", "dead battery", "stolen key", "stolen key, dead battery", "hostile owner"
JUMPED = "battery clock that jumps"
NATURES = (HONEST, HONEST, KEY, KEY, OWNER, OWNER, DEAD, DEAD_KEY, JUMPED)
CRYSTAL_PPM, RTC_PPM = 100, 200
STEPS = (6, 14)
MINUTE_MS, YEAR_MS = 60_000, 365 * DAY_MS
MARGIN_MS = 10 * MINUTE_MS  # of closing hours: more than a stolen key moves in the life of a script
DEAD_MS = (0, 946_684_800_000)  # 1970 and 2000
MAD_MS = (0, 946_684_800_000, 2_147_483_647_000, 1_709_164_799_000, 1_709_251_199_000, INSTANT_MAX)  # 2038, leap days
RUNS_MS = (MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 3 * DAY_MS, 11 * DAY_MS)
LIES_MS = (0, 1, 2_000, 10_000, 299_000, 305_000, HOUR_MS, 9 * HOUR_MS, DAY_MS, 31 * DAY_MS, 20 * YEAR_MS)
CORE_SONG, SONG = "000484", "000482"


class Script:
    """One life; the seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.nature = self.chance.choice(NATURES)
        self.real_ms = NOON_MS + self.chance.randrange(2 * YEAR_MS)
        self.ppm = self.chance.randint(-CRYSTAL_PPM, CRYSTAL_PPM)
        self.rtc_ppm = self.chance.randint(-RTC_PPM, RTC_PPM)
        self.steps: list[str] = []
        self.stop: tuple[str, int, int] | None = None  # order, issued, ends
        self.on_ms = 0  # in service since the last lease that was taken
        self.taken_ms: int | None = None  # real time of that lease
        self.full_ms: int | None = None  # real time of the last lease in honest hands
        self.signed = False  # an honest lease in this boot
        self.old: list[tuple[str, bytes]] = []  # the question, and an answer to it
        self.orders = 0
        self.extended, self.extended_on_ms = 0, -DAY_MS * 99
        # A thief answered when the box had no lease, or one that had run out: it believes his hour.
        self.is_adrift = False
        self.has_jumped = False  # and nobody has set it right
        self.boots = 0
        self.rig = Rig(at_ms=self._dead() if "dead" in self.nature else self.real_ms, in_service=False)
        self.rig.songs[CORE_SONG] = builders.song(CORE_SONG, flags=CORE)
        self.rig.policy = builders.policy(issued_at_ms=self.real_ms - 90 * DAY_MS)
        self.rig.load_content()
        self.rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))

    def run(self) -> None:
        if self.nature in (KEY, DEAD_KEY) and self.chance.random() < 0.2:
            self._contact()
        else:
            self._lease(self.real_ms)
        if self.chance.random() < 0.8:
            self._stop()
        for _ in range(self.chance.randint(*STEPS)):
            self.chance.choice(self._happenings())()
            self._look()

    def _happenings(self) -> list[Callable[[], None]]:
        common = [self._run_on, self._run_on, self._run_to_the_end, self._off, self._contact, self._contact, self._sing]
        common += [self._run_out] * (self.chance.random() < 0.1)
        common += [self._paper, self._old_lease, self._extension, self._cut_short]
        common += [self._visit, self._visit] * (self.nature == JUMPED)
        return common + [self._set_rtc, self._set_rtc] * (self.nature == OWNER)

    # What happens.

    def _run_on(self) -> None:
        self._run_for(self.chance.choice(RUNS_MS) + self.chance.randrange(HOUR_MS))

    def _run_out(self) -> None:
        """To behind the last rung of the ladder."""
        self._run_for(max(HOUR_MS, 31 * DAY_MS - self.on_ms))

    def _run_to_the_end(self) -> None:
        """To a second before the end of the stop."""
        left_ms = self.stop[2] - self.real_ms - 1_000 if self.stop else 0
        if 0 < left_ms <= 7 * DAY_MS:
            self._run_for(left_ms)

    def _sing(self) -> None:
        for room in ("K1", "K2", "K3"):
            self.rig.play(room, CORE_SONG)

    def _run_for(self, passed_ms: int) -> None:
        self.steps.append(f"run {passed_ms}")
        self.on_ms += passed_ms
        while passed_ms > 0:
            # A box looks each second; the drift of a month, seen at once, would be a clock that was set.
            step_ms = min(passed_ms, DAY_MS)
            passed_ms -= step_ms
            self.real_ms += step_ms
            self.rig.mono_ms += step_ms + step_ms * self.ppm // 1_000_000
            self.rig.rtc_ms += step_ms + step_ms * self.rtc_ppm // 1_000_000
            self.rig.give(on.Tick())

    def _off(self, passed_ms: int | None = None) -> None:
        if passed_ms is None:
            passed_ms = self.chance.choice((0, MINUTE_MS, HOUR_MS, 9 * HOUR_MS, DAY_MS, 31 * DAY_MS, 400 * DAY_MS))
            passed_ms += self.chance.randrange(HOUR_MS)
        self.real_ms += passed_ms
        self.boots += 1
        self.signed = False
        self.rig.rtc_ms += passed_ms + passed_ms * self.rtc_ppm // 1_000_000
        if "dead" in self.nature:
            self.rig.rtc_ms = self._dead()
        elif self.nature == OWNER and self.chance.random() < 0.7:
            self._set_rtc()
        elif self.nature == JUMPED and self.chance.random() < 0.5:
            self.has_jumped = True
            self.rig.rtc_ms += self.chance.choice((1, 1, 1, -1)) * self.chance.randrange(1, 30 * DAY_MS)
        self.steps.append(f"off {passed_ms}, rtc {self.rig.rtc_ms - self.real_ms:+}")
        used = self._used()
        self.rig.restart()
        assert all(now >= before for now, before in zip(self._used(), used, strict=True)), (
            f"used {used}, {self._used()}"
        )

    def _cut_short(self) -> None:
        """The power goes nine minutes behind the last record, about when the stop ends; entries are newer."""
        left_ms = self.stop[2] - self.real_ms - 10 * MINUTE_MS if self.stop else 0
        if 0 < left_ms <= 7 * DAY_MS:
            self._run_for(left_ms)
        self._run_for(9 * MINUTE_MS)
        self._sing()
        self._off(4 * MINUTE_MS)
        self._contact()

    def _set_rtc(self) -> None:
        near = self.real_ms + self.chance.choice((-1, 1)) * self.chance.choice(LIES_MS)
        self.rig.rtc_ms = self.chance.choice((near, near, self.chance.choice(MAD_MS)))
        self.steps.append(f"set rtc {self.rig.rtc_ms - self.real_ms:+}")

    def _visit(self) -> None:
        """Somebody comes and sets the battery clock right (promise 5)."""
        if self.has_jumped:
            self.rig.rtc_ms, self.has_jumped = self.real_ms, False
            self.steps.append("visit")
            if self.chance.random() < 0.5:
                self._off()
            else:
                self.rig.rtc_ms += self.chance.randrange(-20, 21) * MINUTE_MS  # by hand, and by a wrist watch
                self.rig.give(on.Tick())
            self._contact()

    def _contact(self) -> None:
        issued_at_ms = self.real_ms
        is_thief = self.nature in (KEY, DEAD_KEY)
        if is_thief:
            lie_ms = self.chance.choice(LIES_MS) * self.chance.choice((1, -1)) + self.chance.randrange(2_000)
            ends_ms = self.stop[2] if self.stop else 0
            lies = (self.real_ms + lie_ms, self.real_ms + lie_ms, ends_ms, self.chance.choice(MAD_MS))
            issued_at_ms = min(max(1, self.chance.choice(lies)), INSTANT_MAX - 31 * DAY_MS)
        elif self.nature == OWNER:
            issued_at_ms -= self.chance.randrange(290_000)  # who sits on the line holds it back
        else:
            issued_at_ms -= self.chance.randrange(5_000)
        self._lease(issued_at_ms, is_thief)

    def _lease(self, issued_at_ms: int, is_thief: bool = False) -> None:
        rig = self.rig
        rig.give(on.Connected())
        nonce = rig.report["nonce"]
        if not nonce:
            return
        before, refused = rig.box.trusted_ms(rig.now), self._refused()
        had_run_out = self._standing() == "expired"
        number = rig.leases + 1
        rig.grant_lease(issued_at_ms=issued_at_ms)
        made = builders.lease(lease=number + 1, nonce=nonce, issued_at_ms=issued_at_ms)
        self.old.append((nonce, seal("lease", made.encode(), (builders.LEASE_KEY,)).encode()))
        took = self._refused() == refused
        self.steps.append(f"lease {issued_at_ms - self.real_ms:+} {'taken' if took else 'refused'}")
        if not took:
            is_honest = self.nature in (HONEST, DEAD) or (self.nature == JUMPED and not self.has_jumped)
            assert not is_honest, "an honest lease was refused"
            return
        self.taken_ms, self.on_ms, self.extended_on_ms = self.real_ms, 0, -DAY_MS * 99
        self.is_adrift |= had_run_out and is_thief
        if not is_thief:
            self.signed, self.full_ms = True, self.real_ms
        after = rig.box.trusted_ms(rig.now)
        assert after is not None
        if before is None or abs(after - before) > LEASE_STEP_MS:
            last = rig.bodies("TIME")[-1]
            assert last == {"from_ms": before, "to_ms": after}, f"the step {before} to {after} is not on record"
        if self.nature == HONEST or (self.nature == KEY and not self.is_adrift):
            alone_ms = self.real_ms - (self.full_ms or 0)
            allowed_ms = 3 * MINUTE_MS + alone_ms * 2 * DRIFT_PPM // 1_000_000
            assert abs(after - self.real_ms) <= allowed_ms, f"{after - self.real_ms:+} ms from the real time"
        if self.nature == JUMPED and not self.has_jumped:
            assert abs(after - self.real_ms) <= MARGIN_MS, f"{after - self.real_ms:+} ms off, and all is well"

    def _old_lease(self) -> None:
        """Replayed by whoever has the line."""
        question, raw = self.chance.choice(self.old) if self.old else ("", b"")
        if question != self.rig.report.get("nonce", ""):
            number = self.rig.box.state_body(self.rig.now)["lease"]
            self.rig.give(on.LeaseReceived(raw=raw))
            assert self.rig.box.state_body(self.rig.now)["lease"] == number, "an answer to another question was taken"

    def _extension(self) -> None:
        """For the city, by whoever has the key; sometimes one that was taken before, or of long ago."""
        number = self.chance.randint(1, 5)
        issued_at_ms = self.real_ms - self.chance.choice((0, 30 * DAY_MS))
        if self.nature in (KEY, DEAD_KEY):
            issued_at_ms += self.chance.choice(LIES_MS)
        before = self.rig.box.state_body(self.rig.now)["lease"]
        self.rig.give(
            on.ExtensionReceived(
                request="", raw=builders.extension_envelope(extension=number, issued_at_ms=issued_at_ms)
            )
        )
        if self.rig.box.state_body(self.rig.now)["lease"] != before:
            assert number > self.extended, f"extension {number} after {self.extended}"
            self.extended, self.extended_on_ms = number, self.on_ms
        self.steps.append(f"extension {number}")

    def _paper(self) -> None:
        """Two officers sign something; in the real world they know what day it is."""
        self.orders += 1
        papers: dict[str, Any] = {
            "issued_at_ms": self.real_ms - self.chance.randrange(HOUR_MS),
            "expires_at_ms": self.real_ms + DAY_MS,
        }
        raw = builders.order_envelope("lift", (builders.ZHANG, builders.LI), number=900_000 + self.orders, **papers)
        self.rig.give(on.OrderReceived(request="", raw=raw))
        self.steps.append("paper")

    def _stop(self) -> None:
        issued = self.real_ms - self.chance.randrange(HOUR_MS)
        ends = issued + self.chance.choice((2 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS))
        papers: dict[str, Any] = {"issued_at_ms": issued, "expires_at_ms": issued + DAY_MS, "ends_at_ms": ends}
        order = builders.order("stop", **papers)
        raw = builders.order_envelope("stop", (builders.ZHANG, builders.LI), **papers)
        self.stop = (order.order, issued, ends)
        self.rig.give(on.OrderReceived(request="", raw=raw))
        self.steps.append(f"stop for {ends - self.real_ms}")

    # What is promised.

    def _look(self) -> None:
        rig = self.rig
        stands = self._is_stopped()
        if self.stop is not None:
            _, issued, ends = self.stop
            assert stands or self.real_ms >= ends, f"the stop ended {ends - self.real_ms} ms early"
            if self.nature == HONEST and self.signed and self.taken_ms == self.real_ms:
                late_ms = self.real_ms - ends
                allowed_ms = (self.real_ms - issued) // 1_000 + 3_000 * (1 + self.boots)
                assert not stands or late_ms < allowed_ms, f"the stop stands {late_ms} ms after its end"
        rig.reopen()  # the venue presses at once; while a stop stands that opens nothing
        codes = {song: rig.box.may_play("K1", song, "", rig.now) for song in (SONG, CORE_SONG)}
        if "" in codes.values():
            assert not self._is_closed() or not self._knows_the_hour(), f"open in the closing hours: {codes}"
            # Of the lease, and of an extension: a week from then, and from there the rungs as far apart as before.
            core_ms = max(7 * DAY_MS, self.extended_on_ms + 11 * DAY_MS) + HOUR_MS
            stop_ms = max(30 * DAY_MS, self.extended_on_ms + 34 * DAY_MS) + HOUR_MS
            assert codes[SONG] or self.on_ms < core_ms, f"beyond the core: on for {self.on_ms} ms"
            assert self.on_ms < stop_ms, f"on for {self.on_ms} ms since its lease"
        if not stands and self.nature in (HONEST, KEY) and not self.is_adrift and self._is_open():
            self._must_play(codes)

    def _must_play(self, codes: dict[str, str]) -> None:
        """Promise 2. Trusted time never runs ahead of the real time, so the rungs come no earlier."""
        since_ms = self.real_ms - (self.full_ms or 0)
        if since_ms < 7 * DAY_MS - MARGIN_MS:
            assert codes[SONG] == "", f"{codes[SONG]} {since_ms} ms after the last contact"
        elif since_ms < 30 * DAY_MS - MARGIN_MS:
            assert codes[CORE_SONG] == "", f"{codes[CORE_SONG]} {since_ms} ms after the last contact"

    def _knows_the_hour(self) -> bool:
        """Promise 4: an honest battery clock, or an honest lease in this boot."""
        return (self.nature in (HONEST, KEY) and not self.is_adrift) or (self.signed and self.nature in (OWNER, DEAD))

    def _is_closed(self) -> bool:
        """Deep inside the closing hours; a clock that has been alone for a year is not blamed for an hour."""
        alone_ms = self.real_ms - (self.taken_ms or self.real_ms)
        margin_ms = MARGIN_MS + alone_ms * (CRYSTAL_PPM + RTC_PPM) // 1_000_000
        return 2 * HOUR_MS + margin_ms <= self._of_day_ms() < 8 * HOUR_MS - margin_ms

    def _is_open(self) -> bool:
        return not 2 * HOUR_MS - MARGIN_MS <= self._of_day_ms() < 8 * HOUR_MS + MARGIN_MS

    def _of_day_ms(self) -> int:
        return (self.real_ms + 8 * HOUR_MS) % DAY_MS

    def _is_stopped(self) -> bool:
        return any(hold["kind"] == "stop" for hold in self.rig.box.state_body(self.rig.now)["holds"])

    def _used(self) -> tuple[int, int]:
        lease = self.rig.box.state_body(self.rig.now)["lease"]
        return (lease["powered_s"], lease["plays"]) if lease else (0, 0)

    def _standing(self) -> str:
        """By what the box expects the time to be: that is what decides whether a lease may set it anew."""
        memory = self.rig.box._memory
        return memory.lease.standing(memory.clock.likely_ms(self.rig.now), self.rig.mono_ms)

    def _refused(self) -> int:
        return int(self.rig.box.state_body(self.rig.now)["refused"].get("LEASE_TIME", 0))

    def _dead(self) -> int:
        return self.chance.choice(DEAD_MS) + self.chance.randrange(MINUTE_MS)


def run(count: int, seed: int) -> set[str]:
    """`count` scripts from this seed on; the natures that were among them.

    Raises AssertionError with the seed and steps of the one that failed.
    """
    natures = set()
    for number in range(seed, seed + count):
        script = Script(number)
        natures.add(script.nature)
        try:
            script.run()
        except AssertionError as error:
            raise AssertionError(f"clock script {number} ({script.nature}): {error}\n  {script.steps}") from error
    return natures
