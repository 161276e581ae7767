"""The loop when the disk fails, and when it comes back; and that nobody is told of what is not durable."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from device.core import events as on
from device.core.journal import RETRY_MS
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.ports import DriverError, Recovered
from device.services import disk_thread, journal_care
from device.services import runtime as runtime_module
from device.services.runtime import BusyError
from tests import builders
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.lan_rig import DISK_PAUSES_S, LanRig, lan_rig
from tests.device.turned import point


async def heal(rig: LanRig, disk: CrashFolder) -> None:
    """The disk works again; the core asks for recovery at a tick."""
    disk.fail_at = None
    async with asyncio.timeout(30):
        while (await rig.get("/v1/state"))[1]["state"] != "in-service":
            rig.clock.passed_ms += RETRY_MS
            await rig.runtime.post(on.Tick())


def play_in(room: str, request: str) -> on.PlayRequested:
    return on.PlayRequested(request=request, room=room, song="000482", kind="guest", file="")


def entries_on(disk: CrashFolder) -> list[dict[str, Any]]:
    found = JournalFile(CrashFolder(disk.files), OWNER).recover()
    return [json.loads(entry) for entry in found.since_boot]


@pytest.mark.parametrize("failing", ["write", "sync"])
async def test_9_7_a_journal_that_fails_refuses_plays_and_heals_without_restart(tmp_path: Path, failing: str) -> None:
    disk = CrashFolder()
    async with lan_rig(tmp_path, disk) as rig:
        before = await rig.play("K1")
        disk.fail_at = failing
        failed = await rig.play("K2")
        still = await rig.play("K3")
        state = (await rig.get("/v1/state"))[1]["state"]
        await heal(rig, disk)
        after = await rig.play("K4")
    assert [answer[0] for answer in (before, after)] == [201, 201]
    assert {(answer[0], answer[1]["code"]) for answer in (failed, still)} <= {
        (403, "JOURNAL_UNAVAILABLE"),
        (503, "JOURNAL_UNAVAILABLE"),
    }
    assert state == "failed"
    rooms = [entry["body"]["room"] for entry in entries_on(disk) if entry["kind"] == "PLAY_START"]
    assert rooms == ["K1", "K4"]


async def test_a_queue_that_fills_while_recovery_fails_does_not_hold_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering, go_on = threading.Event(), threading.Event()

    def recover(_: JournalFile) -> Recovered:
        recovering.set()
        go_on.wait(30)
        raise DriverError("JOURNAL_UNAVAILABLE", "still broken")

    disk = CrashFolder()
    async with lan_rig(tmp_path, disk) as rig:
        with monkeypatch.context() as broken:
            broken.setattr(JournalFile, "recover", recover)
            disk.fail_at = "write"
            asked = asyncio.create_task(rig.play("K1"))
            while not recovering.is_set():
                rig.clock.passed_ms += 60_000
                rig.runtime.post_soon(on.Tick())
                await asyncio.sleep(0.01)
            while rig.runtime.post_soon(on.Tick()):
                pass
            go_on.set()
            async with asyncio.timeout(30):
                await rig.runtime.settled()
            assert (await asked)[1]["code"] == "JOURNAL_UNAVAILABLE"
        await heal(rig, disk)
        assert (await rig.play("K2"))[0] == 201


async def test_a_failed_group_answers_nobody_with_yes(tmp_path: Path) -> None:
    disk = CrashFolder()
    async with lan_rig(tmp_path, disk) as rig:
        disk.fail_at = "sync"
        answers = await asyncio.gather(*(rig.play(f"K{room}") for room in range(20)))
        await heal(rig, disk)
    assert {body["code"] for _, body in answers} == {"JOURNAL_UNAVAILABLE"}
    assert not [entry for entry in entries_on(disk) if entry["kind"] == "PLAY_START"]


async def test_a_stop_order_during_a_failure_is_said_at_the_venue_and_kept_after_it(tmp_path: Path) -> None:
    disk = CrashFolder()
    async with lan_rig(tmp_path, disk) as rig:
        disk.fail_at = "sync"
        await rig.play("K1")
        disk.fail_at = None
        headers = {"Content-Type": "application/json"}
        async with rig.http.post("/v1/orders", data=builders.order_envelope("stop"), headers=headers) as response:
            assert response.status == 503
        async with asyncio.timeout(30):
            while (await rig.get("/v1/state"))[1]["state"] == "failed":
                rig.clock.passed_ms += RETRY_MS
                await rig.runtime.post(on.Tick())
        async with rig.http.post("/v1/orders", data=builders.order_envelope("stop"), headers=headers) as response:
            assert response.status == 200
        assert (await rig.play("K2"))[1]["code"] == "VENUE_LOCKED"


async def test_a_play_that_was_allowed_is_found_after_kill_9(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        _, play = await rig.play("K9")
    again = LanRig(tmp_path)
    await again.start()
    try:
        await again.open()
        ended = await again.post(f"/v1/plays/{play['play']}/end", {"played_s": 1, "reason": "end"})
        assert ended == (200, {"counted": False})
    finally:
        await again.close()
    entries = [json.loads(entry) for entry in JournalFile(Folder(tmp_path / "journal"), OWNER).recover().since_boot]
    assert entries[0]["kind"] == "BOOT"
    found = JournalFile(Folder(tmp_path / "journal"), OWNER)
    size = found.recover().size
    ends = [json.loads(frame.entry) for frame in found.read(0, size, 1 << 20)]
    assert [(entry["body"]["reason"]) for entry in ends if entry["kind"] == "PLAY_END"] == ["power"]


async def test_more_requests_than_the_queue_holds_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_module, "QUEUE_MAX", 3)
    rig = LanRig(tmp_path)
    requests = [
        asyncio.create_task(rig.runtime.ask(f"r{number}", on.PlayEnded(request="", play="", played_s=0, reason="end")))
        for number in range(5)
    ]
    done, waiting = await asyncio.wait(requests, timeout=30, return_when=asyncio.FIRST_EXCEPTION)
    assert {type(task.exception()) for task in done} == {BusyError}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_comes_while_a_group_is_decided_shares_its_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    append = JournalFile.append

    def counted(journal: JournalFile, frames: Any, counts: Any) -> None:
        groups.append(len(frames))
        append(journal, frames, counts)

    async with lan_rig(tmp_path) as rig:
        assert rig.runtime.look == rig.listener.door.serve
        later = [f"r{number}" for number in range(3)]

        def look() -> None:
            if later:
                asked = later.pop()
                rig.runtime.ask_soon(asked, play_in(f"K{asked}", asked), answers.append)

        answers: list[Any] = []
        await rig.runtime.settled()
        rig.runtime.look = look
        monkeypatch.setattr(JournalFile, "append", counted)
        first = await rig.runtime.ask("first", play_in("K1", "first"))
        await rig.runtime.settled()
    assert [first.status, *(answer.status for answer in answers)] == [201] * 4
    assert groups == [4]


async def test_who_always_asks_again_does_not_hold_up_the_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "GROUP_MAX", 5)
    looks = 0

    async with lan_rig(tmp_path) as rig:

        def look() -> None:
            nonlocal looks
            looks += 1
            if looks < 1_000:
                rig.runtime.post_soon(play_in("K2", f"r{looks}"))

        rig.runtime.look = look
        async with asyncio.timeout(30):
            first = await rig.runtime.ask("first", play_in("K1", "first"))
        looked = looks
        rig.runtime.look = lambda: None
    assert first.status == 201
    assert looked < 1_000


async def test_a_state_record_that_cannot_be_saved_refuses_plays_is_said_and_heals(tmp_path: Path) -> None:
    """As when a card goes read-only under one file and comes back; three times without a restart."""
    state, folder, broken = tmp_path / "state", tmp_path / "elsewhere", tmp_path / "broken"
    folder.mkdir()
    broken.write_bytes(b"not a folder")
    point(state, folder)
    async with lan_rig(tmp_path) as rig:
        for is_open in (True, False, True):
            point(state, broken)
            await rig.runtime.post(on.SealChanged(is_open=is_open, was_opened=True, at_boot=False))
            await rig.until("faults", ["STATE_UNAVAILABLE"])
            await rig.until("state", "failed")
            assert (await rig.play())[1]["code"] == "JOURNAL_UNAVAILABLE"
            point(state, folder)
            rig.clock.passed_ms += 60_000
            async with asyncio.timeout(30):
                while (await rig.get("/v1/state"))[1]["state"] != "in-service":
                    await rig.runtime.post(on.Tick())
            await rig.until("faults", [])
            assert (await rig.play())[0] == 201


class StandingFolder(CrashFolder):
    """A sync that does not return until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()
        self.stands = threading.Event()

    def sync(self, name: str) -> None:
        if not self.go_on.is_set():
            self.stands.set()
            assert self.go_on.wait(60)
        super().sync(name)


async def stand_still(rig: LanRig, disk: StandingFolder) -> tuple[int, Any]:
    """The answer to the play that met the standing disk."""
    rig.runtime._patience.write_for_s = 0.05
    disk.go_on.clear()
    disk.stands.clear()
    return await rig.play("K1")


async def test_9_7_while_a_sync_stands_still_nobody_waits_and_the_loop_goes_on(tmp_path: Path) -> None:
    disk = StandingFolder()
    async with lan_rig(tmp_path, disk) as rig:
        before = await rig.play("K0")
        met = await stand_still(rig, disk)
        threads = threading.active_count()
        for _ in range(20):
            async with asyncio.timeout(30):
                refused = await rig.play("K2")
                rig.clock.passed_ms += RETRY_MS
                await rig.runtime.post(on.Tick())
                await rig.runtime.settled()
        assert (before[0], met[1]["code"], refused[1]["code"]) == (201, "JOURNAL_UNAVAILABLE", "JOURNAL_UNAVAILABLE")
        assert refused[0] == 403, "by the core, at once"
        assert threading.active_count() == threads, "a disk that stands still takes one thread"
        assert rig.runtime.disk_busy_s() > 0
        rig.runtime._patience.write_for_s = DISK_PAUSES_S
        disk.go_on.set()
        await heal(rig, disk)
        after = await rig.play("K4")
    assert after[0] == 201
    rooms = [entry["body"]["room"] for entry in entries_on(disk) if entry["kind"] == "PLAY_START"]
    assert rooms == ["K0", "K4"], "what became durable too late was refused, and is no play"


async def test_a_box_ends_while_the_disk_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_thread, "END_S_MAX", 0.1)
    disk = StandingFolder()
    async with lan_rig(tmp_path, disk) as rig:
        await stand_still(rig, disk)
        assert disk.stands.is_set()
        rig.runtime.give_up()
        async with asyncio.timeout(30):
            await rig._running
    disk.go_on.set()


async def test_nobody_waits_for_room_in_a_box_that_has_ended(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        rig.runtime.give_up()
        await rig._running
        while rig.runtime.post_soon(on.ReopenRequested(request="")):
            pass
        async with asyncio.timeout(30):
            await rig.runtime.post(on.Disconnected())


async def test_a_state_record_that_stands_still_is_a_failure_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lan_rig(tmp_path) as rig:
        await rig.runtime.settled()
        rig.runtime._patience.write_for_s = 0.05
        go_on = threading.Event()
        save = rig.store.save

        def standing(record: bytes) -> None:
            assert go_on.wait(60)
            save(record)

        monkeypatch.setattr(rig.store, "save", standing)
        headers = {"Content-Type": "application/json"}
        async with rig.http.post("/v1/orders", data=builders.order_envelope("stop"), headers=headers) as response:
            assert response.status == 503
        assert (await rig.play("K2"))[1]["code"] == "JOURNAL_UNAVAILABLE"
        rig.runtime._patience.write_for_s = DISK_PAUSES_S
        go_on.set()
        async with asyncio.timeout(30):
            while (await rig.get("/v1/state"))[1]["state"] == "failed":
                rig.clock.passed_ms += RETRY_MS
                await rig.runtime.post(on.Tick())
        assert (await rig.play("K2"))[1]["code"] == "VENUE_LOCKED"


async def test_the_journal_is_tended_beside_the_loop_and_says_how_full_it_is(tmp_path: Path) -> None:
    class Tended:
        alarm = "JOURNAL_NEARLY_FULL"
        needs_tending = True
        seen: set[str]

        def tend(self, proven_ms: float) -> None:
            """Fails once, then finds nothing more to do."""
            assert proven_ms == 7
            self.needs_tending = bool(self.alarm)
            if self.alarm:
                self.seen, self.alarm = set(faults), ""
                raise DriverError("JOURNAL_UNAVAILABLE", "not now")
            done.set()

    tended, faults, done = Tended(), {"SERIAL_DOWN"}, threading.Event()
    caring = asyncio.create_task(journal_care.care(tended, faults, lambda: 7, every_s=0.01))
    assert await asyncio.to_thread(done.wait, 10)
    caring.cancel()
    await asyncio.gather(caring, return_exceptions=True)
    assert tended.seen == {"SERIAL_DOWN", "JOURNAL_NEARLY_FULL"}
    assert faults == {"SERIAL_DOWN"}


class Crowd:
    """A core, and those who fill its queue anew whenever the loop lets them."""

    def __init__(self, rig: LanRig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handled: list[type] = []
        self._runtime = rig.runtime
        monkeypatch.setattr(runtime_module, "TICK_EVERY_S", 0)
        monkeypatch.setattr(rig.runtime, "_core", self)

    def handle(self, event: Any, _now: on.Now) -> list[Any]:
        self.handled.append(type(event))
        return []

    async def press(self) -> list[type]:
        """What was handled while the queue was full whenever somebody else could have had his turn."""
        for _ in range(20):
            while self._runtime.post_soon(on.ReopenRequested(request="")):
                pass
            await asyncio.sleep(0)
        return self.handled[:]


async def test_a_full_queue_keeps_no_tick_from_the_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lan_rig(tmp_path) as rig:
        crowd = Crowd(rig, monkeypatch)
        pressing = asyncio.create_task(crowd.press())
        ticking = asyncio.create_task(rig.runtime._tick())
        handled = await pressing
        ticking.cancel()
    assert len(handled) > runtime_module.QUEUE_MAX
    assert on.Tick in handled


async def test_a_receipt_that_cannot_be_signed_yet_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lan_rig(tmp_path) as rig:
        with monkeypatch.context() as before:
            before.setattr(rig.runtime, "_sign", lambda *_: None)
            early = await rig.runtime.ask("r1", on.OrderReceived(request="r1", raw=builders.order_envelope()))
        later = await rig.runtime.ask("r2", on.OrderReceived(request="r2", raw=builders.order_envelope()))
    assert (early.status, early.body["code"]) == (503, "BOX_STARTING")
    assert (later.status, "payload" in later.body) == (200, True)
