"""Songs that must end: told ahead, then cut (SPEC 6.4, 7.4, 15.4).

1. What comes first ends a play: the grace of a stop that locks its room, or the hours.
2. The VOD server hears of it when the end is fixed, when it moves, once more COUNTDOWN_S before, and when nothing ends
   the play any more: `countdown`.
3. At the end the song is cut: silence first, then the entry.
"""

from device.core import grace, hours
from device.core.plays import HOURS, LOCK, end_plays, push_cuts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.plays import Play
    from device.core.turn import Turn

COUNTDOWN_S = 60
MOVED_MS = 2_000  # two clocks never go quite alike: less is no news


def follow(turn: "Turn") -> None:
    """At every tick, and when an end was fixed."""
    told: dict[str, tuple[int, bool, str]] = {}
    due: dict[str, list[Play]] = {LOCK: [], HOURS: []}
    for play in turn.memory.plays.running():
        end = end_of(turn, play)
        if end is None:
            _take_back(turn, play)
            continue
        at_ms, reason = end
        if turn.now.mono_ms >= at_ms:
            due[reason].append(play)
        else:
            told[play.play] = _told(turn, play, at_ms, reason)
    turn.memory.told = told
    for reason, plays in due.items():
        push_cuts(turn, plays, reason)
        end_plays(turn, plays, reason)


def end_of(turn: "Turn", play: "Play") -> "tuple[int, str] | None":
    """When the box ends this play, in monotonic milliseconds, and the reason; None if nothing does (rule 1)."""
    ends = []
    lock_at_ms = grace.lock_at_mono_ms(turn, play)
    if lock_at_ms is not None:
        ends.append((lock_at_ms, LOCK))
    hours_at_ms = hours.plays_end_mono_ms(turn.memory.clock, turn.now)
    if hours_at_ms is not None:
        ends.append((hours_at_ms, HOURS))
    return min(ends) if ends else None


def _push_countdown(turn: "Turn", play: "Play", reason: str, ends_in_s: "int | None") -> None:
    """Tell the VOD server when this play will be cut; None: it will not, for that reason."""
    turn.push({"type": "countdown", "room": play.room, "play": play.play, "reason": reason, "ends_in_s": ends_in_s})


def _take_back(turn: "Turn", play: "Play") -> None:
    known = turn.memory.told.get(play.play)
    if known is not None:
        _push_countdown(turn, play, known[2], None)


def _told(turn: "Turn", play: "Play", at_ms: int, reason: str) -> "tuple[int, bool, str]":
    """Rule 2; returns what the VOD server knows now: the instant, whether the last call has been made, the reason."""
    left_ms = at_ms - turn.now.mono_ms
    is_last = left_ms <= COUNTDOWN_S * 1000
    known = turn.memory.told.get(play.play)
    if known is not None and abs(known[0] - at_ms) <= MOVED_MS and known[1] == is_last:
        return known
    _push_countdown(turn, play, reason, (left_ms + 999) // 1000)
    return at_ms, is_last, reason
