"""The session with the fleet: batches from the journal, acks that stay away, and what comes down."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from device.core import effects
from device.core import events as on
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.ports import DriverError, Frame
from device.protocol import topics
from device.protocol.envelope import Envelope, seal
from device.protocol.journal import Checkpoint, first_chain, next_chain
from device.protocol.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX
from device.protocol.uplink import Batch
from device.services import uplink as uplink_module
from device.services.journal_feed import BATCHES_OPEN_MAX, JournalFeed
from device.services.journal_late import ACK_FOR_S_MAX
from device.services.uplink import FleetSession
from tests import builders
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.lan_rig import BOX_KEY, lan_rig
from tests.device.services.test_late_epochs import entry as own_entry

BOX = builders.BOX


def checkpoint(epoch: int, size: int, head: bytes, ended: bool) -> Envelope:
    made = Checkpoint(box=BOX, epoch=epoch, size=size, head=head.hex(), at_ms=None, boot=1, counter=0, ended=ended)
    return seal("checkpoint", made.encode(), [BOX_KEY])


def a_journal(path: Path, count: int, text: str) -> tuple[JournalFile, JournalFeed]:
    """`count` entries of that text, all durable; without one of the box's."""
    journal = JournalFile(Folder(path), OWNER)
    journal.recover()
    chain, frames = first_chain(BOX, 1), []
    for seq in range(count):
        entry = json.dumps({"kind": "BOOT", "seq": seq, "text": text}).encode()
        if not text:
            entry = own_entry(1, seq, "FAULT", {"code": "", "begun": True})
        chain = next_chain(chain, seq, entry)
        frames.append(Frame(1, seq, entry, chain))
    journal.append(frames)
    feed = JournalFeed(BOX, journal, checkpoint)
    feed.grown(effects.Append(epoch=1, seq=count - 1, entry=b"", chain=chain))
    return journal, feed


def take(feed: JournalFeed, now_s: float) -> Batch | None:
    place = feed.wanted(now_s)
    made = None if place is None else feed.batch_from(place)
    if made is None:
        return None
    assert len(made.raw) <= BATCH_BYTES_MAX
    assert len(made.batch.entries) <= BATCH_ENTRIES_MAX
    feed.sent(made, now_s)
    return made.batch


def test_10_1_batches_follow_each_other_and_end_at_their_checkpoint(tmp_path: Path) -> None:
    journal, feed = a_journal(tmp_path, 450, "x" * 200)
    batches = [take(feed, 0.0) for _ in range(3)]
    assert [(batch.first, batch.size) for batch in batches if batch] == [(0, 200), (200, 400), (400, 450)]
    assert take(feed, 0.0) is None
    for batch in batches:
        assert batch is not None
        signed = Checkpoint.decode(batch.checkpoint.payload)
        assert (signed.size, bytes.fromhex(signed.head)) == (batch.size, journal.head_at(batch.size))


def test_10_1_entries_of_the_largest_kind_fit_in_fewer(tmp_path: Path) -> None:
    _, feed = a_journal(tmp_path, 300, '"' * 490)
    sizes = []
    while (batch := take(feed, 0.0)) is not None:
        sizes.append(len(batch.entries))
        feed.moved(effects.MoveWatermark(epoch=1, size=batch.size), 0.0)
    assert sum(sizes) == 300
    assert max(sizes) < BATCH_ENTRIES_MAX


def test_without_acks_sending_stops_and_then_begins_again_at_the_watermark(tmp_path: Path) -> None:
    _, feed = a_journal(tmp_path, 200 * (BATCHES_OPEN_MAX + 2), "x")
    for _ in range(BATCHES_OPEN_MAX):
        assert take(feed, 0.0) is not None
    assert feed.wanted(1.0) is None
    feed.moved(effects.MoveWatermark(epoch=1, size=200), 1.0)
    assert feed.wanted(1.0) == (1, 200 * BATCHES_OPEN_MAX)
    assert feed.wanted(2.0 + ACK_FOR_S_MAX) == (1, 200)


def test_10_3_a_nack_says_from_where(tmp_path: Path) -> None:
    _, feed = a_journal(tmp_path, 300, "")
    take(feed, 0.0)
    feed.send_from(effects.SendFrom(epoch=1, size=30, head=b""))
    batch = take(feed, 0.0)
    assert batch is not None
    assert batch.first == 30


def at_once() -> float:
    """The chance of not having to wait."""
    return 0.0


class Pipe:
    """A broker that loses nothing until `break_off`; each session is a new pipe of one wall."""

    def __init__(self, wall: "Wall") -> None:
        self.wall = wall

    async def connect(self, client_id: str, downlink: Sequence[str]) -> None:
        if self.wall.refusals:
            raise DriverError(self.wall.refusals.pop(0), "not yet")
        assert (client_id, list(downlink)) == (BOX, topics.subscriptions(BOX))
        self.wall.sessions += 1

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.wall.break_at_receipt and topic.endswith("/receipt"):
            self.wall.break_at_receipt.set()
            raise DriverError("UPLINK_DOWN", "broken off")
        await self.wall.up.put((topic, payload))

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self.wall.down.get()) is not None:
            yield message
        raise DriverError("UPLINK_DOWN", "broken off")

    async def close(self) -> None:
        """Nothing is held."""


class Wall:
    def __init__(self) -> None:
        self.up: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.down: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self.refusals = ["UPLINK_DOWN"]
        self.sessions = 0
        self.break_at_receipt: asyncio.Event | None = None

    async def heard(self, kind: str) -> bytes:
        async with asyncio.timeout(30):
            while True:
                topic, payload = await self.up.get()
                if topic == topics.up(BOX, kind):
                    return payload


async def test_a_session_sends_documents_and_entries_and_hears_orders(tmp_path: Path) -> None:
    wall = Wall()
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 5, "x")
        session = FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once)
        task = asyncio.create_task(session.run())
        batch = Batch.decode(await wall.heard("journal"))
        session.send("receipt", b"receipt")
        session.send("report", b"report")
        assert await wall.heard("receipt") == b"receipt"
        assert await wall.heard("report") == b"report"
        for topic in ("v1/dn/KTV-OTHER/order", topics.down(BOX, "nonsense"), topics.down_all("lease")):
            wall.down.put_nowait((topic, b"not for this box"))
        wall.down.put_nowait((topics.down(BOX, "order"), builders.order_envelope("stop")))
        await rig.until("state", "locked")
        wall.down.put_nowait(None)
        await wall.heard("journal")  # from the watermark again, over the next session
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (batch.first, len(batch.entries)) == (0, 5)
    assert wall.sessions == 2


async def test_14_4_a_session_is_left_where_there_may_be_a_better_one(tmp_path: Path) -> None:
    wall = Wall()
    stood: list[float] = []

    def is_to_be_left(for_s: float) -> bool:
        stood.append(for_s)
        return wall.sessions == 1

    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 1, "")
        session = FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once, is_to_be_left)
        task = asyncio.create_task(session.run())
        await wall.heard("journal")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert wall.sessions == 2
    assert min(stood) >= 0


async def test_receipts_wait_for_a_session_and_reports_do_not(tmp_path: Path) -> None:
    wall = Wall()
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 1, "x")
        session = FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once)
        session.send("receipt", b"early receipt")
        session.send("report", b"stale report")
        task = asyncio.create_task(session.run())
        assert await wall.heard("receipt") == b"early receipt"
        await wall.heard("journal")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert wall.up.empty()


async def test_a_receipt_that_could_not_be_sent_goes_first_in_the_next_session_and_none_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue was full when the session broke, and its oldest gave way: what is sent is still each once, in order."""
    monkeypatch.setattr(uplink_module, "RECEIPTS_MAX", 3)
    wall = Wall()
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 1, "x")
        session = FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once)
        breaking = wall.break_at_receipt = asyncio.Event()
        for number in range(3):
            session.send("receipt", b"receipt %d" % number)
        task = asyncio.create_task(session.run())
        await breaking.wait()
        wall.break_at_receipt = None
        heard = [await wall.heard("receipt") for _ in range(3)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert heard == [b"receipt 0", b"receipt 1", b"receipt 2"]


async def test_connected_and_disconnected_are_told_to_the_core(tmp_path: Path) -> None:
    wall = Wall()
    wall.refusals = []
    async with lan_rig(tmp_path / "box") as rig:
        await rig.runtime.post(on.Disconnected())
        _, feed = a_journal(tmp_path / "journal", 1, "x")
        task = asyncio.create_task(
            FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once).run()
        )
        await wall.heard("journal")
        await rig.until("online", True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rig.until("online", False)


async def test_an_entry_that_cannot_be_read_is_said_and_then_a_new_epoch_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink_module, "READ_AGAIN_S", 0.0)
    monkeypatch.setattr(uplink_module, "LOOK_AGAIN_S", 0.01)
    wall = Wall()
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 5, "x")
        segment = next((tmp_path / "journal").glob("*.fbj"))
        raw = bytearray(segment.read_bytes())
        raw[20] ^= 1
        segment.write_bytes(raw)
        session = FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once)
        task = asyncio.create_task(session.run())
        await rig.until("faults", ["JOURNAL_DAMAGED"])
        while (await rig.get("/v1/state"))[1]["journal"]["epoch"] == 1:
            pass
        assert (await rig.play())[0] == 201
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Waits:
    """What `topics.connect_wait_s` was asked with; the wait itself takes no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refusals: list[int] = []
        monkeypatch.setattr(topics, "connect_wait_s", self._wait_s)

    def _wait_s(self, refusals: int, _chance: float) -> float:
        self.refusals.append(refusals)
        return 0.0


async def test_11_4_only_a_no_makes_the_wait_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, wall = Waits(monkeypatch), Wall()
    wall.refusals = ["UPLINK_DOWN", "UPLINK_NAME", "UPLINK_REFUSED", "UPLINK_DOWN", "UPLINK_TLS", "UPLINK_NAME"]
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 1, "x")
        task = asyncio.create_task(FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults).run())
        await wall.heard("journal")
        assert waits.refusals == [0, 0, 0, 1, 1, 2, 2]
        wall.down.put_nowait(None)  # a session that ends at once is a no
        await wall.heard("journal")
        assert waits.refusals[-1] == 3
        monkeypatch.setattr(uplink_module, "SESSION_STEADY_S", 0)
        wall.down.put_nowait(None)  # one that stood is none, and all is forgotten
        await wall.heard("journal")
        assert waits.refusals[-1] == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_why_there_is_no_session_is_a_fault_until_one_stands(tmp_path: Path) -> None:
    wall, seen = Wall(), list[list[str]]()
    async with lan_rig(tmp_path / "box") as rig:
        _, feed = a_journal(tmp_path / "journal", 1, "x")

        def make() -> Pipe:
            seen.append(sorted(rig.desk.faults))
            return Pipe(wall)

        session = FleetSession(BOX, make, rig.runtime, feed, rig.desk.faults, at_once)
        for _ in range(3):
            wall.refusals = ["UPLINK_NAME", "UPLINK_TLS", "UPLINK_HOSTILE"]
            task = asyncio.create_task(session.run())
            await wall.heard("journal")
            assert rig.desk.faults == set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert seen == 3 * [[], ["UPLINK_NAME"], ["UPLINK_TLS"], ["UPLINK_HOSTILE"]]


async def test_a_journal_that_cannot_be_read_holds_up_no_order_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink_module, "READ_AGAIN_S", 0.05)
    monkeypatch.setattr(uplink_module, "LOOK_AGAIN_S", 0.05)
    wall = Wall()
    wall.refusals = []
    async with lan_rig(tmp_path / "box") as rig:
        journal, feed = a_journal(tmp_path / "journal", 3, "x")
        read = journal.read
        task = asyncio.create_task(
            FleetSession(BOX, lambda: Pipe(wall), rig.runtime, feed, rig.desk.faults, at_once).run()
        )
        await wall.heard("journal")
        for _ in range(3):
            monkeypatch.setattr(journal, "read", _broken)
            feed.begin_again(0.0)
            await rig.until("faults", ["JOURNAL_UNAVAILABLE"])
            wall.down.put_nowait((topics.down(BOX, "order"), builders.order_envelope("stop")))
            await rig.until("state", "locked")
            monkeypatch.setattr(journal, "read", read)
            await wall.heard("journal")
            await rig.until("faults", [])
        assert wall.sessions == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _broken(*_: object) -> list[Frame]:
    raise DriverError("JOURNAL_UNAVAILABLE", "input/output error")
