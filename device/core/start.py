"""Start and stop of the box, and failure and recovery of its journal."""

from device.core import seal, update
from device.core.damage import is_put_back
from device.core.effects import CloseDown, ConfirmSlot, MoveWatermark
from device.core.journal import Position
from device.core.memory import Memory
from device.core.plays import POWER, SKIP, end_by_power, end_play, end_plays, place_of, rule_at
from device.core.state_record import StateDamagedError, restore_state
from device.core.update import CONFIRMED, TRIAL
from device.protocol.journal import DAMAGED, EDITED, first_chain, play_id
from device.protocol.limits import INTEGER_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import JournalFailed, JournalRecovered, Started, Stopping
    from device.core.state_record import Saved
    from device.core.turn import Turn

# Whoever has the card can write an entry that says any number (SPEC 9.13); the one behind it must still be one.
BOOT_BELIEVED_MAX = INTEGER_MAX // 2


def started(turn: "Turn", event: "Started") -> None:
    """Power is back: remember, close what was open, and say so.

    1. Plays that ran end with `power`; the `BOOT` entry stands behind those ends (`recovery.py`).
    2. The record is bound to the counter anew, so that no other record of the boot before is ever taken (`damage.py`).
    3. Where the record cannot be trusted, its holds and its seal cannot (SPEC 6.6, 6.8).
    """
    saved, is_trusted = _remember(turn, event)
    memory = turn.memory
    memory.version, memory.slot, memory.counter = event.version, event.slot, event.counter
    memory.lease.begin(event.seed)
    known_time = None if saved is None else saved.time
    memory.clock.resume(known_time, event.last_at_ms, turn.now)
    memory.rtc.resume(None if known_time is None else known_time.rtc_ms, turn.now)
    memory.kept_holds = [hold.order for hold in memory.holds.in_force(turn.proven_ms)]
    if saved is not None:
        memory.lease.usage.resume(saved.used, turn.now.mono_ms)
    journal = memory.journal
    journal.boot = max(journal.boot, min(event.last_boot, BOOT_BELIEVED_MAX)) + 1
    found = Position(epoch=event.journal_epoch, size=event.journal_size, head=event.journal_head)
    journal.first = event.journal_first
    known = None if saved is None else saved.journal
    opening = journal.open(found, known, event.journal_damaged_at)
    # Before damage: what was damaged besides would else go up as the box's own, with what was written anew.
    if known is not None and (opening is None or opening["reason"] == DAMAGED) and _is_edited(memory, found, known):
        opening = journal.begin_epoch(known, EDITED, known.size)
    if opening is not None:
        turn.append("EPOCH", opening)
    for ended in event.ended_plays:
        memory.plays.remember(ended.play, ended.counted)
    for play in event.open_plays:
        epoch, seq = place_of(play.play)
        end_by_power(turn, play, rule_at(memory.content.rules, epoch, seq))
    turn.append(
        "BOOT",
        {
            "version": event.version,
            "slot": event.slot,
            "clean": event.clean,
            "torn_bytes": event.torn_bytes,
            "torn_sha256": event.torn_sha256,
            "counter": event.counter,
        },
    )
    if not is_trusted:
        memory.damage.found()
        memory.clock.distrust()
        memory.holds.doubt([hold.order for hold in memory.holds.all_holds()])
        seal.distrust(turn)
    update.booted(turn)
    memory.epoch.begin(event.security_epoch, memory.update.state == TRIAL, turn.now.mono_ms)
    memory.is_started = True
    turn.save()
    # What is no longer on disk was acknowledged, even if the record is older than that.
    turn.do(MoveWatermark(epoch=journal.position.epoch, size=max(journal.watermark, journal.first)))
    update.resume(turn)


def stopping(turn: "Turn", _event: "Stopping") -> None:
    """An orderly end: what runs ends here, with its exact length."""
    end_plays(turn, turn.memory.plays.running(), POWER)
    turn.save()
    turn.do_last(CloseDown())


def journal_failed(turn: "Turn", event: "JournalFailed") -> None:
    """Refuse plays until a tick has recovered the journal; whatever was to be shown or sent is said again."""
    memory = turn.memory
    if memory.journal.is_available:
        memory.is_arming = memory.is_ending = False
        if memory.epoch.is_returning:
            memory.epoch.failed(turn.now.mono_ms)
        memory.shown = memory.pushed = memory.reported = None
    memory.journal.fail(turn.now.mono_ms)
    # Should their starts be durable all the same, they are followed by these ends.
    for play in [play for play in memory.plays.running() if play.request and play.request in event.requests]:
        end_play(turn, play, SKIP, played_s=0)
    for request in event.requests:
        turn.refuse(request, 503, "JOURNAL_UNAVAILABLE")


def journal_recovered(turn: "Turn", event: "JournalRecovered") -> None:
    """Append again what was not durable (`journal.py` rule 2), then go on."""
    memory = turn.memory
    journal = memory.journal
    memory.counter = event.counter
    head = event.head or first_chain(memory.box, event.epoch)
    opening, lost = journal.recover(Position(epoch=event.epoch, size=event.size, head=head), event.damaged_at)
    if opening is not None:
        turn.append("EPOCH", opening)
    never_allowed = [play_id(*draft.place) for draft in lost if draft.place and draft.kind == "PLAY_START"]
    for name in never_allowed:
        play = memory.plays.find(name)
        if play is not None:
            memory.plays.drop(play)
    for draft in lost:
        if draft.kind != "PLAY_START" and draft.body.get("play") not in never_allowed:
            entry = journal.append(draft.kind, draft.body, draft.stamp)
            assert entry is not None, "the journal was opened above"
            turn.do(entry)
    turn.save()
    seal.let_go(turn)
    turn.do(MoveWatermark(epoch=journal.position.epoch, size=journal.watermark))
    if memory.update.state == CONFIRMED and not memory.epoch.is_old:
        turn.do(ConfirmSlot(is_only=memory.epoch.bars_other))
    update.resume(turn)


def _is_edited(memory: Memory, found: Position, known: Position) -> bool:
    """Whether the journal says at this place another thing than the record, which only this box can have written."""
    head = memory.head_at(known.epoch, known.size) if found.epoch == known.epoch and known.size > 0 else None
    return head is not None and head != known.head


def _remember(turn: "Turn", event: "Started") -> "tuple[Saved | None, bool]":
    """Put the state record back; None for a new box, and where there is none to be read; and whether to trust that."""
    memory = turn.memory
    if event.state is None:
        # The counter is raised behind the first record, and before it nothing is answered: a box whose power went in
        # its first start is new. Where it was raised, or the journal has seen a lease, a record was lost.
        return None, event.journal_epoch == 1 and event.counter == 0 and event.last_at_ms is None
    try:
        saved = restore_state(memory, event.state)
    except StateDamagedError:
        turn.memory = Memory(memory.box, memory.verify, memory.find_song, memory.head_at, memory.find_by_file)
        return None, False
    return saved, not is_put_back(saved.counter, event.counter)
