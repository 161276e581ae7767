"""What the box needs of its board, disk and network: one small Protocol each.

Real drivers (`device/drivers`) and emulated ones (`device/drivers/emulated`) implement the same ports and
pass the same contract suites (`tests/contracts`); `device/app.py` joins them with the services.

1. A port says what happens, never how. Calls that may block for more than a millisecond say so: the runtime
   makes them in a thread.
2. Hardware or disk that fails raises DriverError with a code of `device/protocol/codes.py`. It is never
   retried inside.
3. Callbacks are called in the loop's thread; the loop is `first_loop.running_loop()`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from device.protocol.bans import ListedBan
from device.protocol.catalog import CatalogManifest, ContentFile, SongRecord, TableFile
from device.typed import NamedTuple, Protocol


class DriverError(Exception):
    """Hardware, disk or network failed; `code` is what people and the server are shown."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Clock(Protocol):
    """The two clocks of the board; neither is trusted time (SPEC 7.3)."""

    def mono_ms(self) -> int:
        """Milliseconds since power came on; never falls."""

    def rtc_ms(self) -> int:
        """What the battery clock says, Unix milliseconds; may be anything."""


class Counter(Protocol):
    """The monotonic counter of the secure element: it only rises, also over a restored disk."""

    def read(self) -> int: ...

    def tick(self) -> int:
        """Raise by one; returns the new value, which is then permanent."""


class SealSwitch(Protocol):
    """The loop through the physical seal, and the latch that remembers its opening, also without power."""

    def is_open(self) -> bool: ...

    def was_opened(self) -> bool:
        """The latch: set by any opening until `release`. A board without a latch says `is_open`."""

    def release(self) -> None:
        """Let the latch go; while the loop is open it stays set."""

    def subscribe(self, changed: Callable[[bool], None]) -> None:
        """Call `changed(is_open)` at every change from now on."""


class Relay(Protocol):
    """The contact that mutes the venue; open (released) is silence, so a box without power is silent."""

    def set_closed(self, closed: bool) -> None: ...


class Lamp(Protocol):
    """The status lamp; `pattern` is one of LAMP_PATTERNS."""

    def show(self, pattern: str) -> None: ...


LAMP_PATTERNS = ("boot", "unclaimed", "in-service", "ready", "offline", "closed", "locked", "expired", "failed")


class Watchdog(Protocol):
    """Resets the board unless fed; starts with the first feeding."""

    def feed(self) -> None: ...


class Slots(Protocol):
    """The two places an image can stand in, and the boot state (SPEC 13.4). `write` and `digest` block."""

    def running(self) -> str:
        """`a` or `b`."""

    def write(self, chunks: Iterable[bytes]) -> int:
        """Write an image into the slot that does not run, synced; returns its length in bytes."""

    def digest(self, length: int) -> str:
        """SHA-256 (hex) of the first `length` bytes of the other slot, read back."""

    def arm(self) -> None:
        """The other slot boots next, BOOT_ATTEMPTS times at most; the running one stays the second
        choice.
        """

    def confirm(self, is_only: bool) -> None:
        """The running slot is good: it boots first and has all its attempts again. is_only: the other slot has none."""

    def is_trial(self) -> bool:
        """True until `confirm`: this boot has used up one of the running slot's attempts."""


class BoardSecret(Protocol):
    """32 bytes bound to this board: the box key on disk is sealed, and what the box wrote itself is proven, with it."""

    def read(self) -> bytes: ...


class Line(Protocol):
    """A serial line: bytes come in any portions and may be noise."""

    def chunks(self) -> AsyncIterator[bytes]:
        """What arrives, until the line fails: DriverError SERIAL_DOWN."""

    async def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Board(NamedTuple):
    """The hardware of one box, as `open_board` of a board package makes it.

    `device.drivers.emulated.board.open_board(directory: Path) -> Board`, called on the running loop
    (`first_loop.py`). A real
    board is the drivers beside it (`gpio_lines`, `watchdog_linux`, `clock`, `slots_block`) and that of its secure
    element. The serial line is no part of it: it is opened by path, and a pty is as good as a port.
    """

    clock: Clock
    counter: Counter
    seal: SealSwitch
    relay: Relay
    lamp: Lamp
    watchdog: Watchdog
    slots: Slots
    secret: BoardSecret


class Frame(NamedTuple):
    """One journal entry as it goes to disk: the exact entry bytes and the chain value after it (SPEC
    9.5).
    """

    epoch: int
    seq: int
    entry: bytes
    chain: bytes


class Framed(Protocol):
    """A Frame, or an effect that carries the same."""

    @property
    def epoch(self) -> int: ...

    @property
    def seq(self) -> int: ...

    @property
    def entry(self) -> bytes: ...

    @property
    def chain(self) -> bytes: ...


class Recovered(NamedTuple):
    """What a journal holds when it is opened.

    first: sequence number of the oldest entry on disk; size: entries in `epoch`; head: chain value of the
    last one, empty if there is none. torn_*: bytes that cuts left behind and no BOOT has reported yet; they
    were set aside (SPEC 9.7). damaged_at: the first entry of `epoch` that recovery could not read, and that may
    have been durable: then nothing may be appended to this epoch (SPEC 9.13). since_boot: the entries from the newest
    BOOT on, or all.
    """

    epoch: int
    first: int
    size: int
    head: bytes
    torn_bytes: int
    torn_sha256: str
    damaged_at: int | None
    since_boot: Sequence[bytes]


class Journal(Protocol):
    """The play journal on disk (SPEC 9.6, 9.7). One thread at a time may append or recover; both block."""

    def recover(self) -> Recovered:
        """Open, or open again after a failure. Raises DriverError JOURNAL_UNAVAILABLE."""

    def append(self, frames: Sequence[Framed], counts: Callable[[], bool] = ...) -> None:
        """Write and sync as one group; durable on return. A new epoch begins with sequence number 0.

        counts: asked once, when all of it is synced; False if nobody waits any more. Then this fails as well.
        Raises DriverError JOURNAL_UNAVAILABLE: then none of them may be called durable; only `recover`
        helps.
        """

    def acknowledged(self, epoch: int, size: int) -> None:
        """The fleet holds the entries of `epoch` below `size`: they may be dropped (SPEC 9.12). Does not block."""

    def head_at(self, size: int) -> bytes | None:
        """Chain value when this epoch had `size` entries; None if it never had, or does not have them any more."""

    def read(self, seq: int, count_max: int, bytes_max: int) -> Sequence[Frame]:
        """Durable entries of this epoch from `seq` on, in order, within both limits (bytes of entries)."""

    @property
    def ended(self) -> "EndedEpochs":
        """What is left of the epochs before this one."""


class EndedEpochs(Protocol):
    """The epochs of a journal that have ended (SPEC 9.13). Only `read` blocks."""

    def unsent(self) -> list[int]:
        """Those of which the fleet does not hold everything, oldest first."""

    def watermark(self, epoch: int) -> int:
        """The size that the fleet has acknowledged."""

    def read(self, epoch: int, seq: int, count_max: int, bytes_max: int) -> Sequence[Frame]:
        """Consecutive entries from the first one that can be read at `seq` or behind it, within both limits but one at
        least; none where there is none. Raises DriverError.
        """


class Catalog(Protocol):
    """The catalog in force, on disk (SPEC 8). `find` is quick and never blocks on more than two pages."""

    def load(self) -> CatalogManifest | None:
        """Open the edition in force; None if there is none. Blocks. Raises ProtocolError if it cannot be opened."""

    def find(self, song: str) -> SongRecord | None:
        """The song's record; None if it is not listed, or if the page it stands on is damaged."""

    def find_by_file(self, key: bytes) -> SongRecord | None:
        """A song whose file has this key (SPEC 8.2); None as in `find`."""

    def is_damaged(self) -> bool:
        """Whether a page was found that is not what was signed: a table must be fetched again."""

    @property
    def bans(self) -> tuple[ListedBan, ...]:
        """What the edition in force carries (SPEC 8.7)."""

    def name_of(self, file: TableFile | ContentFile) -> str:
        """The file in the catalog's folder to which one that a manifest names is fetched."""

    def missing(self, manifest: CatalogManifest) -> list[TableFile | ContentFile]:
        """What is to be fetched before a switch to this manifest. Blocks."""

    def forget_others(self, manifest: CatalogManifest) -> None:
        """Remove the files that neither this manifest nor the edition in force names. Blocks."""

    def switch(self, raw: bytes) -> CatalogManifest:
        """Take this manifest into force, at once or not at all. Blocks.

        Raises MalformedError CATALOG_MALFORMED: the edition in force stays.
        """


class PolicyStore(Protocol):
    """The authority policy in force, in copies, each whole or not at all. The calls block."""

    @property
    def names(self) -> Sequence[str]:
        """Of the copies."""

    def load(self, name: str) -> bytes | None:
        """A copy, or None; raises RejectedError CONTENT_UNAUTHENTIC if this box did not write it."""

    def save(self, raw: bytes) -> None:
        """All copies, one after the other. Raises OSError."""


class StateStore(Protocol):
    """The state record of the core: whole or not at all, and of this board or not at all. Both calls block."""

    def load(self) -> bytes | None:
        """The last saved record, or None. One that is damaged, edited or of another board is set aside:
        DriverError STATE_DAMAGED, then None. Raises DriverError STATE_UNAVAILABLE, BOARD_FAILED.
        """

    def save(self, record: bytes) -> None:
        """Durable on return. Raises DriverError STATE_UNAVAILABLE, BOARD_FAILED."""


class Uplink(Protocol):
    """One MQTT session with the fleet (SPEC 11)."""

    async def connect(self, client_id: str, downlink: Sequence[str]) -> None:
        """Connect and subscribe (QoS 0). Raises DriverError UPLINK_DOWN."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1; returns at the PUBACK, which proves nothing (SPEC 11.1). Raises DriverError
        UPLINK_DOWN.
        """

    def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """What comes down, until the session ends: DriverError UPLINK_DOWN."""

    async def close(self) -> None: ...
