"""The update of the box: which step may follow which, as a table (SPEC 13.2, 13.3).

1. A pair that is absent is refused, never ignored: a leg at a bad moment is answered with `UPDATE_BUSY`.
2. The other slot is armed, and the box starts again, only while no room sings.
3. *Confirmed* is a new boot of the armed slot with the right version that passed its health test; only then is
   the slot marked good. Any other boot while armed or on trial is *rolled back*.
   A slot that was written and boots was armed: the power went before that was written down.
4. An older leg than the last one taken is a replay and changes nothing; but for one that is dated beyond tomorrow:
   whoever had the key for a day must not have had the last word.
5. An image that cannot be fetched now is asked for again after AGAIN_MS: that is no fault of the version.
6. Where the other image runs than the one that took the leg, since the boot loader fell back, the leg begins anew and
   goes to the other slot. An image below the floor goes back instead where nothing is under way (`epoch.py`).
"""

from device.core import epoch
from device.core.effects import Arm, CheckHealth, ConfirmSlot, Install, Reboot
from device.core.facts import Fact
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import ProtocolError, RejectedError, SignatureError
from device.protocol.limits import DAY_MS
from device.protocol.updates import RolloutLeg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import RolloutReceived, UpdateAdvanced
    from device.core.memory import Memory
    from device.core.turn import Turn

IDLE, DOWNLOADING, WRITTEN, ARMED = "idle", "downloading", "written", "armed"
TRIAL, CONFIRMED, ROLLED_BACK, REJECTED = "trial", "confirmed", "rolled-back", "rejected"

# Steps that are no states: a leg came; the box booted the slot that was armed, or the other one.
LEG, BOOTED_NEW, BOOTED_OLD = "leg", "booted-new", "booted-old"

UNREACHABLE = "CONTENT_UNREACHABLE"
AGAIN_MS = 60_000

# state -> step -> next state. A pair that is absent is refused (rule 1).
TRANSITIONS = {
    IDLE: {LEG: DOWNLOADING},
    DOWNLOADING: {LEG: DOWNLOADING, WRITTEN: WRITTEN, REJECTED: REJECTED},
    WRITTEN: {LEG: DOWNLOADING, ARMED: ARMED, REJECTED: REJECTED, BOOTED_NEW: TRIAL},
    ARMED: {BOOTED_NEW: TRIAL, BOOTED_OLD: ROLLED_BACK},
    # An unhealthy trial starts again until the boot loader gives the slot up (SPEC 13.4).
    TRIAL: {BOOTED_NEW: TRIAL, BOOTED_OLD: ROLLED_BACK, CONFIRMED: CONFIRMED, REJECTED: TRIAL},
    CONFIRMED: {LEG: DOWNLOADING},
    ROLLED_BACK: {LEG: DOWNLOADING},
    REJECTED: {LEG: DOWNLOADING},
}


class Update(Fact):
    """The last rollout leg and how far it got. `slot` is the one that it is written to."""

    state: str
    rollout: str
    version: str
    slot: str
    code: str
    issued_at_ms: int
    FIELDS = ("state", "rollout", "version", "slot", "code", "issued_at_ms")


NO_UPDATE = Update(state=IDLE, rollout="", version="", slot="", code="", issued_at_ms=0)


def next_state(state: str, step: str) -> str | None:
    """None where the step is refused."""
    return TRANSITIONS[state].get(step)


def rollout_received(turn: "Turn", event: "RolloutReceived") -> None:
    """Begin an update. The leg that the box has is answered by the report alone."""
    memory = turn.memory
    try:
        leg = _accept(memory, event.raw)
    except ProtocolError as error:
        memory.refusals.count(error.code)
        return
    update = memory.update
    if leg.rollout == update.rollout or leg.issued_at_ms < _last_word_ms(turn):
        return
    state = next_state(update.state, LEG)
    if state is None or memory.epoch.is_returning:
        _refuse(turn, leg)
        return
    memory.is_arming = memory.epoch.bars_other = False
    memory.update = Update(
        state=state,
        rollout=leg.rollout,
        version=leg.version,
        slot=_other(memory.slot),
        code="",
        issued_at_ms=leg.issued_at_ms,
    )
    _write_down(turn)
    _install(turn)


def _last_word_ms(turn: "Turn") -> int:
    """From when on a leg is a new one (rule 4)."""
    last_ms = turn.memory.update.issued_at_ms
    if turn.trusted_ms is None or last_ms <= turn.trusted_ms + DAY_MS:
        return last_ms
    return 0


def update_advanced(turn: "Turn", event: "UpdateAdvanced") -> None:
    """One step, reported by the runtime; one that does not fit is refused aloud."""
    memory = turn.memory
    if memory.epoch.is_returning:
        epoch.armed(turn, event.state == ARMED)
        return
    state = next_state(memory.update.state, event.state)
    if state is None:
        memory.refusals.count("UPDATE_BUSY")
        return
    memory.is_arming = False
    if memory.update.state == DOWNLOADING and event.code == UNREACHABLE:
        memory.install_at_ms = turn.now.mono_ms + AGAIN_MS
        return
    memory.update.state, memory.update.code = state, event.code
    if state == CONFIRMED:
        memory.epoch.confirm()
        turn.do(ConfirmSlot(is_only=memory.epoch.bars_other))
    _write_down(turn)
    if state == TRIAL:
        turn.do_last(Reboot())
    else:
        go_on(turn)


def booted(turn: "Turn") -> None:
    """What a start means for the update (rule 3); the first thing after the BOOT entry."""
    memory = turn.memory
    update = memory.update
    is_new = (memory.slot, memory.version) == (update.slot, update.version)
    state = next_state(update.state, BOOTED_NEW if is_new else BOOTED_OLD)
    if state is not None:
        update.state = state
        if state == ROLLED_BACK:
            update.code = "UPDATE_UNHEALTHY"
        _entry(turn, update.state, update.rollout, update.version, update.slot, update.code)
    elif update.state in (DOWNLOADING, WRITTEN) and update.slot == memory.slot:
        update.state, update.slot = DOWNLOADING, _other(memory.slot)  # rule 6
        _entry(turn, update.state, update.rollout, update.version, update.slot, update.code)


def resume(turn: "Turn") -> None:
    """Go on where the power, the journal or the network went."""
    update = turn.memory.update
    if update.state == DOWNLOADING:
        _install(turn)
    elif update.state == TRIAL:
        turn.do(CheckHealth())


def go_on(turn: "Turn") -> None:
    """Rules 2 and 5; also asked at every tick."""
    memory = turn.memory
    if memory.install_at_ms is not None and turn.now.mono_ms >= memory.install_at_ms:
        memory.install_at_ms = None
        resume(turn)
    if memory.plays.count or memory.is_arming or not memory.journal.is_available:
        return
    if memory.update.state == WRITTEN:
        memory.is_arming = True
        turn.do(Arm())
    elif memory.update.state == ARMED:
        memory.is_arming = True  # asked once; the process ends
        turn.save()
        turn.do_last(Reboot())
    elif memory.epoch.return_due(turn.now.mono_ms) and _is_quiet(memory):
        epoch.go_back(turn)


def _is_quiet(memory: "Memory") -> bool:
    """Whether nobody writes the other slot: there is no image to be had, or none is wanted."""
    return memory.update.state not in (DOWNLOADING, TRIAL) or memory.install_at_ms is not None


def _install(turn: "Turn") -> None:
    update, security = turn.memory.update, turn.memory.epoch
    turn.memory.install_at_ms = None
    lowest = max(security.running, security.floor)
    turn.do(Install(rollout=update.rollout, version=update.version, security_epoch=lowest))


def _accept(memory: "Memory", raw: bytes) -> RolloutLeg:
    """Raises ProtocolError."""
    if memory.content.policy is None:
        raise SignatureError("SIGNER_UNKNOWN", "no authority policy is loaded")
    envelope = parse_envelope(raw, "rollout")
    require_signature(envelope, memory.content.policy.service_keys("rollout"), memory.verify)
    leg = RolloutLeg.decode(envelope.payload)
    if leg.box != memory.box:
        raise RejectedError("LEASE_NOT_OURS", f"leg for {leg.box}")
    return leg


def _write_down(turn: "Turn") -> None:
    update = turn.memory.update
    _entry(turn, update.state, update.rollout, update.version, update.slot, update.code)
    turn.save()


def _refuse(turn: "Turn", leg: RolloutLeg) -> None:
    refusals = turn.memory.refusals
    refusals.count("UPDATE_BUSY")
    if refusals.of_fleet.take(turn.now.mono_ms):
        _entry(turn, REJECTED, leg.rollout, leg.version, _other(turn.memory.slot), "UPDATE_BUSY")


def _entry(turn: "Turn", state: str, rollout: str, version: str, slot: str, code: str) -> None:
    body = {"rollout": rollout, "version": version, "slot": slot, "state": state, "code": code}
    turn.append("UPDATE", body)


def _other(slot: str) -> str:
    return "b" if slot == "a" else "a"
