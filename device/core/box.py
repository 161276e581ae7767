"""The box: one event in, what is to be done out, in order.

    box = Box("KTV-0001", p256.verify, catalog.find, feed.head_at, catalog.find_by_file)
    for effect in box.handle(PlayRequested(request="r1", room="K1", song="000482", kind="guest", file=""), now):
        runtime.perform(effect)          # Append, then Reply 201: always in this order

Only dispatch stands here; each noun has its module. No input, no output, no time but `now`, no chance but the
seed of `Started`: the same events always give the same bytes, on CPython and MicroPython alike.
"""

from device.core import (
    claim,
    content,
    events,
    faults,
    lease,
    notices,
    orders,
    reopen,
    report,
    requests,
    seal,
    session,
    start,
    tick,
    update,
    verdict,
    watermark,
)
from device.core.effects import Append
from device.core.memory import Memory
from device.core.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from device.core.effects import Effect, SaveState
    from device.core.events import Event, Now
    from device.protocol.catalog import SongRecord
    from device.protocol.keys import Verify
    from device.protocol.policy import AuthorityPolicy

HANDLERS: "dict[Any, Callable[[Turn, Any], None]]" = {
    events.Started: start.started,
    events.Stopping: start.stopping,
    events.JournalFailed: start.journal_failed,
    events.JournalRecovered: start.journal_recovered,
    events.Tick: tick.ticked,
    events.PlayRequested: requests.play_requested,
    events.PlayEnded: requests.play_ended,
    events.OrderReceived: orders.order_received,
    events.NoticeReceived: notices.notice_received,
    events.NoticeSeen: notices.notice_seen,
    events.LeaseReceived: lease.lease_received,
    events.ExtensionReceived: lease.extension_received,
    events.AckReceived: watermark.ack_received,
    events.JournalDamaged: watermark.journal_damaged,
    events.RolloutReceived: update.rollout_received,
    events.UpdateAdvanced: update.update_advanced,
    events.LookReceived: content.look_received,
    events.PolicyLoaded: content.policy_loaded,
    events.CatalogLoaded: content.catalog_loaded,
    events.ContentRejected: content.content_rejected,
    events.Connected: session.connected,
    events.Disconnected: session.disconnected,
    events.SealChanged: seal.seal_changed,
    events.ReopenRequested: reopen.reopen_requested,
    events.Claimed: claim.claimed,
    events.Observed: faults.observed,
}
OF_PLAYS = (events.PlayRequested, events.PlayEnded)


class Box:
    """One box between two losses of power."""

    def __init__(
        self,
        box: str,
        verify: "Verify",
        find_song: "Callable[[str], SongRecord | None]",
        head_at: "Callable[[int, int], bytes | None]",
        find_by_file: "Callable[[bytes], SongRecord | None]",
        is_free: "Callable[[str], bool] | None" = None,
    ) -> None:
        """find_song and find_by_file (a key of SPEC 8.2) answer from the catalog last loaded, head_at from the durable
        journal, by epoch and size (None: never that size; of an ended epoch all but what was sent last).
        is_free: whether find_song has a record that nothing limits, where that is quicker to say than to show.
        """
        self._memory = Memory(box, verify, find_song, head_at, find_by_file)
        self._moment: verdict.Moment | None = None
        self._is_free = is_free or self._has_free

    def handle(self, event: "Event", now: "Now") -> "list[Effect]":
        """Decide; the effects are to be performed in their order."""
        self._moment = None
        turn = Turn(self._memory, now)
        if not _is_heard(self._memory, event):
            turn.refuse(getattr(event, "request", ""), 503, "JOURNAL_UNAVAILABLE")
            return turn.effects
        was_playing = self._memory.plays.count > 0
        is_of_play = isinstance(event, OF_PLAYS)
        if not is_of_play:
            self._memory.moment = None
        HANDLERS[type(event)](turn, event)
        memory = self._memory = turn.memory
        # What is shown and reported changes with a song only where it is the first or the last, or has a stop's grace;
        # a tick sees the rest.
        is_quiet = is_of_play and memory.shown is not None and not memory.holds.in_force(None)
        if not is_quiet or was_playing != (memory.plays.count > 0):
            report.follow(turn)
        if turn.last is not None:
            turn.do(turn.last)
        return turn.effects

    def kept(self, done: "Append | SaveState") -> None:
        """This record is durable now, or this entry with all before it."""
        if isinstance(done, Append):
            self._memory.journal.kept(done)
        else:
            self._memory.kept_holds = done.holds

    def may_play(self, room: str, song: str, file: str, now: "Now") -> str:
        """What a play would be told now (SPEC 15.3): the code of its refusal, empty if it may start. Changes nothing.

        The arguments are of the right form. What the box's own checks say is kept for the instant, until an event.
        """
        moment = self._moment_at(now)
        if moment.box_code:
            return moment.box_code
        return verdict.play_code(moment, room, content.find_song(moment, song), file)

    def question_at(self, now: "Now") -> "Callable[[str, str, str], str]":
        """`may_play` of one instant: room, song and file are asked of it, as often as one likes."""
        moment = self._moment_at(now)
        is_free = self._is_free

        def asked(room: str, song: str, file: str) -> str:
            if moment.is_plain and not file and self._moment is moment and is_free(song):
                return ""
            return self.may_play(room, song, file, now)

        return asked

    def _has_free(self, song: str) -> bool:
        record = self._memory.find_song(song)
        return record is not None and not record.is_limited

    def _moment_at(self, now: "Now") -> "verdict.Moment":
        """The one of this instant, unless there was an event since."""
        moment = self._moment
        if moment is None or moment.now.mono_ms != now.mono_ms or moment.now.rtc_ms != now.rtc_ms:
            moment = self._moment = verdict.Moment(self._memory, now)
        return moment

    def state_body(self, now: "Now") -> "dict[str, Any]":
        """The answer to `GET /v1/state`."""
        return report.state_body(Turn(self._memory, now))

    def state_brief(self, now: "Now") -> "dict[str, Any]":
        """The same within one frame of the serial line."""
        return report.state_brief(Turn(self._memory, now))

    def trusted_ms(self, now: "Now") -> int | None:
        """Trusted time (SPEC 7.3)."""
        return self._memory.clock.trusted_ms(now)

    def proven_ms(self, now: "Now") -> int | None:
        """Proven time, which a stolen lease key cannot move alone (SPEC 7.3)."""
        return self._memory.clock.proven_ms(now)

    @property
    def is_old(self) -> bool:
        """Whether an image runs that is below the floor (SPEC 13.5)."""
        return self._memory.epoch.is_old

    @property
    def bars_other(self) -> bool:
        """Whether the image in the other slot may not serve again (SPEC 13.5)."""
        return self._memory.epoch.bars_other

    @property
    def boot(self) -> int:
        """The number of this boot, for checkpoints."""
        return self._memory.journal.boot

    @property
    def counter(self) -> int:
        """The hardware counter that the last record is bound to, for checkpoints."""
        return self._memory.counter

    @property
    def watermark(self) -> int:
        """Entries of this epoch that the fleet has acknowledged."""
        return self._memory.journal.watermark

    @property
    def policy(self) -> "AuthorityPolicy | None":
        """The authority policy in use."""
        return self._memory.content.policy


def _is_heard(memory: Memory, event: "Event") -> bool:
    """Before the start nothing is known, so nothing is decided; at the end nothing is begun any more.

    A failure at the end is heard: what was to end the process stood behind it and was not performed.
    """
    if not memory.is_started:
        return isinstance(event, events.Started)
    return not memory.is_ending or isinstance(event, events.JournalFailed)
