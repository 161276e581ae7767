"""Is this box well? Asked before a slot is marked good, and by the watchdog all the time (SPEC 13.3).

1. The self test writes and reads back on the journal's disk, reads the journal's newest entry, looks a
   song up, and asks the box's own LAN interface. Everything that fails is named.
2. A boot that is no trial of an update has used up an attempt too; it gets it back when the self test passes, however
   late. That test leaves out what no older image would mend: a full disk, a damaged catalog, a fleet out of reach.
3. The watchdog is fed only while the box is alive: this loop runs, and the core handles its ticks or waits for the
   disk. A loop or core that hangs resets the board. A card that stands still does not: a reset would not mend it, and
   the box has to say what is the matter. It is a fault, DISK_STALLED, until the disk answers again.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from device.core.events import Observed, UpdateAdvanced
from device.ports import DriverError, Slots, Watchdog
from device.services.runtime import Events

SETTLE_S = 3.0  # what falls over at start has fallen by then
AGAIN_S = 5.0
TRIES_MAX = 24  # two minutes: names, network and broker may all have to come up
FEED_EVERY_S = 1.0
OBSERVE_EVERY_S = 2.0
SETTINGS_AGAIN_S = 3.0
TICK_AGE_S_MAX = 8.0
DISK_STALL_S = 5.0  # a card that collects its garbage takes a second or two
_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]


class Ticking(Protocol):
    """The runtime, as the watchdog sees it: when it last handled a tick, in the loop's time, and how long it has been
    waiting for the disk.
    """

    ticked_at_s: float

    def disk_busy_s(self) -> float: ...


class Seen(Protocol):
    """What the services see of the box; the desk. Codes in force, and counts by code since the start."""

    faults: set[str]
    refused: Counter[str]


class Health:
    """Checks by name; each raises DriverError or OSError if its part is not well. `of_trial`: rule 2."""

    def __init__(self, checks: Mapping[str, Check], of_trial: Mapping[str, Check], slots: Slots) -> None:
        self._checks = checks
        self._of_trial = {**checks, **of_trial}
        self._slots = slots

    async def judge_trial(self, runtime: Events) -> None:
        """Answer CheckHealth."""
        if await _are_well(self._of_trial):
            await runtime.post(UpdateAdvanced(state="confirmed", code=""))
        else:
            await runtime.post(UpdateAdvanced(state="rejected", code="UPDATE_UNHEALTHY"))

    async def give_attempt_back(self, is_only: bool) -> None:
        """Rule 2. is_only: as at the confirmation, should that have failed (SPEC 13.5)."""
        if await asyncio.to_thread(self._slots.is_trial):
            while not await _are_well(self._checks):
                _log.warning("this boot keeps the attempt that it used up")
            await asyncio.to_thread(self._slots.confirm, is_only)


def told_only(act: Callable[[Any], object], faults: set[str]) -> Callable[[Any], None]:
    """An effect of the board that stops no play: its code is among the faults from a failure until the same works."""
    failed: set[str] = set()

    def perform(effect: Any) -> None:
        try:
            act(effect)
        except DriverError as error:
            _log.error("%s", error)
            failed.add(error.code)
            faults.update(failed)
        else:
            faults.difference_update(failed)
            failed.clear()

    return perform


async def failures(checks: Mapping[str, Check]) -> list[str]:
    """Names of the checks that fail."""
    failed = []
    for name, check in checks.items():
        try:
            async with asyncio.timeout(AGAIN_S):
                await check()
        except (DriverError, OSError, TimeoutError) as error:
            _log.warning("self test: %s: %s", name, error)
            failed.append(name)
    return failed


async def _are_well(checks: Mapping[str, Check]) -> bool:
    """After SETTLE_S; tried again for a while, since a disk or network may need it."""
    await asyncio.sleep(SETTLE_S)
    for _ in range(TRIES_MAX):
        if not await failures(checks):
            return True
        await asyncio.sleep(AGAIN_S)
    return False


async def feed(watchdog: Watchdog, core: Callable[[], Ticking | None], faults: set[str]) -> None:
    """Rule 3, for ever. `core` gives None while there is none: then a loop that runs is all that can be asked."""
    while True:
        ticking = core()
        is_alive = ticking is None or _is_alive(ticking)
        _set(faults, "DISK_STALLED", ticking is not None and ticking.disk_busy_s() > DISK_STALL_S)
        if is_alive:
            try:
                watchdog.feed()
            except DriverError as error:
                _log.error("%s", error)
                faults.add("WATCHDOG_FAILED")
            else:
                faults.discard("WATCHDOG_FAILED")
        await asyncio.sleep(FEED_EVERY_S)


async def observe(seen: Seen, runtime: Events, stands: asyncio.Event) -> None:
    """Once the core stands, tell it what is out of order and who was turned away, for ever. What comes and goes
    within a look is nothing.
    """
    await stands.wait()
    told = None
    while True:
        now = Observed(faults=tuple(sorted(seen.faults)), refused=dict(seen.refused))
        if now != told:
            await runtime.post(now)
            told = now
        await asyncio.sleep(OBSERVE_EVERY_S)


class Keeping(Protocol):
    """The settings: whether they could be read and kept at the last try, and another try (blocks)."""

    is_failing: bool

    def try_again(self) -> None: ...


async def mind_settings(settings: Keeping, faults: set[str]) -> None:
    """Settings are written once in a year: whether they can be again, somebody must try. For ever."""
    while True:
        if settings.is_failing:
            faults.add("SETTINGS_UNAVAILABLE")
            await asyncio.to_thread(settings.try_again)
        if not settings.is_failing:
            faults.discard("SETTINGS_UNAVAILABLE")
        await asyncio.sleep(SETTINGS_AGAIN_S)


def _is_alive(core: Ticking) -> bool:
    return core.disk_busy_s() > 0 or asyncio.get_running_loop().time() - core.ticked_at_s < TICK_AGE_S_MAX


def _set(faults: set[str], code: str, is_so: bool) -> None:
    if is_so:
        faults.add(code)
    else:
        faults.discard(code)


def disk_check(write: Callable[[bytes], None], read: Callable[[], bytes]) -> Check:
    """Write chance, durably, and read it back; both calls block."""

    async def checked() -> None:
        wanted = secrets.token_bytes(32)
        await asyncio.to_thread(write, wanted)
        if await asyncio.to_thread(read) != wanted:
            raise DriverError("JOURNAL_UNAVAILABLE", "what was written was not read back")

    return checked
