"""What time alone brings about."""

from device.core import cuts, grace, hours, lease, reopen, rtc_steps, update
from device.core.effects import RecoverJournal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Tick
    from device.core.turn import Turn

SAVE_SOON_MS = 60_000  # what may wait, such as the watermark, is saved after at most this
# How far trusted time may fall back over a loss of power or an older record; also farther where the card takes nothing,
# but behind the last play only: meanwhile every play is refused.
SAVE_TIME_MS = 600_000


def ticked(turn: "Turn", _event: "Tick") -> None:
    """Every second."""
    memory = turn.memory
    journal = memory.journal
    if journal.must_recover(turn.now.mono_ms):
        turn.do(RecoverJournal())
    memory.clock.look(turn.now)
    rtc_steps.follow(turn)
    hours.warn(turn)
    cuts.follow(turn)
    lease.follow(turn)
    if memory.damage.heal(turn.now.mono_ms):
        memory.damage.healed_at_ms = turn.trusted_ms or 0
        turn.save()
    _forget(turn)
    update.go_on(turn)
    if turn.now.mono_ms - memory.bound_at_ms >= SAVE_TIME_MS:
        memory.is_unsaved = False
        turn.save()
    elif memory.is_unsaved and turn.now.mono_ms - memory.saved_at_ms >= SAVE_SOON_MS:
        memory.is_unsaved = False
        turn.save_unbound()


def _forget(turn: "Turn") -> None:
    """Holds, endings, orders and notices whose time is over."""
    memory = turn.memory
    if not memory.damage.is_restricted:  # `orders.py` rule 3
        memory.orders.forget(turn.proven_ms)
    holds_changed = reopen.forget_holds(memory, turn.proven_ms)
    if memory.notices.forget(turn.proven_ms) or holds_changed:
        # At once: after a loss of power less time may be proven, and a hold that ended would stand again.
        turn.save()
    grace.forget(turn)
