"""What the VOD server asks: may this song start, and this one is over (SPEC 15.1)."""

from device.core import content, plays, verdict
from device.protocol.errors import MalformedError
from device.protocol.journal import PLAY_KINDS
from device.protocol.limits import PLAYED_S_MAX
from device.protocol.shape import ROOM, SHA256, SONG, integer, one_of, or_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import PlayEnded, PlayRequested
    from device.core.turn import Turn

_KIND = one_of(*PLAY_KINDS)
_FILE = or_empty(SHA256)
_PLAYED_S = integer(0, PLAYED_S_MAX)
_REASON = one_of(plays.END, plays.SKIP)


def play_requested(turn: "Turn", event: "PlayRequested") -> None:
    """Allow after the entry, refuse before it (SPEC 9.7)."""
    try:
        ROOM(event.room, "room")
        SONG(event.song, "song")
        _KIND(event.kind, "kind")
        _FILE(event.file, "file")
    except MalformedError:
        turn.refuse(event.request, 422, "REQUEST_MALFORMED")
        return
    record = content.find_song(turn, event.song)
    moment = verdict.moment_of(turn)
    code = verdict.start_code(moment, event.room, record, event.file)
    if code:
        _refuse(turn, event, code)
        return
    turn.reply(event.request, 201, plays.begun(turn, event, record, moment.stamp))


def play_ended(turn: "Turn", event: "PlayEnded") -> None:
    """The end of a play; told again it gets the same answer."""
    memory = turn.memory
    try:
        _PLAYED_S(event.played_s, "played_s")
        _REASON(event.reason, "reason")
    except MalformedError:
        turn.refuse(event.request, 422, "REQUEST_MALFORMED")
        return
    play = memory.plays.find(event.play)
    counted = memory.plays.counted(event.play)
    if play is not None:
        stamp = verdict.moment_of(turn).stamp
        counted = plays.end_play(turn, play, event.reason, event.played_s, stamp)
    if counted is None:
        turn.refuse(event.request, 404, "PLAY_UNKNOWN")
    elif not memory.journal.is_available:
        # The end is remembered and written at recovery; until then nobody is told that it is safe.
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")
    else:
        turn.reply(event.request, 200, {"counted": counted})


def _refuse(turn: "Turn", event: "PlayRequested", code: str) -> None:
    turn.refuse(event.request, 403, code)
    memory = turn.memory
    memory.refusals.count(code)
    # What is left of a full journal is for what must be written.
    is_noted = memory.journal.is_available and memory.has_room
    if is_noted and memory.refusals.of_plays.take(turn.now.mono_ms):
        body = {"room": event.room, "song": event.song, "kind": event.kind, "code": code}
        turn.append("REFUSED", body)
