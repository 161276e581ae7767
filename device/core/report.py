"""What the box says of itself: to the fleet, to the VOD server, by lamp and relay, and to whoever asks.

1. A report goes out at every connect, at every change of what it says, and every REPORT_EVERY_S (SPEC 10.4).
   What changes with every song - journal, rooms, counts - waits for the next one.
2. The VOD server is told of every change of state, holds or lease standing at once (SPEC 15.4).
3. The relay is open, which is silence, unless songs may start or still run (grace, hours).
4. The state answer lets the venue read why it is stopped: authority, document and text of every hold.
"""

from device.core import grace, hours, lease, verdict
from device.core.effects import Send, Show
from device.core.facts import Fact
from device.core.ladder import EXPIRED
from device.core.update import IDLE
from device.protocol.limits import FAULTS_MAX, REPORT_EVERY_S
from device.protocol.uplink import JournalState, Ladder, Report, UpdateState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.turn import Turn

OFFLINE = "offline"  # lamp pattern only: a box off line is in service as long as its lease lasts
ASK_AGAIN_S = 5
HOLDS_IN_PUSH_MAX = 16  # an event must fit into one frame of the serial line
ROOMS_IN_PUSH_MAX = 8


def follow(turn: "Turn") -> None:
    """After every event: show, push and report what has changed."""
    memory = turn.memory
    state = verdict.state(turn)
    holds = [hold.order for hold in memory.holds.in_force(turn.proven_ms)]
    _show(turn, state)
    standing = turn.standing
    rooms = memory.holds.rooms_locked(turn.proven_ms)
    pushed = {"state": state, "holds": holds, "lease": standing, "rooms": rooms, "seal": memory.seal.word}
    if pushed != memory.pushed:
        memory.pushed = pushed
        turn.push(
            {
                "type": "state",
                "state": state,
                "holds": holds[:HOLDS_IN_PUSH_MAX],
                "holds_count": len(holds),
                "rooms_locked": rooms[:ROOMS_IN_PUSH_MAX],
                "rooms_locked_count": len(rooms),
                "cut_in_s": grace.left_s(turn),
                "lease": standing,
                "seal": memory.seal.word,
            }
        )
    if memory.is_connected:
        # What the box signs of holds is durable (SPEC 6.5): behind a save that failed, it says what the last one says.
        _report(turn, state, holds if memory.journal.is_available else memory.kept_holds)


def report_payload(turn: "Turn", state: str, holds: "list[str]") -> bytes:
    """The report as it is now."""
    memory = turn.memory
    place = memory.journal.position
    update = memory.update
    return Report(
        box=memory.box,
        venue="" if memory.claim is None else memory.claim.venue,
        at_ms=turn.trusted_ms,
        tq=memory.clock.quality,
        boot=memory.journal.boot,
        version=memory.version,
        slot=memory.slot,
        state=state,
        holds=tuple(holds),
        grace=tuple([order for order in grace.sparing(turn) if order in holds]),
        catalog_epoch=memory.content.catalog_epoch,
        policy_epoch=memory.content.policy_epoch,
        lease=memory.lease.number,
        ladder=_ladder(turn),
        nonce=memory.lease.nonce(turn.now.mono_ms, turn.standing),
        journal=JournalState(
            epoch=place.epoch, size=place.size, head=place.head.hex(), watermark=memory.journal.watermark
        ),
        notices=tuple([held.notice for held in memory.notices.all()]),
        update=None
        if update.state == IDLE
        else UpdateState(rollout=update.rollout, version=update.version, state=update.state, code=update.code),
        seal=memory.seal.word,
        opening=memory.seal.opening,
        rooms_busy=memory.plays.count,
        refused=memory.refusals.counts,
        faults=_faults(turn, state),
    ).encode()


def _faults(turn: "Turn", state: str) -> "tuple[str, ...]":
    """What is out of order; of a box that has failed also why it has, which no bound leaves out (SPEC 10.4)."""
    codes = turn.memory.faults.codes
    why = verdict.box_code(turn)
    if state != verdict.FAILED or not turn.memory.is_started or why in codes:
        return codes
    return tuple(sorted((why,) + codes[: FAULTS_MAX - 1]))


def _ladder(turn: "Turn") -> Ladder | None:
    held = turn.memory.lease.held
    if held is None:
        return None
    return Ladder(
        standing=turn.standing,
        full_until_ms=held.full_until_ms,
        core_from_ms=held.core_from_ms,
        stop_at_ms=held.stop_at_ms,
    )


def state_body(turn: "Turn") -> "dict[str, Any]":
    """The answer to `GET /v1/state` (SPEC 15.1, rule 4). Nothing in it is about a guest."""
    memory = turn.memory
    place = memory.journal.position
    claim = memory.claim
    return {
        "box": memory.box,
        "venue": "" if claim is None else claim.venue,
        "region": "" if claim is None else claim.region,
        "state": verdict.state(turn),
        "code": verdict.box_code(turn),
        "cut_in_s": grace.left_s(turn),
        "holds": [_hold(hold) for hold in memory.holds.in_force(turn.proven_ms)],
        "notices": [_fields(held, ("document",)) for held in memory.notices.all()],
        "at_ms": turn.trusted_ms,
        "tq": memory.clock.quality,
        "lease": lease.body_of(turn),
        "closes_in_s": hours.closes_in_s(memory.clock, turn.now),
        "catalog": {"epoch": memory.content.catalog_epoch, "entries": memory.content.catalog_entries},
        "policy_epoch": memory.content.policy_epoch,
        "journal": {
            "epoch": place.epoch,
            "size": place.size,
            "head": place.head.hex(),
            "watermark": memory.journal.watermark,
        },
        "rooms_locked": memory.holds.rooms_locked(turn.proven_ms),
        "rooms": [{"room": play.room, "play": play.play, "kind": play.kind} for play in memory.plays.running()],
        "refused": {code: memory.refusals.counts[code] for code in sorted(memory.refusals.counts)},
        "rejections": [_fields(rejection, ()) for rejection in memory.refusals.last],
        "update": _fields(memory.update, ("issued_at_ms",)),
        "seal": memory.seal.word,
        "opening": memory.seal.opening,
        "version": memory.version,
        "slot": memory.slot,
        "boot": memory.journal.boot,
        "online": memory.is_connected,
    }


def state_brief(turn: "Turn") -> "dict[str, Any]":
    """The same for the serial line, whose frames are small (SPEC 15.5)."""
    memory = turn.memory
    holds = [hold.order for hold in memory.holds.in_force(turn.proven_ms)]
    return {
        "box": memory.box,
        "venue": "" if memory.claim is None else memory.claim.venue,
        "state": verdict.state(turn),
        "cut_in_s": grace.left_s(turn),
        "holds": holds[:HOLDS_IN_PUSH_MAX],
        "holds_count": len(holds),
        "rooms_locked_count": len(memory.holds.rooms_locked(turn.proven_ms)),
        "notices_count": len(memory.notices.all()),
        "at_ms": turn.trusted_ms,
        "lease": turn.standing,
        "catalog_epoch": memory.content.catalog_epoch,
        "rooms_busy": memory.plays.count,
        "seal": memory.seal.word,
        "online": memory.is_connected,
    }


def _show(turn: "Turn", state: str) -> None:
    memory = turn.memory
    lamp = OFFLINE if state == verdict.IN_SERVICE and not memory.is_connected else state
    shown = (lamp, state in (verdict.IN_SERVICE, verdict.CLOSED) or memory.plays.count > 0)
    if shown != memory.shown:
        memory.shown = shown
        turn.do(Show(lamp=shown[0], relay_closed=shown[1]))


def _report(turn: "Turn", state: str, holds: "list[str]") -> None:
    memory = turn.memory
    saying = {
        "state": state,
        "holds": holds,
        "grace": grace.sparing(turn),
        "venue": None if memory.claim is None else memory.claim.venue,
        "content": (memory.content.catalog_epoch, memory.content.policy_epoch),
        "lease": (memory.lease.number, memory.clock.quality, turn.standing),
        "notices": [held.notice for held in memory.notices.all()],
        "update": (memory.update.rollout, memory.update.state, memory.update.code),
        "seal": (memory.seal.word, memory.seal.opening),
        "faults": _faults(turn, state),
    }
    # Without a lease nothing sounds: the fleet is asked until it answers.
    every_s = ASK_AGAIN_S if turn.standing == EXPIRED else REPORT_EVERY_S
    due_ms = memory.reported_at_ms + every_s * 1000
    if saying == memory.reported and turn.now.mono_ms < due_ms:
        return
    memory.reported, memory.reported_at_ms = saying, turn.now.mono_ms
    turn.do(Send(kind="report", payload=report_payload(turn, state, holds)))


def _hold(hold: "Any") -> "dict[str, Any]":
    return _fields(hold, ("targets",)) | {"targets_count": hold.targets_count}


def _fields(fact: Fact, without: "tuple[str, ...]") -> "dict[str, Any]":
    return {name: getattr(fact, name) for name in fact.FIELDS if name not in without}
