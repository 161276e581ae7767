"""A box in this process: real core, journal, state record, runtime and LAN interface; no board, no fleet.

async with lan_rig(tmp_path) as rig:            # claimed, leased, three songs, noon
    answer = await rig.play("K1", "000482")
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from device.core import effects
from device.core import events as on
from device.core.box import Box
from device.core.recovery import recovered
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.drivers.settings_store import SettingsStore
from device.drivers.state_store import StateStore
from device.protocol.envelope import seal
from device.protocol.journal import first_chain
from device.protocol.uplink import Report
from device.services.desk import Desk
from device.services.lan_listener import LanListener
from device.services.lan_server import LanServer
from device.services.pairing import Pairing
from device.services.runtime import Runtime
from tests import builders
from tests.box_rig import SONGS
from tests.device.drivers.journal_builders import OWNER

LABEL = "LABEL-CODE-1"
BOX_KEY = builders.FakeSigner("box")
DISK_PAUSES_S = 60.0  # what a busy machine may take for a sync; who tests the pause of a box sets its own bound


class StillClock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.passed_ms = 1_000

    def mono_ms(self) -> int:
        return self.passed_ms

    def rtc_ms(self) -> int:
        return builders.NOON_MS + self.passed_ms


class Counter:
    """Of a secure element: no disk that is put back moves it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        return int(self._path.read_bytes()) if self._path.exists() else 0

    def tick(self) -> None:
        self._path.write_bytes(b"%d" % (self.read() + 1))


class LanRig:
    """One start of one box on the disk in `path`."""

    def __init__(self, path: Path, folder: Folder | None = None, clock: StillClock | None = None) -> None:
        self.clock = clock or StillClock()
        self.is_enrolled = False
        self.journal = JournalFile(folder or Folder(path / "journal"), OWNER)
        self.store = StateStore(Folder(path / "state"), builders.BoardSecret())
        songs = {name: builders.song(name) for name in SONGS}
        self.box = Box(builders.BOX, builders.fake_verify, songs.get, self._head_at, lambda _key: None)
        self.counter = Counter(path / "counter")
        self.runtime = Runtime(
            self.box, self.clock, self.journal, self.store, self._signed, self.counter.read, write_for_s=DISK_PAUSES_S
        )
        self.sent: list[tuple[str, bytes]] = []
        self._more_sent = asyncio.Event()
        self.runtime.perform_by(self._acts())
        self.pairing = Pairing(SettingsStore(Folder(path / "settings")), self.clock.mono_ms)
        self.pairing.set_label_code(LABEL)
        self.token = self.pairing.pair(LABEL, "vod")
        self.desk = Desk(
            pairing=self.pairing,
            factory_csr=_never,
            factory_identity=_never,
            claim=_never,
            box=lambda: builders.BOX,
            is_enrolled=lambda: self.is_enrolled,
        )
        self.runtime.faults = self.desk.faults
        self.listener = LanListener(self.desk, "127.0.0.1", 0, (), self.clock.rtc_ms)
        self.lan = LanServer(self.desk, self.listener)
        self.address = ("", 0)
        self.http: aiohttp.ClientSession
        self._running: asyncio.Task[type]

    async def start(self) -> None:
        self.address = self.listener.start()
        await self.lan.start()
        await self.begin()

    async def begin(self) -> None:
        """Client and runtime; enough where aiohttp is not there yet."""
        self.http = aiohttp.ClientSession(
            f"http://{self.address[0]}:{self.address[1]}", headers={"Authorization": f"Bearer {self.token}"}
        )
        self._running = asyncio.create_task(self.runtime.run())

    async def open(self) -> None:
        """The core stands from here on."""
        self.desk.open_with(
            self.runtime,
            lambda: self.box.state_body(self.runtime.now()),
            lambda: self.box.state_brief(self.runtime.now()),
            lambda: self.box.question_at(self.runtime.now()),
        )
        await self.runtime.post(await self.runtime.in_disk_thread(self._started))

    async def bring_into_service(self, **of_lease: Any) -> None:
        for event in (
            on.PolicyLoaded(raw=builders.policy().encode()),
            on.CatalogLoaded(epoch=1, entries=len(SONGS)),
            on.Claimed(venue=builders.VENUE, region=builders.REGION),
            on.Connected(),
        ):
            await self.runtime.post(event)
        report = await self.wait_for_sent("report")
        nonce = Report.decode(report).nonce
        raw = builders.lease_envelope(nonce=nonce, issued_at_ms=self.clock.rtc_ms(), **of_lease)
        await self.runtime.post(on.LeaseReceived(raw=raw))

    async def wait_for_sent(self, kind: str) -> bytes:
        async with asyncio.timeout(30):
            while not any(sent == kind for sent, _ in self.sent):
                self._more_sent.clear()
                await self._more_sent.wait()
        return [payload for sent, payload in self.sent if sent == kind][-1]

    async def play(self, room: str = "K1", song: str = "000482", kind: str = "guest") -> tuple[int, Any]:
        return await self.post("/v1/plays", {"room": room, "song": song, "kind": kind})

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.http.post(path, json=body) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(path) as response:
            return response.status, await response.json()

    async def until(self, field: str, value: object) -> None:
        """Wait for a field of the state."""
        async with asyncio.timeout(30):
            while (await self.get("/v1/state"))[1][field] != value:
                pass

    async def close(self) -> None:
        await self.http.close()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self.desk.listeners.close()
        await self.lan.close()
        self.listener.close()

    def _head_at(self, _epoch: int, size: int) -> bytes | None:
        return self.journal.head_at(size)

    def _started(self) -> on.Started:
        found = self.journal.recover()
        past = recovered(found.since_boot)
        return on.Started(
            version="1.0.0",
            security_epoch=1,
            slot="a",
            clean=False,
            torn_bytes=found.torn_bytes,
            torn_sha256=found.torn_sha256,
            counter=self.counter.read(),
            seed=bytes(32),
            journal_epoch=found.epoch,
            journal_first=found.first,
            journal_size=found.size,
            journal_head=found.head or first_chain(builders.BOX, 1),
            journal_damaged_at=found.damaged_at,
            last_at_ms=past.last_at_ms,
            last_boot=past.last_boot,
            open_plays=past.open_plays,
            ended_plays=past.ended_plays,
            state=self.store.load(),
        )

    def _signed(self, kind: str, payload: bytes) -> dict[str, Any]:
        return seal(kind, payload, [BOX_KEY]).plain()

    def _send(self, effect: effects.Send) -> None:
        self.sent.append((effect.kind, effect.payload))
        self._more_sent.set()

    def _acts(self) -> dict[type, Any]:
        silent = [kind for kind in vars(effects).values() if isinstance(kind, type)]
        acts: dict[type, Any] = {kind: lambda _: None for kind in silent}
        acts[effects.Send] = self._send
        acts[effects.TickCounter] = lambda _: self.counter.tick()
        acts[effects.Push] = lambda effect: self.desk.listeners.tell(effect.event)
        return acts


@asynccontextmanager
async def lan_rig(path: Path, folder: Folder | None = None) -> AsyncIterator[LanRig]:
    """In service; ends as by a loss of power."""
    rig = LanRig(path, folder)
    await rig.start()
    try:
        await rig.open()
        await rig.bring_into_service()
        yield rig
    finally:
        await rig.close()


async def _never(_body: Any) -> dict[str, Any]:
    raise AssertionError("not part of this rig")
