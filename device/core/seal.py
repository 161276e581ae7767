"""The physical seal: every change is an entry, also one that happened while the power was off (SPEC 9.3)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import SealChanged
    from device.core.turn import Turn

INTACT, OPEN = "intact", "open"


def seal_changed(turn: "Turn", event: "SealChanged") -> None:
    """The switch speaks at every start; what the record remembers tells whether that is news."""
    memory = turn.memory
    if event.is_open == memory.seal_is_open:
        return
    memory.seal_is_open = event.is_open
    turn.append("SEAL", {"open": event.is_open})
    turn.save()
