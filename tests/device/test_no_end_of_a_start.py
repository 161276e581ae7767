"""What an owner has in his hand ends no start: each end uses up an attempt of the slot, the third brings the other."""

import asyncio
import signal
import socket
from typing import Any

import pytest

from device import app, inside, shell, whole
from device.ports import DriverError
from device.settings import Lan, Settings
from tests.device.test_app import World, faults_of, seals_of, state_of, until_faults, world
from tests.fleet_server.fake_box import eventually

__all__ = ["world"]


async def test_an_address_that_is_not_to_be_had_ends_no_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "AGAIN_S", 0.05)
    async with world.on():
        await world.factory()
    (world.data / "lan-address").unlink()
    bound: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=world.data, board="emulated", lan=Lan(port=taken.getsockname()[1]))
        living = asyncio.create_task(whole.live(app.Begun(settings, set(), lambda: bound.append("bound"))))
        await eventually(lambda: ("LAN_UNAVAILABLE", True) in faults_of(world), "the fault in the journal")
        assert (living.done(), bound) == (False, [])
        assert world.hardware.fed
    await eventually((world.data / "lan-address").exists, "the address")
    assert (await world.ask("GET", "/v1/state"))[0] == 200
    await eventually(lambda: ("LAN_UNAVAILABLE", False) in faults_of(world), "its end")
    assert bound == ["bound"]
    signal.raise_signal(signal.SIGTERM)
    assert await living == 0


async def test_a_seal_switch_that_does_not_answer_counts_as_opened_and_ends_no_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "SEAL_AGAIN_S", (0.0, 0.0))
    monkeypatch.setattr(inside, "AGAIN_S", 0.05)
    async with world.on():
        await world.factory()
    board: Any = world.hardware
    is_open, board.is_open = board.is_open, fails
    board.told.clear()
    async with world.on():
        await until_faults(world, "BOARD_FAILED", present=True)
        assert (await world.ask("GET", "/v1/state"))[1]["seal"] == "open"
        assert not board.told
        board.is_open = is_open
        await until_faults(world, "BOARD_FAILED", present=False)
        await eventually(lambda: [body["open"] for body in seals_of(world)] == [True, False], "the seal as it is")
        assert len(board.told) == 1
    assert [body["at_boot"] for body in seals_of(world)] == [True, False]


async def test_a_seal_switch_that_answers_late_was_not_opened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "SEAL_AGAIN_S", (0.0, 0.0))
    async with world.on():
        await world.factory()
    board: Any = world.hardware
    is_open = board.is_open

    def fails_once() -> bool:
        board.is_open = is_open
        return fails()

    board.is_open = fails_once
    async with world.on():
        await world.until_started()
        assert "BOARD_FAILED" not in await state_of(world)
        assert (await world.ask("GET", "/v1/state"))[1]["seal"] != "open"
    assert seals_of(world) == []


async def test_a_lamp_that_fails_ends_no_start_and_is_a_fault_until_it_shows(world: World) -> None:
    board: Any = world.hardware
    show, is_broken = board.show, [True]
    board.show = lambda pattern: fails() if is_broken else show(pattern)
    async with world.on():
        await world.factory()
        await until_faults(world, "BOARD_FAILED", present=True)
        is_broken.clear()
        await world.claim()
        await until_faults(world, "BOARD_FAILED", present=False)
    assert board.lamps


def fails(*_: Any) -> bool:
    raise DriverError("BOARD_FAILED", "the expander does not answer")
