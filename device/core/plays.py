"""Plays: one per room, begun by the VOD server, ended by it or by the box (SPEC 9.1, 9.4, 15).

1. A new play in a room ends the one that runs there with `skip`.
2. An end is told once; told again it gets the same answer, also after a restart.
3. How long a play ran by the box's own clock is `elapsed_s`; for `power` that is what the last entry of its boot
   proves. It is the monotonic clock in both: a lease may set trusted time while a song runs.
4. A play counts by the rule that was in force at its start.
"""

from device.core.facts import Fact
from device.protocol.journal import play_id
from device.protocol.limits import PLAYED_S_MAX, PLAYS_OPEN_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.events import OpenPlay, PlayRequested
    from device.core.journal import Stamp
    from device.core.turn import Turn
    from device.protocol.catalog import SongRecord

ENDED_MAX = 2_000  # ended plays whose answer is remembered at least
ENDED_MORE = 200

GUEST = "guest"
END, SKIP, LOCK, BAN, HOURS, POWER = "end", "skip", "lock", "ban", "hours", "power"


class Rule(Fact):
    """The rule of counting for plays begun at or after this place in the journal."""

    epoch: int
    seq: int
    policy_epoch: int
    cut_song_s: int
    FIELDS = ("epoch", "seq", "policy_epoch", "cut_song_s")


NO_RULE = Rule(epoch=0, seq=0, policy_epoch=0, cut_song_s=0)


class Play(Fact):
    """A play that runs. `request`: who was or is to be told that it may; `record`: what the catalog said of its
    song, None after a restart; `file`: SHA-256 (hexadecimal) of what the VOD server plays, empty if it did not say.
    """

    play: str
    epoch: int
    seq: int
    room: str
    song: str
    kind: str
    started_mono_ms: int
    rule: Rule
    request: str
    record: "SongRecord | None"
    file: str
    FIELDS = ("play", "epoch", "seq", "room", "song", "kind", "started_mono_ms", "rule", "request", "record", "file")

    def __init__(  # noqa: PLR0913 - the fields of a play
        self,
        *,
        play: str,
        epoch: int,
        seq: int,
        room: str,
        song: str,
        kind: str,
        started_mono_ms: int,
        rule: Rule,
        request: str,
        record: "SongRecord | None",
        file: str,
    ) -> None:
        # Made for every song.
        self.play = play
        self.epoch = epoch
        self.seq = seq
        self.room = room
        self.song = song
        self.kind = kind
        self.started_mono_ms = started_mono_ms
        self.rule = rule
        self.request = request
        self.record = record
        self.file = file


class Plays:
    """The plays that run, by room, and the answers to those that ended."""

    def __init__(self) -> None:
        self._by_room: dict[str, Play] = {}
        self._by_name: dict[str, Play] = {}
        self._ended: dict[str, bool] = {}
        self._ended_order: list[str] = []

    @property
    def count(self) -> int:
        return len(self._by_room)

    @property
    def is_full(self) -> bool:
        return len(self._by_room) >= PLAYS_OPEN_MAX

    def running(self) -> "list[Play]":
        """In the order in which they began."""
        return sorted(self._by_room.values(), key=lambda play: (play.epoch, play.seq))

    def in_room(self, room: str) -> "Play | None":
        return self._by_room.get(room)

    def find(self, name: str) -> "Play | None":
        return self._by_name.get(name)

    def begin(self, play: Play) -> None:
        self._by_room[play.room] = self._by_name[play.play] = play

    def drop(self, play: Play) -> None:
        """Forget a play that never was allowed."""
        del self._by_room[play.room]
        del self._by_name[play.play]

    def close(self, play: Play, counted: bool) -> None:
        self.drop(play)
        self.remember(play.play, counted)

    def remember(self, name: str, counted: bool) -> None:
        """Keep the answer to an ended play (rule 2)."""
        if name not in self._ended:
            self._ended_order.append(name)
        self._ended[name] = counted
        if len(self._ended_order) > ENDED_MAX + ENDED_MORE:
            # Many at a time: a list gives up its first items only by a copy of the others.
            for oldest in self._ended_order[:ENDED_MORE]:
                del self._ended[oldest]
            self._ended_order = self._ended_order[ENDED_MORE:]

    def counted(self, name: str) -> bool | None:
        """The answer to a play that ended; None if it is not known."""
        return self._ended.get(name)


def end_play(turn: "Turn", play: Play, reason: str, played_s: int | None = None, stamp: "Stamp | None" = None) -> bool:
    """Write the end of a running play; returns whether it counts.

    played_s: what the VOD server says; None takes the box's own measure. stamp: of now, where there is one already.
    """
    elapsed_s = max(0, turn.now.mono_ms - play.started_mono_ms) // 1000
    counted = _write_end(turn, play, reason, elapsed_s, elapsed_s if played_s is None else played_s, stamp)
    turn.memory.plays.close(play, counted)
    return counted


def push_cuts(turn: "Turn", plays: "list[Play]", reason: str) -> None:
    """Tell the VOD server to stop these songs now (SPEC 15.4); silence waits for no disk, so this comes first."""
    for play in plays:
        turn.push({"type": "cut", "play": play.play, "room": play.room, "reason": reason})


def end_plays(turn: "Turn", plays: "list[Play]", reason: str) -> None:
    """Write the ends of plays that the box has cut."""
    for play in plays:
        end_play(turn, play, reason)


def end_by_power(turn: "Turn", open_play: "OpenPlay", rule: Rule) -> None:
    """Write the end of a play that ran when the power went (rule 3)."""
    elapsed_s = open_play.ran_ms // 1000
    epoch, seq = place_of(open_play.play)
    play = Play(
        play=open_play.play,
        epoch=epoch,
        seq=seq,
        room=open_play.room,
        song=open_play.song,
        kind=open_play.kind,
        started_mono_ms=0,
        rule=rule,
        request="",
        record=None,
        file="",
    )
    turn.memory.plays.remember(play.play, _write_end(turn, play, POWER, elapsed_s, elapsed_s))


def is_counted(kind: str, played_s: int, rule: Rule) -> bool:
    """SPEC 9.1."""
    return kind == GUEST and played_s >= rule.cut_song_s


def place_of(name: str) -> "tuple[int, int]":
    """Epoch and sequence number in a play's id (SPEC 9.4)."""
    epoch, _, seq = name.partition("-")
    return int(epoch), int(seq)


def rule_at(rules: "list[Rule]", epoch: int, seq: int) -> Rule:
    """The rule for a play begun at a place in the journal (rule 4); `rules` oldest first."""
    found = NO_RULE
    for rule in rules:
        if (rule.epoch, rule.seq) <= (epoch, seq):
            found = rule
    return found


def _write_end(
    turn: "Turn", play: Play, reason: str, elapsed_s: int, played_s: int, stamp: "Stamp | None" = None
) -> bool:
    played_s = min(played_s, PLAYED_S_MAX)
    counted = is_counted(play.kind, played_s, play.rule)
    # What a start of this boot holds was checked when it was asked for; what the disk says of an earlier one was not.
    turn.append(
        "PLAY_END",
        {
            "play": play.play,
            "room": play.room,
            "song": play.song,
            "kind": play.kind,
            "played_s": played_s,
            "elapsed_s": elapsed_s,
            "reason": reason,
            "counted": counted,
            "cut_song_s": play.rule.cut_song_s,
            "policy_epoch": play.rule.policy_epoch,
        },
        reason != POWER,
        stamp,
    )
    return counted


def begun(turn: "Turn", event: "PlayRequested", record: "SongRecord | None", stamp: "Stamp") -> "dict[str, Any]":
    """Write the start of a play that is allowed, stamped now; returns what the VOD server is told (SPEC 15.1)."""
    memory = turn.memory
    room, song, kind = event.room, event.song, event.kind
    running = memory.plays.in_room(room)
    if running is not None:
        end_play(turn, running, SKIP, None, stamp)
    place = memory.journal.position
    body = {"room": room, "song": song, "kind": kind, "catalog_epoch": memory.content.catalog_epoch}
    turn.append("PLAY_START", body, True, stamp)
    if memory.lease.usage.count_play():
        turn.save()
    if memory.lease.is_used_up:
        memory.moment = None
    play = Play(
        play=play_id(place.epoch, place.size),
        epoch=place.epoch,
        seq=place.size,
        room=room,
        song=song,
        kind=kind,
        started_mono_ms=turn.now.mono_ms,
        rule=rule_at(memory.content.rules, place.epoch, place.size),
        request=event.request,
        record=record,
        file=event.file,
    )
    memory.plays.begin(play)
    return {"play": play.play, "room": room, "song": song, "kind": kind, "at_ms": stamp.at_ms}
