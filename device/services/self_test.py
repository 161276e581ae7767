"""Is this box well? Asked before a slot is marked good (SPEC 13.3).

1. The self test writes and reads back on the journal's disk, reads the journal's newest entry, looks a
   song up, and asks the box's own LAN interface. Everything that fails is named.
2. A boot that is no trial of an update has used up an attempt too; it gets it back when the self test passes, however
   late. That test leaves out what no older image would mend: a full disk, a damaged catalog, a fleet out of reach.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping

from device.core.events import UpdateAdvanced
from device.ports import DriverError, Slots
from device.services.runtime import Events

SETTLE_S = 3.0  # what falls over at start has fallen by then
AGAIN_S = 5.0
TRIES_MAX = 24  # two minutes: names, network and broker may all have to come up
_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]


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


def disk_check(write: Callable[[bytes], None], read: Callable[[], bytes]) -> Check:
    """Write chance, durably, and read it back; both calls block."""

    async def checked() -> None:
        wanted = secrets.token_bytes(32)
        await asyncio.to_thread(write, wanted)
        if await asyncio.to_thread(read) != wanted:
            raise DriverError("JOURNAL_UNAVAILABLE", "what was written was not read back")

    return checked
