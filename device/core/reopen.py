"""Ready to reopen: a suspension that ended by itself opens nothing before the venue says so (SPEC 6.7).

1. When a stop of the whole venue reaches its end, its number is kept until the venue confirms or a resume names it.
2. Until then the state is `ready` and plays are refused with `VENUE_READY`; another stop in force comes first.
3. The venue confirms at the box; that is an entry and nothing else is asked: the suspension is over.
"""

from device.core import verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import ReopenRequested
    from device.core.memory import Memory
    from device.core.turn import Turn

ORDERS_IN_ENTRY_MAX = 24  # an entry is bounded


def forget_holds(memory: "Memory", now_ms: int | None) -> bool:
    """Drop holds that have ended by themselves (rule 1); whether anything has changed."""
    for hold in memory.holds.over(now_ms):
        if hold.is_of_venue and hold.order not in memory.reopening:
            memory.reopening.append(hold.order)
    return memory.holds.forget(now_ms, memory.content.listed.orders)


def resumed(memory: "Memory", orders: "list[str]") -> None:
    """Officers have ended these stops: what is over besides needs no word of the venue."""
    memory.reopening = [order for order in memory.reopening if order not in orders]


def reopen_requested(turn: "Turn", event: "ReopenRequested") -> None:
    """Rule 3. Told again, or with nothing to confirm, it gets the same answer."""
    memory = turn.memory
    if memory.holds.is_locked(turn.proven_ms):
        turn.refuse(event.request, 403, "VENUE_LOCKED")
        return
    if not memory.journal.is_available:
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")
        return
    forget_holds(memory, turn.proven_ms)
    if memory.reopening:
        turn.append("REOPEN", {"orders": memory.reopening[:ORDERS_IN_ENTRY_MAX]})
        memory.reopening = []
        turn.save()
    turn.reply(event.request, 200, {"state": verdict.state(turn)})
