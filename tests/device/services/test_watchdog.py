"""What the watchdog is fed for, and what it is not: a hang resets the board, a card that stands still does not."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device.core import effects
from device.ports import DriverError
from device.services import health
from device.services.health import Ticking
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.services.lan_rig import LanRig, lan_rig
from tests.device.trivial_board import TrivialBoard
from tests.fleet_server.fake_box import eventually


class Core:
    """What the watchdog sees of a runtime."""

    def __init__(self) -> None:
        self.ticked_at_s = asyncio.get_running_loop().time()
        self.busy_s = 0.0

    def disk_busy_s(self) -> float:
        return self.busy_s


async def fed_by(core: Ticking | None, faults: set[str], board: TrivialBoard | None = None) -> int:
    """How often the watchdog is fed at the first look."""
    board = board or TrivialBoard()
    task = asyncio.create_task(health.feed(board, lambda: core, faults))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return board.fed


async def test_a_core_that_handles_its_ticks_is_fed_for_and_one_that_hangs_is_not() -> None:
    core = Core()
    assert await fed_by(core, set()) == 1
    core.ticked_at_s -= health.TICK_AGE_S_MAX + 0.1
    assert await fed_by(core, set()) == 0


async def test_before_there_is_a_core_the_loop_alone_is_fed_for() -> None:
    assert await fed_by(None, set()) == 1


async def test_a_disk_that_stands_still_is_a_fault_and_no_reset() -> None:
    core, faults = Core(), set[str]()
    core.ticked_at_s -= 10 * health.TICK_AGE_S_MAX
    core.busy_s = health.DISK_STALL_S - 1
    assert await fed_by(core, faults) == 1
    assert faults == set()
    core.busy_s = health.DISK_STALL_S + 1
    assert await fed_by(core, faults) == 1
    assert faults == {"DISK_STALLED"}
    core.busy_s = 0.0
    assert await fed_by(core, faults) == 0
    assert faults == set()


async def test_a_watchdog_that_fails_is_said_until_it_works_again() -> None:
    class Broken(TrivialBoard):
        def feed(self) -> None:
            raise DriverError("WATCHDOG_FAILED", "input/output error")

    faults = set[str]()
    for _ in range(3):
        await fed_by(Core(), faults, Broken())
        assert faults == {"WATCHDOG_FAILED"}
        await fed_by(Core(), faults)
        assert faults == set()


def tick_age_s(rig: LanRig) -> float:
    return asyncio.get_running_loop().time() - rig.runtime.ticked_at_s


class StallingFolder(CrashFolder):
    """A card whose syncs do not return before `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()


@asynccontextmanager
async def stalled(rig: LanRig, disk: StallingFolder) -> AsyncIterator[None]:
    """The disk thread stands in a call, as a sync does on a worn card."""
    disk.go_on.clear()
    standing = asyncio.create_task(rig.runtime.in_disk_thread(disk.go_on.wait, 60))
    try:
        yield
    finally:
        disk.go_on.set()
        await standing


async def test_the_real_loop_on_a_stalled_disk_degrades_is_fed_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DISK_STALL_S", 0.1)
    monkeypatch.setattr(health, "TICK_AGE_S_MAX", 0.2)
    monkeypatch.setattr(health, "FEED_EVERY_S", 0.01)
    monkeypatch.setattr("device.services.runtime.TICK_EVERY_S", 0.01)
    disk = StallingFolder()
    async with lan_rig(tmp_path, disk) as rig:
        board = TrivialBoard()
        feeding = asyncio.create_task(health.feed(board, lambda: rig.runtime, rig.desk.faults))
        for _ in range(3):
            async with stalled(rig, disk):
                asked = asyncio.create_task(rig.play("K1"))
                await rig.until("faults", ["DISK_STALLED"])
                await eventually(lambda: tick_age_s(rig) > 2 * health.TICK_AGE_S_MAX, "no tick for long")
                fed = board.fed
                await eventually(lambda: board.fed > fed + 3, "a fed watchdog")  # noqa: B023 - awaited here
                assert not asked.done()
            await rig.until("faults", [])
            assert (await asked)[0] == 201
        feeding.cancel()


async def test_a_core_that_never_returns_starves_the_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TICK_AGE_S_MAX", 0.1)
    async with lan_rig(tmp_path) as rig:
        rig._running.cancel()  # as after a defect that ends or holds the loop of the core
        await eventually(lambda: tick_age_s(rig) > health.TICK_AGE_S_MAX, "no tick for long")
        assert await fed_by(rig.runtime, set()) == 0


def test_a_board_that_fails_is_said_until_the_same_works_again_and_stops_nothing() -> None:
    faults = {"DISK_STALLED"}
    broken = [DriverError("SLOT_FAILED", "boot state: EIO"), None]

    def confirm(_effect: effects.ConfirmSlot) -> None:
        error = broken.pop(0)
        if error is not None:
            raise error

    act = health.told_only(confirm, faults)
    act(effects.ConfirmSlot(is_only=False))
    assert faults == {"DISK_STALLED", "SLOT_FAILED"}
    act(effects.ConfirmSlot(is_only=False))
    assert faults == {"DISK_STALLED"}
