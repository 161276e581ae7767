"""The one loop of the box: events in, decisions by the core, effects out in their order.

Rules:

1. Only this loop calls `Box.handle`, one event at a time; everybody else posts events.
2. Effects are performed strictly in order. What stands behind an Append waits for its sync; the Appends
   of all events that wait at the same time share one sync (group commit), but those that are to be apart.
3. If an Append or a SaveState fails, what stands behind it in the group is dropped, and the core is told with
   the requests that would have been answered (`effects.py` 2). Nothing is retried here.
4. A write that takes longer than its time (`patience.py`) has failed: the loop goes on, and the core refuses plays at
   once. Until the call returns nothing else is asked of the disk, and what an append wrote then does not count.
5. The queue is bounded. A request that finds it full is turned away; the box's own events wait.
   A tick waits for nobody: it goes before all that wait, one at a time.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from device.core.effects import (
    Append,
    CloseDown,
    Push,
    Reboot,
    RecoverJournal,
    Reply,
    ReplySigned,
    SaveState,
    Show,
)
from device.core.events import JournalFailed, JournalRecovered, Now, Tick
from device.first_loop import TURN, Happening, pause, running_loop
from device.ports import Clock, DriverError, Journal, StateStore
from device.protocol.codes import refusal
from device.services.disk_thread import Disk, DiskThread, made
from device.services.patience import WRITE_FOR_S_MAX, Patience
from device.typed import Any, NamedTuple, Protocol, TypeVar

QUEUE_MAX = 512
GROUP_MAX = 64
TICK_EVERY_S = 1.0
ANSWER_FOR_S_MAX = 15.0  # then the disk stands still, and the VOD server is told to ask again

Result = TypeVar("Result")


class BusyError(Exception):
    """Too many events wait, or an answer takes too long: ask again."""

    status = 503
    code = "TOO_MANY_REQUESTS"


class Answer(NamedTuple):
    """HTTP status and JSON object of an answer; the serial line uses the same."""

    status: int
    body: Mapping[str, Any]


class _Mark:
    """Stands in the queue; reached when all before it is performed."""

    def __init__(self) -> None:
        self.reached = running_loop().create_future()


class Core(Protocol):
    """What the runtime needs of `device.core.box.Box`."""

    def handle(self, event: Any, now: Now) -> Sequence[Any]: ...
    def kept(self, done: Append | SaveState) -> None: ...


class Events(Protocol):
    """Where parts of the box hand over what has happened; the runtime."""

    async def post(self, event: Any) -> None: ...

    def post_soon(self, event: Any) -> bool: ...


class Runtime:
    """Queue, loop and the effects that concern disk and answers; others perform the rest."""

    def __init__(
        self,
        core: Core,
        clock: Clock,
        journal: Journal,
        store: StateStore,
        sign: Callable[[str, bytes], Mapping[str, Any] | None],
        count: Callable[[], int],
        write_for_s: float = WRITE_FOR_S_MAX,
        disk: Disk | None = None,
    ) -> None:
        """sign: None while that cannot be done yet.

        count: reads the monotonic counter. disk: where calls that block are made; else a thread."""
        self._core = core
        self._clock = clock
        self._journal = journal
        self._store = store
        self._sign = sign
        self._count = count
        self._acts: Mapping[type, Callable[[Any], object]] = {}
        self._loop = running_loop()
        self._queue: deque[Any] = deque()
        self._has_tick = False  # in the queue
        self._has_room = Happening()
        self._has_some: Any = None  # while the loop waits for events
        self._waiting: dict[str, Any] = {}
        self._told: dict[str, Callable[[Answer], None]] = {}
        self.faults: set[str] = set()  # where it says what fails, until the same works again
        self._failing: dict[type, str] = {}
        self._disk = disk or DiskThread("disk")
        self._disk_calls: list[float] = []  # when each began that has not returned, in the loop's time, oldest first
        self._patience = Patience(write_for_s)
        self._ending: type | None = None
        self._has_ended = False
        self._recovering: Any = None  # the core asks for one at a time
        self.ticked_at_s = self._loop.time()
        self.look: Callable[[], object] = lambda: None  # at the sockets: whoever asks has it in the queue thereafter

    def perform_by(self, acts: Mapping[type, Callable[[Any], object]]) -> None:
        """Who performs the effects that are not of disk and answers, by type; Append: after it is durable."""
        self._acts = {
            **acts,
            _Mark: lambda mark: mark.reached.set_result(None),
            Reply: lambda reply: self._answer(reply.request, Answer(reply.status, reply.body)),
            ReplySigned: self._answer_signed,
            CloseDown: partial(self._end_by, acts),
            Reboot: partial(self._end_by, acts),
        }

    def now(self) -> Now:
        return Now(mono_ms=self._clock.mono_ms(), rtc_ms=self._clock.rtc_ms())

    async def post(self, event: Any) -> None:
        """Hand an event of the box itself over; waits while the queue is full, but for no loop that has ended."""
        while not self._has_ended and not self.post_soon(event):
            self._has_room.clear()
            await self._has_room.wait()

    async def settled(self) -> None:
        """Wait until everything posted so far is performed."""
        mark = _Mark()
        await self.post(mark)
        await mark.reached

    def post_soon(self, event: Any) -> bool:
        """Hand an event over without waiting; False if the queue is full."""
        if len(self._queue) >= QUEUE_MAX:
            return False
        self._queue.append(event)
        self._wake()
        return True

    async def ask(self, request: str, event: Any) -> Answer:
        """Hand a request over and wait for its answer. Raises BusyError."""
        answer = self._loop.create_future()
        self._waiting[request] = answer
        late = self._loop.call_later(ANSWER_FOR_S_MAX, _give_up, answer)
        try:
            if not self.post_soon(event):
                raise BusyError("the queue is full")
            answered: Answer = await answer
            return answered
        finally:
            late.cancel()
            del self._waiting[request]

    def ask_soon(self, request: str, event: Any, answered: Callable[[Answer], None]) -> None:
        """Hand a request over; `answered` is called with its answer, or never after `forget`. Raises BusyError."""
        if not self.post_soon(event):
            raise BusyError("the queue is full")
        self._told[request] = answered

    def forget(self, request: str) -> None:
        """Nobody waits for this answer any more."""
        self._told.pop(request, None)

    async def in_disk_thread(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """A blocking call of journal or store, in the one thread that writes."""
        result: Result = await self._on_disk(partial(call, *arguments))
        return result

    def disk_busy_s(self) -> float:
        """How long the disk has been on the oldest call that has not returned; 0 if there is none."""
        return self._loop.time() - self._disk_calls[0] if self._disk_calls else 0.0

    async def run(self) -> type:
        """Handle what is posted; returns CloseDown or Reboot when the core asks for it."""
        ticks = self._loop.create_task(self._tick())
        try:
            while self._ending is None:
                await self._perform(await self._decided_group())
        finally:
            ticks.cancel()
            if self._recovering is not None:
                self._recovering.cancel()
            self._has_ended = True
            self._has_room.set()
            self._disk.shutdown()
        return self._ending

    def give_up(self) -> None:
        """End without the core: it was asked to stop and cannot. Counts as a loss of power."""
        self._ending = CloseDown
        self.post_soon(Tick())

    def _wake(self) -> None:
        if self._has_some is not None and not self._has_some.done():
            self._has_some.set_result(None)

    async def _decided_group(self) -> list[Any]:
        """What is to be done for all that wait. What comes while they are decided shares their sync, so the sockets are
        looked at behind them, as long as a look brings more.
        """
        queue = self._queue
        if queue:
            await TURN  # others have their turn, however many ask
        else:
            self._has_some = self._loop.create_future()
            await self._has_some
            self._has_some = None
        effects: list[Any] = []
        free = GROUP_MAX
        while queue and free:
            group = [queue.popleft() for _ in range(min(len(queue), free))]
            free -= len(group)
            effects += self._decided(group)
            self.look()
        self._has_room.set()
        return effects

    def _decided(self, events: Sequence[Any]) -> list[Any]:
        effects: list[Any] = []
        handle, now = self._core.handle, self.now()
        for event in events:
            kind = type(event)
            if kind is _Mark:
                effects.append(event)
                continue
            if kind is Tick:
                self._has_tick = False
                self.ticked_at_s = self._loop.time()
            effects += handle(event, now)
        return effects

    async def _perform(self, effects: Sequence[Any]) -> None:
        synced = 0  # entries, of which this one is the next
        for index, effect in enumerate(effects):
            kind = type(effect)
            try:
                if kind is Append:
                    if not synced:
                        synced = await self._append(_of_one_sync(effects[index:]))
                    synced -= 1
                elif kind is SaveState:
                    await self._save(effect)
                elif kind is RecoverJournal:
                    self._recovering = self._loop.create_task(self._recover())
                else:
                    self._acts[kind](effect)
            except DriverError as error:
                self._failing[kind] = error.code
                self.faults.add(error.code)
                await self._fail(effects[index:], error)
                return
            if self._failing:
                self.faults.discard(self._failing.pop(kind, ""))

    async def _fail(self, effects: Sequence[Any], error: DriverError) -> None:
        """Rule 3. What is only said at the venue is said all the same."""
        for effect in effects:
            if isinstance(effect, Push | Show | _Mark):
                self._acts[type(effect)](effect)
        requests = [effect.request for effect in effects if isinstance(effect, Reply | ReplySigned)]
        await self._perform(self._decided([JournalFailed(reason=str(error), requests=requests)]))

    async def _append(self, appends: list[Append]) -> int:
        # Whoever takes it first has the word: the thread when all is synced, or the loop when that took too long.
        word = threading.Lock()
        counts = partial(word.acquire, False)
        call = self._on_disk(partial(self._journal.append, appends, counts))
        await self._in_time(call, self._patience.write_for_s, counts)
        self._core.kept(appends[-1])
        self._acts[Append](appends[-1])
        return len(appends)

    async def _save(self, effect: SaveState) -> None:
        patience = self._patience
        call = self._on_disk(partial(self._store.save, effect.raw), patience.saved_in)
        await self._in_time(call, patience.to_save(len(effect.raw)), lambda: True)
        self._core.kept(effect)

    def _on_disk(self, call: Callable[[], Any], took: Callable[[float], object] = lambda _seconds: None) -> Any:
        """took: told how long it was, whether somebody still waits or not."""
        began_s = self._loop.time()
        self._disk_calls.append(began_s)

        def returned() -> None:
            self._disk_calls.remove(began_s)
            took(self._loop.time() - began_s)

        return made(self._disk, call, returned)

    async def _in_time(self, writing: Any, for_s: float, is_late: Callable[[], bool]) -> None:
        """Rule 4. Raises DriverError."""
        late = self._loop.call_later(for_s, self._call_late, writing, is_late)
        try:
            await writing
        finally:
            late.cancel()

    def _call_late(self, writing: Any, is_late: Callable[[], bool]) -> None:
        """What comes of it later nobody looks at: the recovery that follows finds out by itself."""
        if not writing.done() and is_late():
            writing.set_exception(DriverError("JOURNAL_UNAVAILABLE", "the disk takes too long"))

    async def _recover(self) -> None:
        """Beside the loop, which refuses plays meanwhile; the outcome comes through the queue."""
        outcome: JournalRecovered | JournalFailed = JournalFailed(reason="the disk still stands still", requests=[])
        if not self._disk_calls:
            try:
                found = await self.in_disk_thread(self._journal.recover)
                counter = self._count()
                outcome = JournalRecovered(
                    epoch=found.epoch, size=found.size, head=found.head, counter=counter, damaged_at=found.damaged_at
                )
            except DriverError as error:
                outcome = JournalFailed(reason=str(error), requests=[])
        await self.post(outcome)

    def _answer_signed(self, effect: ReplySigned) -> None:
        signed = self._sign(effect.kind, effect.payload)
        if signed is None:  # what was decided stands, and is told to whoever asks again
            self._answer(effect.request, Answer(BusyError.status, refusal("BOX_STARTING", effect.request)))
        else:
            self._answer(effect.request, Answer(effect.status, signed))

    def _end_by(self, acts: Mapping[type, Callable[[Any], object]], effect: CloseDown | Reboot) -> None:
        self._ending = type(effect)
        acts[type(effect)](effect)

    def _answer(self, request: str, answer: Answer) -> None:
        answered = self._told.pop(request, None)
        if answered is not None:
            answered(answer)
            return
        waiting = self._waiting.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _tick(self) -> None:
        """Rule 5: whoever keeps the queue full does not starve the watchdog."""
        while True:
            await pause(TICK_EVERY_S)
            if not self._has_tick:
                self._has_tick = True
                self._queue.appendleft(Tick())
                self._wake()


def _of_one_sync(effects: Sequence[Any]) -> list[Append]:
    """The entries of a group, from its first effect on."""
    group: list[Append] = []
    for effect in effects:
        if type(effect) is Append:
            if effect.is_apart and group:
                break
            group.append(effect)
    return group


def _give_up(answer: Any) -> None:
    if not answer.done():
        answer.set_exception(BusyError("no answer in time"))
