"""The session with the fleet (SPEC 10, 11): plays and reports up, documents down, for ever again.

Rules:

1. What comes down is bytes; each goes to the core as an event of its topic, unread. Topics not ours are
   dropped.
2. Reports are only sent while connected: the next connect makes a new one. Receipts wait, RECEIPTS_MAX
   of them; beyond that the oldest is dropped, since the reports say the same.
3. Before every attempt a random wait (SPEC 11.4), which grows only while the fleet says no.
4. Why there is no session is a fault, one code at a time, until one stands.
5. Entries that cannot be read hold up neither reports nor orders: they are tried again after READ_AGAIN_S. After
   READS_MAX tries the core is told, which begins a new epoch; what stands behind them goes up then (SPEC 9.13).
6. Who makes the uplink may know better addresses, and says after how many seconds a session is to be left.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from device.core import events
from device.ports import DriverError, Uplink
from device.protocol import topics
from device.protocol.envelope import bytes_max
from device.protocol.errors import MalformedError
from device.protocol.limits import SESSION_STEADY_S
from device.services.journal_feed import JournalFeed, Place
from device.services.runtime import Runtime

RECEIPTS_MAX = 256
COLLECT_S = 0.15  # entries of one moment share a batch and a signature
LOOK_AGAIN_S = 2.0
READ_AGAIN_S = 15.0
READS_MAX = 3
UNREACHED = frozenset({"UPLINK_DOWN", "UPLINK_NAME"})  # attempts that made no contact (SPEC 11.4)
_EVENTS: dict[str, Callable[[bytes], Any]] = {
    "extension": lambda raw: events.ExtensionReceived(request="", raw=raw),
    "order": lambda raw: events.OrderReceived(request="", raw=raw),
    "notice": lambda raw: events.NoticeReceived(request="", raw=raw),
    "lease": lambda raw: events.LeaseReceived(raw=raw),
    "ack": lambda raw: events.AckReceived(raw=raw),
    "rollout": lambda raw: events.RolloutReceived(raw=raw),
    "look": lambda _raw: events.LookReceived(),
}
_log = logging.getLogger(__name__)


class FleetSession:
    """Runs until cancelled."""

    def __init__(
        self,
        box: str,
        make: Callable[[], Uplink],
        runtime: Runtime,
        feed: JournalFeed,
        faults: set[str],
        chance: Callable[[], float] = random.random,
        is_to_be_left: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self._box = box
        self._is_to_be_left = is_to_be_left
        self._faults = faults
        self._make = make
        self._runtime = runtime
        self._feed = feed
        self._chance = chance
        self.refusals = 0  # in a row (SPEC 11.4)
        self._is_connected = False
        self._stood_since_s = 0.0
        self._fault = ""
        self._unread = ""
        self._read_again_at_s = 0.0
        self._unread_at: tuple[Place, int] | None = None  # what could not be read, and how often
        self._report: bytes | None = None
        self._receipts: deque[bytes] = deque(maxlen=RECEIPTS_MAX)
        self._work = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    def send(self, kind: str, envelope: bytes) -> None:
        """Rule 2."""
        if kind == "receipt":
            self._receipts.append(envelope)
        elif self._is_connected:
            self._report = envelope
        self._work.set()

    def wake(self) -> None:
        """There may be journal entries to send."""
        self._work.set()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(topics.connect_wait_s(self.refusals, self._chance()))
            uplink = self._make()
            had_session = False
            try:
                await uplink.connect(self._box, topics.subscriptions(self._box))
                had_session = True
                self._say("")
                await self._session(uplink)
            except DriverError as error:
                _log.info("%s", error)
                self._say(error.code)
                if had_session:
                    self.refusals = self.refusals + 1 if _now_s() - self._stood_since_s < SESSION_STEADY_S else 0
                elif error.code not in UNREACHED:
                    self.refusals += 1
            finally:
                await uplink.close()

    def _say(self, fault: str) -> None:
        """Rule 4."""
        self._faults.discard(self._fault)
        self._fault = fault
        if fault:
            self._faults.add(fault)

    async def _session(self, uplink: Uplink) -> None:
        """One session from connect to its end; raises DriverError."""
        self._is_connected = True
        self._stood_since_s = _now_s()
        self._feed.begin_again(_now_s())
        await self._runtime.post(events.Connected())
        sending = asyncio.create_task(self._send_all(uplink))
        receiving = asyncio.create_task(self._receive_all(uplink))
        try:
            done, _ = await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._is_connected = False
            self._report = None
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            await self._runtime.post(events.Disconnected())

    async def _receive_all(self, uplink: Uplink) -> None:
        async for topic, payload in uplink.messages():
            kind = topics.down_kind(topic, self._box)
            make = _EVENTS.get(kind)
            if make is None or len(payload) > bytes_max(kind):
                _log.warning("dropped %d bytes for %s", len(payload), topic)
                continue
            await self._runtime.post(make(payload))

    async def _send_all(self, uplink: Uplink) -> None:
        while True:
            if self._is_to_be_left(_now_s() - self._stood_since_s):
                raise DriverError("UPLINK_DOWN", "whoever it is gives no lease")
            self._work.clear()
            await self._send_documents(uplink)
            await self._send_entries(uplink)
            if not self._work.is_set():
                with_timeout = asyncio.wait_for(self._work.wait(), LOOK_AGAIN_S)
                await asyncio.gather(with_timeout, return_exceptions=True)
            await asyncio.sleep(COLLECT_S)

    async def _send_documents(self, uplink: Uplink) -> None:
        while self._receipts:
            receipt = self._receipts.popleft()
            try:
                await uplink.publish(topics.up(self._box, "receipt"), receipt)
            except BaseException:  # cancelled or failed: it goes first in the next session, if there is room
                if len(self._receipts) < RECEIPTS_MAX:
                    self._receipts.appendleft(receipt)
                raise
        report, self._report = self._report, None
        if report is not None:
            await uplink.publish(topics.up(self._box, "report"), report)

    async def _send_entries(self, uplink: Uplink) -> None:
        while _now_s() >= self._read_again_at_s and (place := self._feed.wanted(_now_s())) is not None:
            try:
                made = await asyncio.to_thread(self._feed.batch_from, place)
            except DriverError as error:
                await self._cannot_read(place, error.code, error)
                return
            except MalformedError as error:
                await self._cannot_read(place, "JOURNAL_DAMAGED", error)
                return
            self._faults.discard(self._unread)
            if made is None:
                self._feed.nothing_more(place.epoch)
                continue
            await uplink.publish(topics.up(self._box, "journal"), made.raw)
            self._feed.sent(made, _now_s())
            await self._send_documents(uplink)

    async def _cannot_read(self, place: Place, code: str, error: Exception) -> None:
        """Rule 5."""
        _log.error("no batch: %s", error)
        self._faults.discard(self._unread)
        self._unread = code
        self._faults.add(code)
        self._read_again_at_s = _now_s() + READ_AGAIN_S
        times = self._unread_at[1] + 1 if self._unread_at is not None and self._unread_at[0] == place else 1
        self._unread_at = (place, times)
        if times == READS_MAX:
            self._unread_at = None
            self._feed.nothing_more(place.epoch)  # an ended epoch rests
            await self._runtime.post(events.JournalDamaged(epoch=place.epoch, seq=place.seq))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
