"""What a box wants done. The runtime performs effects strictly in order and decides nothing.

1. An Append is performed when its entry is durable. Appends of events that wait at the same time may share
   one sync, from one that `is_apart` to the next such one; whatever stands behind an Append waits for it.
2. If an Append or a SaveState fails, everything behind it in the same group of events is dropped, but Push
   and Show, which are performed: silence waits for no disk. Then `JournalFailed` is fed back with the
   requests that would have been answered.
3. `body`, `event` are JSON objects; `payload` is the canonical bytes of a document that the box signs.
"""

from device.core.facts import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Append(Fact):
    """Make this journal entry durable; chain is the chain value after it (SPEC 9.5). is_apart: in no sync with those
    before it, which were made at another time.
    """

    epoch: int
    seq: int
    entry: bytes
    chain: bytes
    is_apart: bool
    FIELDS = ("epoch", "seq", "entry", "chain", "is_apart")

    def __init__(self, epoch: int, seq: int, entry: bytes, chain: bytes, is_apart: bool = False) -> None:
        # Made for every song, as is Reply.
        self.epoch = epoch
        self.seq = seq
        self.entry = entry
        self.chain = chain
        self.is_apart = is_apart


class SaveState(Fact):
    """Make the state record durable, whole or not at all; then tell the core, by `Box.kept`. holds: those in it."""

    raw: bytes
    holds: "list[str]"
    FIELDS = ("raw", "holds")


class TickCounter(Fact):
    """Raise the monotonic counter by one, as the record saved before says (`damage.py`). Nothing else raises it."""


class ReleaseSealLatch(Fact):
    """The record knows of the seal's opening: let the board's latch go (SPEC 6.8). One that fails stops nothing."""


class Reply(Fact):
    """Answer the LAN request."""

    request: str
    status: int
    body: "dict[str, Any]"
    FIELDS = ("request", "status", "body")

    def __init__(self, request: str, status: int, body: "dict[str, Any]") -> None:
        self.request = request
        self.status = status
        self.body = body


class ReplySigned(Fact):
    """Answer the LAN request with an envelope: sign `payload` as a document of type `kind` (SPEC 3.3)."""

    request: str
    status: int
    kind: str
    payload: bytes
    FIELDS = ("request", "status", "kind", "payload")


class Send(Fact):
    """Sign `payload` as a document of type `kind` (`receipt`, `report`) and publish it (SPEC 11.1).

    Without a session it is dropped: the report at the next connect says the same.
    """

    kind: str
    payload: bytes
    FIELDS = ("kind", "payload")


class Push(Fact):
    """Tell the VOD server at once, by WebSocket and serial line (SPEC 15.4)."""

    event: "dict[str, Any]"
    FIELDS = ("event",)


class Show(Fact):
    """Lamp pattern (`ports.LAMP_PATTERNS`), and whether the relay is closed: open is silence."""

    lamp: str
    relay_closed: bool
    FIELDS = ("lamp", "relay_closed")


class MoveWatermark(Fact):
    """The fleet holds of `epoch`, which may have ended, every entry below `size` that there is; send from there."""

    epoch: int
    size: int
    FIELDS = ("epoch", "size")


class SendFrom(Fact):
    """The fleet asks for entries of `epoch`, which may have ended, from `size` on, which may lie below the watermark
    (SPEC 10.3 nack). head: its chain value there.
    """

    epoch: int
    size: int
    head: bytes
    FIELDS = ("epoch", "size", "head")


class RecoverJournal(Fact):
    """Open the journal again; feed JournalRecovered or JournalFailed."""


class LookForTargets(Fact):
    """Ask TUF for a newer policy and catalog; feed PolicyLoaded, CatalogLoaded or ContentRejected."""


class Install(Fact):
    """Fetch, check and write this version, of at least this security epoch, into the other slot; feed UpdateAdvanced:
    written or rejected.
    """

    rollout: str
    version: str
    security_epoch: int
    FIELDS = ("rollout", "version", "security_epoch")


class Arm(Fact):
    """Let the other slot boot next; feed UpdateAdvanced `armed` or `rejected`. No room sings."""


class CheckHealth(Fact):
    """This boot is a trial: run the health test; feed UpdateAdvanced: confirmed or rejected."""


class ConfirmSlot(Fact):
    """Mark the running slot good. is_only: the other one is not to be fallen back to (SPEC 13.5).

    One that fails stops nothing: a later start does it (`services/self_test.py` 2).
    """

    is_only: bool
    FIELDS = ("is_only",)


class Reboot(Fact):
    """Start again; state and journal are durable."""


class CloseDown(Fact):
    """Leave an orderly mark (SPEC 9.3 BOOT `clean`) and end the process."""


if TYPE_CHECKING:
    Effect = Any
