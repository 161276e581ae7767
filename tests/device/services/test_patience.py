"""How long the loop waits for the disk: a slow and sound card closes no venue for good (SPEC 9.7)."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from device.core import events as on
from device.core.journal import RETRY_MS
from device.services.patience import SAVE_BYTES_PER_S, SAVE_FOR_S_MAX, WRITE_FOR_S_MAX, Patience
from device.services.runtime import ANSWER_FOR_S_MAX
from tests.device.services.lan_rig import LanRig, lan_rig


def test_a_record_has_time_by_its_size() -> None:
    patience = Patience()
    assert patience.to_save(0) == WRITE_FOR_S_MAX
    assert patience.to_save(2_000_000) == WRITE_FOR_S_MAX + 2_000_000 / SAVE_BYTES_PER_S


def test_a_record_that_came_late_gives_the_next_one_twice_its_time() -> None:
    patience = Patience()
    patience.saved_in(1.3)
    assert patience.to_save(2_000) == 2.6
    patience.saved_in(0.01)
    assert patience.to_save(2_000) == WRITE_FOR_S_MAX + 2_000 / SAVE_BYTES_PER_S


def test_nobody_is_given_up_meanwhile() -> None:
    patience = Patience()
    patience.saved_in(3_600)
    assert patience.to_save(2_000) == patience.to_save(100_000_000) == SAVE_FOR_S_MAX < ANSWER_FOR_S_MAX


class Hours:
    """A loop whose time passes by hand, beside what really passes; keeps how long it was to wait for the disk."""

    def __init__(self, rig: LanRig, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._late = rig.runtime._call_late
        self._waits: Callable[[], object] = list
        self.passed_s = 0.0
        self.given_s: list[float] = []
        monkeypatch.setattr(rig.runtime, "_loop", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._loop.time() + self.passed_s

    def call_later(self, for_s: float, call: Callable[..., object], *arguments: Any) -> Any:
        """The disk is late when it is told to be, and else never."""
        if call != self._late:
            return self._loop.call_later(for_s, call, *arguments)
        self.given_s.append(for_s)
        self._waits = partial(call, *arguments)
        return self._loop.call_later(60, call, *arguments)

    def disk_is_late(self) -> None:
        """Whoever waits for it now has waited for too long; from the disk's thread."""
        self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        self._waits()


async def test_9_7_a_card_that_is_slow_and_sound_records_plays_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    go_on = threading.Event()
    async with lan_rig(tmp_path) as rig:
        await rig.runtime.settled()
        rig.runtime._patience.write_for_s = WRITE_FOR_S_MAX
        hours = Hours(rig, monkeypatch)
        save = rig.store.save

        def slow(record: bytes) -> None:
            sizes.append(len(record))
            if not go_on.is_set():
                hours.disk_is_late()
            assert go_on.wait(60)
            save(record)

        monkeypatch.setattr(rig.store, "save", slow)
        await rig.runtime.post(on.SealChanged(is_open=True, was_opened=True, at_boot=False))
        await rig.until("state", "failed")
        assert (await rig.play("K1"))[1]["code"] == "JOURNAL_UNAVAILABLE"
        hours.passed_s = 3.0
        go_on.set()
        async with asyncio.timeout(30):
            while (await rig.get("/v1/state"))[1]["state"] != "in-service":
                rig.clock.passed_ms += RETRY_MS
                await rig.runtime.post(on.Tick())
        assert (await rig.play("K1"))[0] == 201
    of_records = [given_s for given_s in hours.given_s if given_s != WRITE_FOR_S_MAX]
    assert of_records[0] == WRITE_FOR_S_MAX + sizes[0] / SAVE_BYTES_PER_S
    assert of_records[1] >= 6.0, "the one before had come, late"
