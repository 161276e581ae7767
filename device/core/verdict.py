"""Whether a song may start, and what that makes of the box: the sequence of SPEC 15.3 as a table.

The first check that fails answers. The checks of the box come before those of the room and the song, and the first of
them that fails also names the state that the box reports (SPEC 10.4). A check is a function of what the box knows and
the instant, of nothing else: `Box.may_play` asks those of the box once an instant.
"""

from device.core import content, hours
from device.core.ladder import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Now
    from device.core.memory import Memory
    from device.core.turn import Turn
    from device.protocol.catalog import SongRecord

IN_SERVICE, READY, UNCLAIMED, LOCKED, CLOSED, EXPIRED_STATE, FAILED = (
    "in-service",
    "ready",
    "unclaimed",
    "locked",
    "closed",
    "expired",
    "failed",
)


class Moment:
    """What the checks look at, like a turn: what the box knows and one instant.

    `box_code`: what its own checks say. `is_plain`: nothing stands against any room, nor against a song of the catalog
    but its own regions and dates. `stamp`: of the entries that are made now.
    """

    def __init__(self, memory: "Memory", now: "Now") -> None:
        self.memory = memory
        self.now = now
        self.trusted_ms = memory.clock.trusted_ms(now)
        self.proven_ms = memory.clock.proven_ms(now)
        self.standing = memory.lease.standing(self.trusted_ms, now.mono_ms)
        # Before the start nothing is known, and at the end nothing is begun.
        is_able = memory.is_started and not memory.is_ending
        self.box_code = box_code(self) if is_able else "JOURNAL_UNAVAILABLE"
        is_limited = memory.holds.are_of_rooms or memory.plays.is_full or content.is_any_limited(self)
        self.is_plain = not (self.box_code or is_limited)
        self.stamp = memory.journal.stamp(memory.clock, now)


def moment_of(turn: "Turn") -> Moment:
    """The moment of a turn. Plays that wait together share an instant, and what they change no check of the box asks:
    so they share the moment, too (`Box.handle` ends it).
    """
    memory = turn.memory
    moment = memory.moment
    if moment is None or moment.now is not turn.now:
        moment = memory.moment = Moment(memory, turn.now)
    return moment


def start_code(moment: Moment, room: str, record: "SongRecord | None", file: str) -> str:
    """The code of the first check of all that fails for a song that is asked for; empty if it may start."""
    is_free = moment.is_plain and not file and record is not None and not record.is_limited
    if is_free and not moment.memory.plays.is_full:  # so it is nearly always
        return ""
    return moment.box_code or play_code(moment, room, record, file)


def _is_sound(turn: "Turn | Moment") -> bool:
    return not turn.memory.damage.is_restricted


def _is_current(turn: "Turn | Moment") -> bool:
    return not turn.memory.epoch.is_old


def _is_claimed(turn: "Turn | Moment") -> bool:
    return turn.memory.claim is not None


def _is_recording(turn: "Turn | Moment") -> bool:
    return turn.memory.journal.is_available


def _has_room(turn: "Turn | Moment") -> bool:
    return turn.memory.has_room


def _has_policy(turn: "Turn | Moment") -> bool:
    """A box that has had a policy and has none knows no officer, so that no stop would reach it."""
    found = turn.memory.content
    return found.policy is not None or not found.policy_epoch


def _is_unlocked(turn: "Turn | Moment") -> bool:
    return not turn.memory.holds.is_locked(turn.proven_ms)


def _is_reopened(turn: "Turn | Moment") -> bool:
    """Also between the end of a suspension and the tick that writes it down."""
    memory = turn.memory
    return not memory.reopening and not any([hold.is_of_venue for hold in memory.holds.over(turn.proven_ms)])


def _is_leased(turn: "Turn | Moment") -> bool:
    return turn.standing != EXPIRED


def _is_open(turn: "Turn | Moment") -> bool:
    return not hours.is_closed(turn.memory.clock, turn.now)


# SPEC 15.3, 6.6, 8.6 and 13.5: check, code where it fails, state of the box then.
BOX_CHECKS = (
    (_is_sound, "BOX_RESTRICTED", FAILED),
    (_is_current, "VERSION_OLD", FAILED),
    (_is_claimed, "BOX_UNCLAIMED", UNCLAIMED),
    (_is_recording, "JOURNAL_UNAVAILABLE", FAILED),
    (_has_room, "JOURNAL_FULL", FAILED),
    (_has_policy, "CONTENT_UNREADABLE", FAILED),
    (_is_unlocked, "VENUE_LOCKED", LOCKED),
    (_is_reopened, "VENUE_READY", READY),
    (_is_leased, "LEASE_EXPIRED", EXPIRED_STATE),
    (_is_open, "HOURS_CLOSED", CLOSED),
)


def state(turn: "Turn") -> str:
    """The state that the box reports and shows; before its start a box is not able to do anything."""
    if not turn.memory.is_started:
        return FAILED
    for passes, _, word in BOX_CHECKS:
        if not passes(turn):
            return word
    return IN_SERVICE


def box_code(turn: "Turn | Moment") -> str:
    """The code of the first check of the box that fails; empty in service."""
    for passes, code, _ in BOX_CHECKS:
        if not passes(turn):
            return code
    return ""


def play_code(turn: "Turn | Moment", room: str, record: "SongRecord | None", file: str) -> str:
    """The same for room and song, where the box is in service. `record`: the song in the catalog."""
    if turn.memory.holds.is_room_locked(room, turn.proven_ms):
        return "ROOM_LOCKED"
    code = content.song_code(turn, record, file)
    if code:
        return code
    plays = turn.memory.plays
    if plays.is_full and plays.in_room(room) is None:
        return "PLAYS_TOO_MANY"
    return ""
