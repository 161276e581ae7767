"""The grace of a stop: how long songs that run may go on (SPEC 6.4).

It spares plays that ran when the stop came, and no play outlives a restart (SPEC 9.9): so it ends with the power, is
never begun anew, and needs no place in the state record. A hold without an instant here has none left.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.plays import Play
    from device.core.turn import Turn


def begin(turn: "Turn", order: str, grace_s: int) -> None:
    """A stop was accepted."""
    turn.memory.cut_at_ms[order] = turn.now.mono_ms + grace_s * 1000


def forget(turn: "Turn") -> None:
    """Drop what belongs to no stop in force any more."""
    memory = turn.memory
    in_force = [hold.order for hold in memory.holds.stops(turn.signed_ms)]
    memory.cut_at_ms = {order: at for order, at in memory.cut_at_ms.items() if order in in_force}


def lock_at_mono_ms(turn: "Turn", _play: "Play") -> int | None:
    """When the stops in force end this play, the soonest of them; None if none does."""
    memory = turn.memory
    due = [memory.cut_at_ms.get(hold.order, 0) for hold in memory.holds.stops(turn.signed_ms)]
    return min(due) if due else None


def left_s(turn: "Turn") -> int | None:
    """Seconds until the first running plays are cut; None if no stop is in force."""
    memory = turn.memory
    left = [memory.cut_at_ms.get(hold.order, 0) - turn.now.mono_ms for hold in memory.holds.stops(turn.signed_ms)]
    return max(0, min(left)) // 1000 if left else None
