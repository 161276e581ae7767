"""Signed content in use: the authority policy and the catalog (SPEC 5.3, 8.1).

TUF has vouched for both before they come here. What is asked here is that none is older than what the box had:
an old one may be genuine, and put back by hand. A catalog below the known epoch answers for no song.
"""

from device.core import claim, ladder
from device.core.banned import ListedBans
from device.core.clock import SIGNED
from device.core.effects import LookForTargets
from device.core.plays import Rule
from device.protocol.catalog import CORE, NO_FILE, day_of, file_key
from device.protocol.errors import ProtocolError
from device.protocol.policy import AuthorityPolicy
from device.protocol.regions import contains

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import CatalogLoaded, ContentRejected, LookReceived, PolicyLoaded
    from device.core.turn import Turn
    from device.core.verdict import Moment
    from device.protocol.catalog import SongRecord

RULES_MAX = 8  # rules of counting remembered; a play lasts minutes, a policy months
ACCEPTED, REJECTED = "accepted", "rejected"


class Content:
    """Epochs that the box has had, and what is loaded now."""

    def __init__(self) -> None:
        self.policy: AuthorityPolicy | None = None
        self.policy_epoch = 0
        self.catalog_epoch = 0
        self.catalog_entries = 0
        self.listed = ListedBans()
        self.rules: list[Rule] = []

    def set_rule(self, rule: Rule) -> None:
        self.rules = (self.rules + [rule])[-RULES_MAX:]


def policy_loaded(turn: "Turn", event: "PolicyLoaded") -> None:
    """Use this policy, unless it is older than the one the box had."""
    content = turn.memory.content
    try:
        policy = AuthorityPolicy.decode(event.raw)
    except ProtocolError as error:
        _reject(turn, "POLICY", 0, error.code)
        return
    if policy.epoch < content.policy_epoch:
        _reject(turn, "POLICY", policy.epoch, "POLICY_ROLLBACK")
        return
    content.policy = policy
    turn.memory.clock.officers_signed(policy.issued_at_ms, turn.now)
    claim.follow_moves(turn, policy)
    if policy.epoch == content.policy_epoch:
        return
    content.policy_epoch = policy.epoch
    place = turn.memory.journal.position
    rule = Rule(epoch=place.epoch, seq=place.size, policy_epoch=policy.epoch, cut_song_s=policy.rules.cut_song_s)
    content.set_rule(rule)
    turn.append("POLICY", {"epoch": policy.epoch, "result": ACCEPTED, "code": ""})
    turn.save()


def catalog_loaded(turn: "Turn", event: "CatalogLoaded") -> None:
    """Answer from this catalog, unless it is older than the one the box had."""
    content = turn.memory.content
    if event.epoch < content.catalog_epoch:
        content.catalog_entries = 0
        _reject(turn, "CATALOG", event.epoch, "CATALOG_ROLLBACK")
        return
    content.catalog_entries = event.entries
    content.listed = ListedBans(event.bans)
    if event.epoch == content.catalog_epoch:
        return
    content.catalog_epoch = event.epoch
    turn.append("CATALOG", {"epoch": event.epoch, "result": ACCEPTED, "code": ""})
    turn.save()


def content_rejected(turn: "Turn", event: "ContentRejected") -> None:
    """Something new was fetched and is not right; what is in use stays."""
    _reject(turn, "CATALOG" if event.what == "catalog" else "POLICY", event.epoch, event.code)


def look_received(turn: "Turn", _event: "LookReceived") -> None:
    """Anyone may ring the bell; TUF decides what comes of it."""
    turn.do(LookForTargets())


def find_song(turn: "Turn | Moment", song: str) -> "SongRecord | None":
    """The song in the catalog in use; None with no catalog, or one that was put back."""
    memory = turn.memory
    return memory.find_song(song) if memory.content.catalog_entries else None


def is_any_limited(turn: "Turn | Moment") -> bool:
    """Whether `song_code` may refuse a song of the catalog, asked without a file, for more than regions and dates."""
    memory = turn.memory
    is_banning = memory.holds.are_of_songs or memory.content.listed.are_any
    return is_banning or not memory.content.catalog_entries or turn.standing == ladder.CORE


def song_code(turn: "Turn | Moment", record: "SongRecord | None", file: str) -> str:
    """The code of the first check of the song that fails, empty if none does (SPEC 15.3).

    file: SHA-256 (hexadecimal) of what the VOD server would play, or empty.
    """
    memory = turn.memory
    holds, listed = memory.holds, memory.content.listed
    key = file_key(file) if file else NO_FILE
    # A banned file stays banned under every name that it is given.
    if file and (holds.is_file_banned(key, turn.proven_ms) or listed.has_file(memory, key, turn.proven_ms)):
        return "SONG_BANNED"
    if record is None:
        return "SONG_RENAMED" if file and _song_of(turn, key) else "SONG_UNKNOWN"
    if holds.is_banned(record, turn.proven_ms) or listed.has_song(memory, record, turn.proven_ms):
        return "SONG_BANNED"
    if record.is_limited:
        code = _limit_code(turn, record)
        if code:
            return code
    if file and key != record.file_key and (record.file_key != NO_FILE or _song_of(turn, key)):
        return "SONG_FILE"
    if turn.standing == ladder.CORE and not record.flags & CORE:
        return "LEASE_CORE_ONLY"
    return ""


def _song_of(turn: "Turn | Moment", key: bytes) -> "SongRecord | None":
    """The song in the catalog in use that has this file."""
    memory = turn.memory
    return memory.find_by_file(key) if memory.content.catalog_entries else None


def _limit_code(turn: "Turn | Moment", record: "SongRecord") -> str:
    """Regions and dates of a song (SPEC 8.5). The claim's region counts, for the box stands where it was claimed."""
    bound = turn.memory.claim
    regions = record.regions
    if regions is None or (regions and not (bound and any([contains(outer, bound.region) for outer in regions]))):
        return "SONG_NOT_HERE"
    # Time that is not signed is a lower bound: the real-time clock may end a song's days, and begins none.
    first_ms = last_ms = turn.trusted_ms or 0
    if turn.memory.clock.quality != SIGNED:
        last_ms = turn.memory.clock.likely_ms(turn.now) or 0
    is_over = record.not_after and day_of(last_ms) > record.not_after
    return "SONG_NOT_NOW" if is_over or day_of(first_ms) < record.not_before else ""


def _reject(turn: "Turn", kind: str, epoch: int, code: str) -> None:
    refusals = turn.memory.refusals
    refusals.count(code)
    if refusals.of_fleet.take(turn.now.mono_ms):
        turn.append(kind, {"epoch": epoch, "result": REJECTED, "code": code})
