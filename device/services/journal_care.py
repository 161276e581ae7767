"""Has the journal tended beside its writer, and says how full it is (SPEC 9.12).

Nothing waits for this, and it is no part of the runtime's order: a spare segment, a bookmark or a dropped segment
more or less changes no answer.
"""

from collections.abc import Callable

from device.first_loop import pause
from device.log import Log
from device.ports import DriverError
from device.services.disk_thread import Disk, DiskThread, made
from device.typed import Protocol

LOOK_EVERY_S = 1.0
ALARMS = ("JOURNAL_NEARLY_FULL", "JOURNAL_FULL")
_log = Log(__name__)


class Tended(Protocol):
    """What is needed of the journal; only `tend` blocks. It raises DriverError."""

    @property
    def alarm(self) -> str: ...

    @property
    def needs_tending(self) -> bool: ...

    def tend(self, proven_ms: float) -> None: ...


async def care(
    journal: Tended,
    faults: set[str],
    proven_ms: Callable[[], int | None],
    every_s: float = LOOK_EVERY_S,
    disk: Disk | None = None,
) -> None:
    """For ever. A disk that stands still holds one thread and not the loop. disk: where to tend; else a thread.
    proven_ms: proven time (SPEC 7.3), by which entries get old; asked in the loop.
    """
    disk = disk or DiskThread("journal care")
    try:
        while True:
            faults.difference_update(set(ALARMS) - {journal.alarm})
            faults.update({journal.alarm} & set(ALARMS))
            if journal.needs_tending:
                try:
                    await made(disk, _tending(journal, proven_ms() or 0))
                except DriverError as error:
                    _log.warning("the journal could not be tended: %s", error)
            await pause(every_s)
    finally:
        disk.shutdown()


def _tending(journal: Tended, proven_ms: int) -> Callable[[], None]:
    return lambda: journal.tend(proven_ms)
