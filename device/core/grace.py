"""The grace of a stop: how long songs that run may go on (SPEC 6.4).

It spares plays that ran when the stop came, and no play outlives a restart (SPEC 9.9): so it ends with the power, is
never begun anew, and needs no place in the state record. A hold without an instant here has none left.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.holds import Hold
    from device.core.plays import Play
    from device.core.turn import Turn


def begin(turn: "Turn", order: str, grace_s: int) -> None:
    """A stop was accepted."""
    turn.memory.cut_at_ms[order] = turn.now.mono_ms + grace_s * 1000


def forget(turn: "Turn") -> None:
    """Drop what belongs to no stop in force any more."""
    memory = turn.memory
    in_force = [hold.order for hold in memory.holds.stops(turn.proven_ms)]
    memory.cut_at_ms = {order: at for order, at in memory.cut_at_ms.items() if order in in_force}


def lock_at_mono_ms(turn: "Turn", play: "Play") -> int | None:
    """When the stops in force end this play, the soonest of them; None if none does."""
    due = [
        turn.memory.cut_at_ms.get(hold.order, 0)
        for hold in turn.memory.holds.stops(turn.proven_ms)
        if not hold.rooms or play.room in hold.rooms
    ]
    return min(due) if due else None


def sparing(turn: "Turn") -> "list[str]":
    """The stops whose grace still lets a song run, by order number: they are delivered, and not yet in force."""
    rooms = [play.room for play in turn.memory.plays.running()]
    return [
        hold.order for hold in turn.memory.holds.stops(turn.proven_ms) if _left_ms(turn, hold) and _meets(hold, rooms)
    ]


def left_s(turn: "Turn") -> int | None:
    """Seconds until the stops of the venue cut what runs; None if it is not locked."""
    left = [_left_ms(turn, hold) for hold in turn.memory.holds.stops(turn.proven_ms) if hold.is_of_venue]
    return min(left) // 1000 if left else None


def _left_ms(turn: "Turn", hold: "Hold") -> int:
    return max(0, turn.memory.cut_at_ms.get(hold.order, 0) - turn.now.mono_ms)


def _meets(hold: "Hold", rooms: "list[str]") -> bool:
    return bool(rooms) if not hold.rooms else any([room in hold.rooms for room in rooms])
