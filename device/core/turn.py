"""One turn: the handling of one event, with the effects it has had so far, in order."""

from device.core.effects import Push, Reply, SaveState, TickCounter
from device.core.reopen import forget_holds
from device.core.state_record import encode_state
from device.protocol.codes import refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.effects import Effect
    from device.core.events import Now
    from device.core.journal import Stamp
    from device.core.memory import Memory


class Turn:
    """What the box knows, the instant, and what is to be done."""

    def __init__(self, memory: "Memory", now: "Now") -> None:
        self.memory = memory
        self.now = now
        self.effects: list[Effect] = []
        self.last: Effect | None = None

    @property
    def trusted_ms(self) -> int | None:
        return self.memory.clock.trusted_ms(self.now)

    @property
    def proven_ms(self) -> int | None:
        """The lower bound of real time by which holds end (SPEC 7.3)."""
        return self.memory.clock.proven_ms(self.now)

    @property
    def standing(self) -> str:
        """The rung of the lease's ladder."""
        return self.memory.lease.standing(self.trusted_ms, self.now.mono_ms)

    def do(self, effect: "Effect") -> None:
        self.effects.append(effect)

    def do_last(self, effect: "Effect") -> None:
        """What ends the process: behind everything else of this turn."""
        self.last = effect
        self.memory.is_ending = True

    def append(self, kind: str, body: "dict[str, Any]", is_checked: bool = False, stamp: "Stamp | None" = None) -> None:
        """One journal entry. is_checked: every field of the body has passed its check already. stamp: of now."""
        journal = self.memory.journal
        entry = journal.append(kind, body, stamp or journal.stamp(self.memory.clock, self.now), is_checked)
        if entry is not None:
            self.do(entry)

    def save(self) -> None:
        """The state record as it is now, bound to the next step of the counter (`damage.py` rule 3).

        While the journal is unavailable nothing is saved: recovery saves.
        """
        if self.memory.journal.is_available:
            self.memory.counter += 1
            self.memory.bound_at_ms = self.now.mono_ms
            self.save_unbound()
            self.do(TickCounter())

    def save_unbound(self) -> None:
        """The same without a step: what an older record would do no harm to forget, such as the watermark."""
        # A hold that has ended is not written: after a restart less time may be proven, and it would stand again.
        forget_holds(self.memory, self.proven_ms)
        if self.memory.journal.is_available:
            self.memory.saved_at_ms = self.now.mono_ms
            holds = [hold.order for hold in self.memory.holds.in_force(self.proven_ms)]
            self.do(SaveState(raw=encode_state(self.memory, self.now), holds=holds))

    def push(self, event: "dict[str, Any]") -> None:
        self.do(Push(event=event))

    def reply(self, request: str, status: int, body: "dict[str, Any]") -> None:
        """Answer a waiting request; nobody waits for what came by MQTT."""
        if request:
            self.do(Reply(request=request, status=status, body=body))

    def refuse(self, request: str, status: int, code: str) -> None:
        """Answer with a code and its sentences (SPEC 15.2)."""
        self.reply(request, status, refusal(code, request))
