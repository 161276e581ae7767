"""What can happen to a box. The runtime makes these and hands them to `Box.handle`, one at a time.

1. `request` is the id of a waiting LAN request, the empty string where nobody waits (an order by MQTT).
2. Instants end in `_ms`; `raw` is the bytes of an envelope or document as received, unchecked.
3. Every event is answered by a list of effects, to be performed in their order (`effects.py`).
"""

from device.core.facts import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.protocol.bans import ListedBan


class Now(Fact):
    """The instant of an event: milliseconds since power came on, and what the real-time clock says."""

    mono_ms: int
    rtc_ms: int
    FIELDS = ("mono_ms", "rtc_ms")

    def __init__(self, mono_ms: int, rtc_ms: int) -> None:
        # Made for every question that is asked.
        self.mono_ms = mono_ms
        self.rtc_ms = rtc_ms


class OpenPlay(Fact):
    """A play that the journal shows begun and not ended; `play` is its id (SPEC 9.4).

    ran_ms: from its start to the last entry of its boot, by the monotonic clock.
    """

    play: str
    room: str
    song: str
    kind: str
    ran_ms: int
    boot: int
    FIELDS = ("play", "room", "song", "kind", "ran_ms", "boot")


class EndedPlay(Fact):
    """A play that the journal shows ended: a repeated end gets the same answer (SPEC 15.1)."""

    play: str
    counted: bool
    FIELDS = ("play", "counted")


class Started(Fact):
    """The box has power again and its journal is open; the first event, once.

    security_epoch: of the image that runs (SPEC 13.5).
    `recovery.recovered` makes last_at_ms, last_boot, open_plays and ended_plays from the entries on disk.

    clean: the process before this one was told to stop, and did (SPEC 9.3 BOOT).
    counter: reading of the monotonic counter; it is raised by the effect TickCounter alone.
    seed: 32 bytes of chance, new at every start.
    journal_epoch, journal_size, journal_head: as recovered; for a new box 1, 0 and `first_chain`.
    journal_first: sequence number of the oldest entry that is still on disk.
    journal_damaged_at: the first entry behind that which recovery could not read, with sound ones behind it, or None.
    last_at_ms, last_boot: trusted instant and boot number of the newest entry; None and 0 if there is none.
    state: the bytes of the last SaveState, or None.
    """

    version: str
    security_epoch: int
    slot: str
    clean: bool
    torn_bytes: int
    torn_sha256: str
    counter: int
    seed: bytes
    journal_epoch: int
    journal_first: int
    journal_size: int
    journal_head: bytes
    journal_damaged_at: "int | None"
    last_at_ms: "int | None"
    last_boot: int
    open_plays: "list[OpenPlay]"
    ended_plays: "list[EndedPlay]"
    state: "bytes | None"
    FIELDS = (
        "version",
        "security_epoch",
        "slot",
        "clean",
        "torn_bytes",
        "torn_sha256",
        "counter",
        "seed",
        "journal_epoch",
        "journal_first",
        "journal_size",
        "journal_head",
        "journal_damaged_at",
        "last_at_ms",
        "last_boot",
        "open_plays",
        "ended_plays",
        "state",
    )


class Stopping(Fact):
    """The process is told to stop; the last event. Answered with CloseDown."""


class Tick(Fact):
    """Time has passed; every second, and never more than five seconds apart."""


class PlayRequested(Fact):
    """The VOD server asks to begin a song in a room. file: SHA-256 (hexadecimal) of what it would play, or empty."""

    request: str
    room: str
    song: str
    kind: str
    file: str
    FIELDS = ("request", "room", "song", "kind", "file")

    def __init__(self, request: str, room: str, song: str, kind: str, file: str) -> None:
        # Made for every song, as is its end.
        self.request = request
        self.room = room
        self.song = song
        self.kind = kind
        self.file = file


class PlayEnded(Fact):
    """The VOD server says that a play is over; reason `end` or `skip`."""

    request: str
    play: str
    played_s: int
    reason: str
    FIELDS = ("request", "play", "played_s", "reason")

    def __init__(self, request: str, play: str, played_s: int, reason: str) -> None:
        self.request = request
        self.play = play
        self.played_s = played_s
        self.reason = reason


class OrderReceived(Fact):
    """An order by any courier."""

    request: str
    raw: bytes
    FIELDS = ("request", "raw")


class NoticeReceived(Fact):
    """A notice by any courier."""

    request: str
    raw: bytes
    FIELDS = ("request", "raw")


class NoticeSeen(Fact):
    """The venue has shown or acknowledged a notice; what: `shown` or `acknowledged` (SPEC 12.1)."""

    request: str
    notice: str
    what: str
    FIELDS = ("request", "notice", "what")


class LeaseReceived(Fact):
    """A lease from the fleet."""

    raw: bytes
    FIELDS = ("raw",)


class ExtensionReceived(Fact):
    """An extension of the leases of a region, by any courier."""

    request: str
    raw: bytes
    FIELDS = ("request", "raw")


class AckReceived(Fact):
    """An acknowledgement of journal entries from the fleet."""

    raw: bytes
    FIELDS = ("raw",)


class RolloutReceived(Fact):
    """A rollout leg from the fleet."""

    raw: bytes
    FIELDS = ("raw",)


class LookReceived(Fact):
    """The unsigned doorbell: there may be new targets."""


class Connected(Fact):
    """The MQTT session stands and its subscriptions are made."""


class Disconnected(Fact):
    """The MQTT session is gone."""


class SealChanged(Fact):
    """The seal switch; also once after Started, with what it shows then.

    was_opened: the board's latch, which is set by an opening also without power, until ReleaseSealLatch.
    """

    is_open: bool
    was_opened: bool
    at_boot: bool
    FIELDS = ("is_open", "was_opened", "at_boot")


class ReopenRequested(Fact):
    """The venue confirms that it opens again after a suspension."""

    request: str
    FIELDS = ("request",)


class Observed(Fact):
    """What the services see of the box, whenever it has changed.

    faults: codes of what is out of order, in ascending order. refused: LAN requests refused since boot, by code.
    """

    faults: "tuple[str, ...]"
    refused: "dict[str, int]"
    FIELDS = ("faults", "refused")


class Claimed(Fact):
    """The fleet has accepted the claim of this box for a venue, and the certificate is on disk."""

    venue: str
    region: str
    FIELDS = ("venue", "region")


class PolicyLoaded(Fact):
    """The authority policy that TUF vouches for; at every start from disk, and when a new one came."""

    raw: bytes
    FIELDS = ("raw",)


class CatalogLoaded(Fact):
    """`find_song` answers from this catalog from now on; at every start, and when a new one came.

    bans: what the release carries (SPEC 8.7).
    """

    epoch: int
    entries: int
    bans: "tuple[ListedBan, ...]" = ()
    FIELDS = ("epoch", "entries", "bans")

    def __init__(self, **fields: "Any") -> None:
        super().__init__(**({"bans": ()} | fields))


class ContentRejected(Fact):
    """New content was not taken into use; what: `catalog` or `policy`."""

    what: str
    epoch: int
    code: str
    FIELDS = ("what", "epoch", "code")


class UpdateAdvanced(Fact):
    """The update got a step further: `written`, `armed`, `confirmed` (healthy), or `rejected` with a code."""

    state: str
    code: str
    FIELDS = ("state", "code")


class JournalFailed(Fact):
    """An Append could not be made durable, or RecoverJournal failed.

    The runtime has performed nothing that stood behind that Append; `requests` are the ids whose Reply was
    among it, so that nobody waits in vain.
    """

    reason: str
    requests: "list[str]"
    FIELDS = ("reason", "requests")


class JournalRecovered(Fact):
    """RecoverJournal succeeded: what is durable, and the reading of the monotonic counter.

    damaged_at: the first entry before that place which cannot be read any more, or None.
    """

    epoch: int
    size: int
    head: bytes
    counter: int
    damaged_at: "int | None"
    FIELDS = ("epoch", "size", "head", "counter", "damaged_at")


class JournalDamaged(Fact):
    """An entry that is to be sent cannot be read, however often it is tried."""

    epoch: int
    seq: int
    FIELDS = ("epoch", "seq")


if TYPE_CHECKING:
    Event = Any
