"""The physical seal: an opening is an entry at once, or at the next start if the power was off (SPEC 6.8, 9.3).

1. Every opening has a number above all before it, also over a card that was put back or wiped: it comes from the
   hardware counter. It stays `was-opened` until a service order that names this very opening; an older order clears
   nothing, however often it comes again.
2. The board's latch sees what happens without power. It is let go only when the record that knows of it is durable and
   the loop is closed.
3. A record that cannot be trusted may have known of an opening: it counts as one.
4. It is an alarm and stops no play by itself: who may stop a venue is an officer, by order.
"""

from device.core.effects import ReleaseSealLatch
from device.protocol.errors import RejectedError
from device.protocol.uplink import INTACT, OPEN, WAS_OPENED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import SealChanged
    from device.core.turn import Turn


class Seal:
    """What the box knows of its seal. opening: number of the last one, 0 if there was none."""

    def __init__(self) -> None:
        self.is_open = False
        self.was_opened = False
        self.opening = 0

    @property
    def word(self) -> str:
        if self.is_open:
            return OPEN
        return WAS_OPENED if self.was_opened else INTACT

    def opened(self, counter: int) -> None:
        """Rule 1; `counter` is the reading that the next record will be bound to."""
        self.was_opened = True
        self.opening = max(counter, self.opening + 1)

    def clear(self, opening: int) -> None:
        """By a service order; raises RejectedError `SEAL_OPEN`, `SEAL_OPENING` and changes nothing."""
        if self.is_open:
            raise RejectedError("SEAL_OPEN", "the loop through the seal is open")
        if opening != self.opening:
            raise RejectedError("SEAL_OPENING", f"opening {opening}, the last one is {self.opening}")
        self.was_opened = False


def seal_changed(turn: "Turn", event: "SealChanged") -> None:
    """The switch speaks at every start; what the record remembers tells whether that is news."""
    memory = turn.memory
    seal = memory.seal
    is_closed_again = event.was_opened and not seal.is_open and not event.is_open
    is_new = is_closed_again or (event.is_open and not seal.is_open)
    if is_new:
        seal.opened(memory.counter + 1)
    if is_new or event.is_open != seal.is_open:
        seal.is_open = event.is_open
        _write(turn, event.at_boot)
        turn.save()
    if event.was_opened and memory.journal.is_available:
        let_go(turn)


def let_go(turn: "Turn") -> None:
    """Rule 2, behind a save."""
    if not turn.memory.seal.is_open:
        turn.do(ReleaseSealLatch())


def distrust(turn: "Turn") -> None:
    """Rule 3, at a start."""
    turn.memory.seal.opened(turn.memory.counter + 1)
    _write(turn, True)


def _write(turn: "Turn", at_boot: bool) -> None:
    seal = turn.memory.seal
    turn.append("SEAL", {"open": seal.is_open, "opening": seal.opening, "at_boot": at_boot})
