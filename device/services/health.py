"""Is this box well? Asked before a slot is marked good, and by the watchdog all the time (SPEC 13.3).

1. The self test writes and reads back on the journal's disk, reads the journal's newest entry, looks a
   song up, and asks the box's own LAN interface. Everything that fails is named.
2. A boot that is no trial of an update has used up an attempt too; it gets it back when the self test passes.
4. The watchdog is fed only while the runtime's loop handles its ticks.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from device.core.events import UpdateAdvanced
from device.ports import DriverError, Slots, Watchdog
from device.services.runtime import Events

SETTLE_S = 3.0  # what falls over at start has fallen by then
AGAIN_S = 5.0
TRIES_MAX = 24  # two minutes: names, network and broker may all have to come up
FEED_EVERY_S = 1.0
TICK_AGE_S_MAX = 8.0
_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]


class Ticking(Protocol):
    """The runtime, as the watchdog sees it: when it last handled a tick, in the loop's time."""

    ticked_at_s: float


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

    async def give_attempt_back(self) -> None:
        """Rule 3."""
        if await asyncio.to_thread(self._slots.is_trial) and await _are_well(self._checks):
            await asyncio.to_thread(self._slots.confirm)


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


async def feed(watchdog: Watchdog, runtime: Ticking) -> None:
    """Rule 4, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        if loop.time() - runtime.ticked_at_s < TICK_AGE_S_MAX:
            watchdog.feed()
        await asyncio.sleep(FEED_EVERY_S)


def disk_check(write: Callable[[bytes], None], read: Callable[[], bytes]) -> Check:
    """Write chance, durably, and read it back; both calls block."""

    async def checked() -> None:
        wanted = secrets.token_bytes(32)
        await asyncio.to_thread(write, wanted)
        if await asyncio.to_thread(read) != wanted:
            raise DriverError("JOURNAL_UNAVAILABLE", "what was written was not read back")

    return checked
