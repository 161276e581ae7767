"""The inside of the box: what decides and records. It needs no network and no package beside the standard library.

1. A play that is allowed here is as durable as ever: journal, state record and counter are those of the whole box.
2. What only the outside can do (sign, send, install) waits for it: `join` brings it, and what was asked meanwhile is
   done then, in its order. Without the outside there is no session, and what would be sent is dropped (`effects.Send`).
3. Journal, state record and counter are read until they can be: a disk that comes back needs no restart.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module

from device.core import effects
from device.core.box import Box
from device.core.events import Claimed, SealChanged, Started, Stopping
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.image import SECURITY_EPOCH, version_of_this_image
from device.drivers.journal_file import JournalFile
from device.drivers.journal_owner import Owner
from device.drivers.policy_store import PolicyStore
from device.drivers.state_store import StateStore
from device.first_loop import Happening, in_thread, pause, running_loop
from device.log import Log
from device.ports import DriverError
from device.protocol.envelope import Envelope
from device.protocol.journal import Checkpoint
from device.protocol.keys import Key
from device.services import health
from device.services.boot_facts import BootFacts
from device.services.content_on_disk import ContentOnDisk
from device.services.desk import Question
from device.services.identity_facts import FLEET
from device.services.journal_care import care
from device.services.journal_feed import JournalFeed
from device.services.runtime import Runtime
from device.settings import Settings
from device.shell import Shell
from device.typed import Any

EXIT_REBOOT = 75
AGAIN_S = 3.0
STOP_S_MAX = 10.0
SEAL_AGAIN_S = (0.5, 1.0, 1.5)  # what comes again within these was no opening
LATER_MAX = 64  # effects that wait for the outside
_log = Log(__name__)

Seal = Callable[[str, bytes], Envelope]


class Inside:
    """The core and what it moves by itself; made once the box has its factory certificate."""

    def __init__(self, settings: Settings, shell: Shell) -> None:
        data = settings.data_dir
        self._shell = shell
        name = shell.identity.box
        self.journal = JournalFile(Folder(f"{data}/journal"), Owner(name, shell.board.secret))
        store = StateStore(Folder(f"{data}/state"), shell.board.secret)
        self._boot = BootFacts(
            name, version_of_this_image(), SECURITY_EPOCH, shell.board, self.journal, store, shell.run_files
        )
        content = Folder(f"{data}/content")
        self.catalog = CatalogFile(content, shell.board.secret)
        self.kept = ContentOnDisk(self.catalog, PolicyStore(content, shell.board.secret))
        self.feed = JournalFeed(name, self.journal, self._checkpoint)
        self.box = Box(
            name, _verify, self.catalog.find, self.feed.head_at, self.catalog.find_by_file, self.catalog.is_free
        )
        self.runtime = Runtime(self.box, shell.board.clock, self.journal, store, self._signed, shell.board.counter.read)
        self.look = Happening()  # new content is wanted
        self.is_claimed = Happening()
        self.stands = Happening()
        self.ended = Happening()
        self._ending: type | Exception = effects.CloseDown
        self._tasks: list[Any] = []
        self._wake: Callable[[], None] = lambda: None
        self._seal: Seal | None = None
        # A newer rollout makes an older one pointless: where there is no room the oldest goes.
        self._later: deque[Any] = deque(maxlen=LATER_MAX)
        self.runtime.faults = shell.desk.faults
        self._release = health.told_only(lambda _: shell.board.seal.release(), shell.desk.faults)
        self._show = health.told_only(self._show_all, shell.desk.faults)
        self._confirm = health.told_only(lambda act: shell.board.slots.confirm(act.is_only), shell.desk.faults)
        self.runtime.perform_by(self._acts())

    def begin(self) -> None:
        """Everything goes on by itself from here."""
        loop = running_loop()
        self._tasks = [loop.create_task(self._watch(part)) for part in (self.runtime.run(), self._start())]
        self._shell.ticking = self.runtime
        self._shell.supervisor.keep("journal care", lambda: care(self.journal, self._shell.desk.faults, self.proven_ms))
        self._shell.supervisor.keep("faults", lambda: health.observe(self._shell.desk, self.runtime, self.stands))

    async def live(self, stopping: Happening) -> int:
        """To the end; returns the exit code. What a part of it raised ends the process; the board starts it again."""
        self._tasks.append(running_loop().create_task(self._stop(stopping)))
        try:
            await self.ended.wait()
        finally:
            for task in self._tasks:
                task.cancel()
        if isinstance(self._ending, Exception):
            raise self._ending
        return EXIT_REBOOT if self._ending is effects.Reboot else 0

    def join(self, seal: Seal, wake: Callable[[], None], acts: Mapping[type, Callable[[Any], object]]) -> None:
        """The outside is there: how it signs, how its session is woken, and what else it can do."""
        self._seal, self._wake = seal, wake
        self.runtime.perform_by({**self._acts(), **acts})
        while self._later:
            effect = self._later.popleft()
            acts[type(effect)](effect)

    async def _watch(self, part: Coroutine[Any, Any, type | None]) -> None:
        """The box ends as the runtime does, or with what a part raises; a start that is done ends nothing."""
        try:
            ending: type | Exception | None = await part
        except Exception as error:  # noqa: BLE001 - `live` raises it
            ending = error
        if ending is not None and not self.ended.is_set():
            self._ending = ending
            self.ended.set()

    async def _stop(self, stopping: Happening) -> None:
        await stopping.wait()
        await self.runtime.post(Stopping())
        await pause(STOP_S_MAX)
        _log.error("the end took too long; what is not durable is a loss of power")
        self.runtime.give_up()

    async def _start(self) -> None:
        """Everything the core must know, in this order."""
        started = await self._read_until_readable()
        await self.runtime.post(started)
        await self._hear_of_seal()
        for event in await in_thread(self.kept.load):
            await self.runtime.post(event)
        await self.runtime.settled()
        self._shell.claimed = self._claimed
        if self._shell.identity.is_claimed:
            await self._hear_of_claim()
        await self.runtime.settled()
        if self.box.is_old:
            self._shell.desk.faults.add("VERSION_OLD")  # for as long as it runs
        self._shell.desk.open_with(self.runtime, self.state, self._brief, self._question)
        self._shell.listener.shared.go_on()
        self.stands.set()
        if self._shell.identity.is_claimed:
            self.is_claimed.set()
        self.look.set()

    async def _hear_of_claim(self) -> None:
        """A cut may have come between the paper and the record."""
        try:
            facts = self._shell.identity.facts(FLEET)
        except DriverError as error:
            _log.error("the venue is what the state record says: %s", error)
            self._shell.desk.faults.add(error.code)
            return
        if self.box.state_body(self.runtime.now())["venue"] != facts["venue"]:
            await self.runtime.post(Claimed(venue=facts["venue"], region=facts["region"]))

    async def _read_until_readable(self) -> Started:
        """Rule 3."""
        faults = self._shell.desk.faults
        while True:
            try:
                started = await self.runtime.in_disk_thread(self._boot.read)
            except (DriverError, OSError) as error:
                _log.error("cannot start yet: %s", error)
                code = error.code if isinstance(error, DriverError) else "STATE_UNAVAILABLE"
                faults.add(code)
                await pause(AGAIN_S)
                faults.discard(code)
            else:
                return started

    async def _hear_of_seal(self) -> None:
        """Now and from then on. One that does not answer ends no start, but counts as opened, and is asked further."""
        for wait_s in SEAL_AGAIN_S:
            try:
                found = self._read_seal()
            except DriverError as error:
                _log.error("%s", error)
                await pause(wait_s)
            else:
                await self.runtime.post(found)
                return
        await self.runtime.post(SealChanged(is_open=True, was_opened=True, at_boot=True))
        self._shell.desk.faults.add("BOARD_FAILED")
        self._shell.supervisor.keep("seal", self._ask_seal)

    async def _ask_seal(self) -> None:
        faults = self._shell.desk.faults
        while True:
            await pause(AGAIN_S)
            try:
                found = self._read_seal()
            except DriverError as error:
                faults.add(error.code)
            else:
                faults.discard("BOARD_FAILED")
                self._seal_changed(found.is_open)
                return

    def _read_seal(self) -> SealChanged:
        """Raises DriverError; then nothing is subscribed yet."""
        switch = self._shell.board.seal
        found = SealChanged(is_open=switch.is_open(), was_opened=switch.was_opened(), at_boot=True)
        switch.subscribe(self._seal_changed)
        return found

    def _seal_changed(self, is_open: bool) -> None:
        """What the callback says counts, not what the switch shows by now: it may be closed again."""
        try:
            was_opened = is_open or self._shell.board.seal.was_opened()
        except DriverError as error:
            _log.error("%s", error)
            was_opened = True  # it has moved: that is an opening, unless the latch says otherwise
        event = SealChanged(is_open=is_open, was_opened=was_opened, at_boot=False)
        if not self.runtime.post_soon(event):
            running_loop().call_later(1, self._seal_changed, is_open)

    async def _claimed(self, event: Claimed) -> None:
        await self.runtime.post(event)
        self.is_claimed.set()

    def _acts(self) -> dict[type, Callable[[Any], object]]:
        wait = self._later.append
        return {
            effects.Append: self._grown,
            effects.TickCounter: lambda _: self._shell.board.counter.tick(),
            effects.ReleaseSealLatch: self._release,
            effects.Send: lambda _: None,
            effects.Push: lambda effect: self._shell.desk.listeners.tell(effect.event),
            effects.Show: self._show,
            effects.MoveWatermark: lambda effect: self.feed.moved(effect, running_loop().time()),
            effects.SendFrom: self.feed.send_from,
            effects.LookForTargets: lambda _: self.look.set(),
            effects.Install: wait,
            effects.Arm: wait,
            effects.CheckHealth: wait,
            effects.ConfirmSlot: self._confirm,
            effects.Reboot: lambda _: self._boot.mark_orderly_end(),
            effects.CloseDown: lambda _: self._boot.mark_orderly_end(),
        }

    def _grown(self, effect: Any) -> None:
        self.feed.grown(effect)
        self._wake()

    def _show_all(self, effect: Any) -> None:
        """What is decided stays decided where the lamp cannot show it."""
        try:
            self._shell.board.relay.set_closed(effect.relay_closed)
        finally:
            self._shell.show_lamp(effect.lamp)

    def _signed(self, kind: str, payload: bytes) -> dict[str, Any] | None:
        """None before `join`: the LAN routes for documents may stand already."""
        return None if self._seal is None else self._seal(kind, payload).plain()

    def _checkpoint(self, epoch: int, size: int, head: bytes, ended: bool) -> Envelope:
        checkpoint = Checkpoint(
            box=self._shell.identity.box,
            epoch=epoch,
            size=size,
            head=head.hex(),
            at_ms=self.trusted_ms(),
            boot=self.box.boot,
            counter=self.box.counter,
            ended=ended,
        )
        assert self._seal is not None, "batches are made for a session"
        return self._seal("checkpoint", checkpoint.encode())

    def trusted_ms(self) -> int | None:
        return self.box.trusted_ms(self.runtime.now())

    def proven_ms(self) -> int | None:
        return self.box.proven_ms(self.runtime.now())

    def state(self) -> dict[str, Any]:
        return self.box.state_body(self.runtime.now())

    def _brief(self) -> dict[str, Any]:
        return self.box.state_brief(self.runtime.now())

    def _question(self) -> Question:
        return self.box.question_at(self.runtime.now())


def _verify(key: Key, message: bytes, signature: bytes) -> bool:
    """The package behind it is read in with the first signature that comes: no play needs one."""
    verified: bool = import_module("device.crypto.p256").verify(key, message, signature)
    return verified
