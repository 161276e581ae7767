"""The security epoch: an image below the newest that this box has confirmed plays nothing (SPEC 13.5).

The boot loader falls back to the other slot when a slot has used up its attempts, and an owner uses them up by cutting
the power. An epoch is raised when an older image must never serve again, so:

1. The floor is the highest epoch that was confirmed, or that started without a trial. It never falls, and stands in
   the state record, which is bound to the hardware counter.
2. What confirms a higher epoch bars the other slot: the boot loader has nothing to fall back to but a slot whose own
   image cannot be read.
3. An image below the floor runs all the same if the boot loader takes it. It refuses plays with `VERSION_OLD`, keeps
   contact, and can be updated to nothing below the floor.
4. It goes back to the other slot by itself after RETURN_AFTER_MS, in which the fleet has its turn: else two images, one
   that is too old and one that does not start, would take turns for ever. Not while that slot may be written.
"""

from device.core.effects import Arm, Reboot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.turn import Turn

RETURN_AFTER_MS = 120_000


class Epoch:
    """Of the image that runs, and the floor."""

    def __init__(self) -> None:
        self.running = 0
        self.floor = 0
        self.bars_other = False  # rule 2, until the next leg
        self.is_returning = False  # the other slot is being armed
        self._return_at_ms = 0

    @property
    def is_old(self) -> bool:
        return self.running < self.floor

    def begin(self, running: int, is_trial: bool, mono_ms: int) -> None:
        """A boot; a trial raises nothing, for it may be rolled back."""
        self.running = running
        self._return_at_ms = mono_ms + RETURN_AFTER_MS
        if not is_trial:
            self.floor = max(self.floor, running)

    def confirm(self) -> None:
        """The trial has passed (rules 1, 2)."""
        self.bars_other = self.running > self.floor
        self.floor = max(self.floor, self.running)

    def return_due(self, mono_ms: int) -> bool:
        """Rule 4, the time alone."""
        return self.is_old and not self.is_returning and mono_ms >= self._return_at_ms

    def failed(self, mono_ms: int) -> None:
        """The other slot could not be armed: try again later."""
        self.is_returning = False
        self._return_at_ms = mono_ms + RETURN_AFTER_MS


def go_back(turn: "Turn") -> None:
    """Arm the other slot; no room sings, and nobody writes that slot."""
    turn.memory.epoch.is_returning = True
    turn.do(Arm())


def armed(turn: "Turn", is_armed: bool) -> None:
    """What came of it."""
    if is_armed:
        turn.save()
        turn.do_last(Reboot())
    else:
        turn.memory.epoch.failed(turn.now.mono_ms)
