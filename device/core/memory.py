"""Everything a box knows between two events, in its parts. Each part guards its own invariant."""

from device.core.clock import Clock
from device.core.content import Content
from device.core.damage import Damage
from device.core.epoch import Epoch
from device.core.faults import Faults
from device.core.holds import Holds
from device.core.journal import JournalEnd
from device.core.lease import LeaseDesk
from device.core.notices import Notices
from device.core.orders import KnownOrders
from device.core.plays import Plays
from device.core.refusals import Refusals
from device.core.rtc_steps import RtcWatch
from device.core.seal import Seal
from device.core.update import NO_UPDATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from device.core.claim import Claim
    from device.core.update import Update
    from device.core.verdict import Moment
    from device.protocol.catalog import SongRecord
    from device.protocol.keys import Verify


class Memory:
    """`verify`, `find_song`, `head_at` and `find_by_file` are what the core asks of the outside; all are pure."""

    def __init__(
        self,
        box: str,
        verify: "Verify",
        find_song: "Callable[[str], SongRecord | None]",
        head_at: "Callable[[int, int], bytes | None]",
        find_by_file: "Callable[[bytes], SongRecord | None]",
    ) -> None:
        self.box = box
        self.verify = verify
        self.find_song = find_song
        self.find_by_file = find_by_file
        self.head_at = head_at

        self.clock = Clock()
        self.rtc = RtcWatch()
        self.journal = JournalEnd(box)
        self.damage = Damage()
        self.holds = Holds()
        self.orders = KnownOrders()
        self.notices = Notices()
        self.lease = LeaseDesk()
        self.moment: Moment | None = None  # of plays that wait together (`verdict.py`)
        self.content = Content()
        self.plays = Plays()
        self.refusals = Refusals()
        self.faults = Faults()
        self.claim: Claim | None = None
        self.update: Update = NO_UPDATE
        self.epoch = Epoch()
        self.seal = Seal()
        # Suspensions that ended by themselves and that the venue has not confirmed (`reopen.py`).
        self.reopening: list[str] = []

        self.kept_holds: list[str] = []  # in force by the record that was made durable last
        self.version = ""
        self.slot = "a"
        self.counter = 0
        self.is_started = False
        # The process is about to end: nothing is begun any more.
        self.is_ending = False
        self.is_connected = self.is_arming = False
        self.hours_told_s = 0  # the last notice before the closing hour (`hours.py`)
        self.install_at_ms: int | None = None  # monotonic instant at which an image is asked for again
        # Monotonic instant at which running plays are cut, by stop order (SPEC 6.4 grace).
        self.cut_at_ms: dict[str, int] = {}
        # What the VOD server knows of the end of a play: monotonic instant, whether the last call was made, reason.
        self.told: dict[str, tuple[int, bool, str]] = {}
        # Something that may wait is not in the saved record; when the record was saved last.
        self.is_unsaved = False
        self.saved_at_ms = self.bound_at_ms = 0
        # What was last shown, pushed and reported (`report.py`).
        self.shown: tuple[str, bool] | None = None
        self.pushed: dict[str, Any] | None = None
        self.reported: dict[str, Any] | None = None
        self.reported_at_ms = 0

    @property
    def has_room(self) -> bool:
        """Whether the journal takes more than what must be written (SPEC 9.12)."""
        return "JOURNAL_FULL" not in self.faults.codes
