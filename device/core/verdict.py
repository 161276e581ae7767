"""Whether a song may start, and what that makes of the box: the sequence of SPEC 15.3 as a table.

The first check that fails answers. The checks of the box come before those of the song, and the first of them
that fails also names the state that the box reports (SPEC 10.4).
"""

from device.core import hours
from device.core.lease import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.turn import Turn
    from device.protocol.catalog import SongRecord

IN_SERVICE, UNCLAIMED, LOCKED, CLOSED, EXPIRED_STATE, FAILED = (
    "in-service",
    "unclaimed",
    "locked",
    "closed",
    "expired",
    "failed",
)


def _is_sound(turn: "Turn") -> bool:
    return not turn.memory.damage.is_restricted


def _is_claimed(turn: "Turn") -> bool:
    return turn.memory.claim is not None


def _is_recording(turn: "Turn") -> bool:
    return turn.memory.journal.is_available


def _is_unlocked(turn: "Turn") -> bool:
    return not turn.memory.holds.stops(turn.signed_ms)


def _is_leased(turn: "Turn") -> bool:
    return turn.memory.lease.standing(turn.trusted_ms) != EXPIRED


def _is_open(turn: "Turn") -> bool:
    return not hours.is_closed(turn.memory.clock, turn.now)


# SPEC 15.3 and 6.6: check, code where it fails, state of the box then.
BOX_CHECKS = (
    (_is_sound, "BOX_RESTRICTED", FAILED),
    (_is_claimed, "BOX_UNCLAIMED", UNCLAIMED),
    (_is_recording, "JOURNAL_UNAVAILABLE", FAILED),
    (_is_unlocked, "VENUE_LOCKED", LOCKED),
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


def refusal_code(turn: "Turn", room: str, record: "SongRecord | None") -> str:
    """The code of the first check that fails; empty if the play may start. `record`: the song in the catalog."""
    for passes, code, _ in BOX_CHECKS:
        if not passes(turn):
            return code
    if record is None:
        return "SONG_UNKNOWN"
    if turn.memory.holds.is_banned(record, turn.signed_ms):
        return "SONG_BANNED"
    plays = turn.memory.plays
    if plays.is_full and plays.in_room(room) is None:
        return "PLAYS_TOO_MANY"
    return ""
