"""Is this box alive? Asked by the watchdog all the time, and what is out of order is told to the core.

The watchdog is fed only while the box is alive: this loop runs, and the core handles its ticks or waits for the disk.
A loop or core that hangs resets the board. A card that stands still does not: a reset would not mend it, and the box
has to say what is the matter. It is a fault, DISK_STALLED, until the disk answers again.
"""

from collections import Counter
from collections.abc import Callable

from device.core.events import Observed
from device.first_loop import Happening, in_thread, pause, running_loop
from device.log import Log
from device.ports import DriverError, Watchdog
from device.services.runtime import Events
from device.typed import Any, Protocol

FEED_EVERY_S = 1.0
OBSERVE_EVERY_S = 2.0
SETTINGS_AGAIN_S = 3.0
TICK_AGE_S_MAX = 8.0
DISK_STALL_S = 5.0  # a card that collects its garbage takes a second or two
_log = Log(__name__)


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


async def feed(watchdog: Watchdog, core: Callable[[], Ticking | None], faults: set[str]) -> None:
    """For ever. `core` gives None while there is none: then a loop that runs is all that can be asked."""
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
        await pause(FEED_EVERY_S)


async def observe(seen: Seen, runtime: Events, stands: Happening) -> None:
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
        await pause(OBSERVE_EVERY_S)


class Keeping(Protocol):
    """The settings: whether they could be read and kept at the last try, and another try (blocks)."""

    is_failing: bool

    def try_again(self) -> None: ...


async def mind_settings(settings: Keeping, faults: set[str]) -> None:
    """Settings are written once in a year: whether they can be again, somebody must try. For ever."""
    while True:
        if settings.is_failing:
            faults.add("SETTINGS_UNAVAILABLE")
            await in_thread(settings.try_again)
        if not settings.is_failing:
            faults.discard("SETTINGS_UNAVAILABLE")
        await pause(SETTINGS_AGAIN_S)


def _is_alive(core: Ticking) -> bool:
    return core.disk_busy_s() > 0 or running_loop().time() - core.ticked_at_s < TICK_AGE_S_MAX


def _set(faults: set[str], code: str, is_so: bool) -> None:
    if is_so:
        faults.add(code)
    else:
        faults.discard(code)
