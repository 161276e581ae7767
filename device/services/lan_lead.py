"""asyncio's waiting, done at the door (docs/adr/0013).

A turn of asyncio's loop costs as much as a question does. So the door waits for the loop's selector as it waits for a
client, and gives the loop a turn when that has something to do: its selector is ready, its time is over, or what was
served has left it a call or a timer.
"""

from device.log import Log
from device.typed import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.services.lan_door import Door

_log = Log(__name__)


class Lead:
    """In the place of a loop's selector, from its making to `end`."""

    def __init__(self, loop: Any, door: "Door") -> None:
        # Private to asyncio, which comes with the Python that is pinned.
        self._loop, self._door = loop, door
        self._selector = selector = loop._selector
        self.fileno = selector.fileno
        self.register, self.unregister, self.modify = selector.register, selector.unregister, selector.modify
        self.get_key, self.get_map, self.close = selector.get_key, selector.get_map, selector.close
        loop._selector = self

    def end(self) -> None:
        if self._loop._selector is self:
            self._loop._selector = self._selector

    def select(self, timeout: float | None = None) -> Any:
        """As of every selector: wait so many seconds, without end if None; what is ready."""
        try:
            self._door.serve_and_wait(timeout)
        except Exception:  # noqa: BLE001 - as asyncio: one call's defect must not stop the others
            _log.exception("the door could not serve")
        return self._selector.select(0)

    @property
    def tasks_count(self) -> int:
        """How many timers the loop has; less than none if it has a call to make now."""
        loop = self._loop
        return -1 if loop._ready else len(loop._scheduled)


def can_lead(loop: Any) -> bool:
    """Whether it waits in a selector of its own, and no other door does so for it."""
    return hasattr(loop, "_selector") and not isinstance(loop._selector, Lead)
