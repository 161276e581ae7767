"""Power, reset and the box's process.

With power on, the boot loader starts the chosen slot's image; when the process ends, for whatever
reason, the board starts again, as a supply and a watchdog would see to. A box that ends at once is
started ever more slowly. Exit code 75 is the box's wish to be started anew and counts as no fault.

A cut is SIGKILL of the whole process group: nothing gets to say goodbye. What the kernel has already
taken for the disk stays; losing that as well is the subject of the journal's own crash tests.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from hil_tests.board import boot_loader
from hil_tests.board.layout import BoardDir

REBOOT_EXIT = 75
QUICK_END_S = 10.0
BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 5.0
GOODBYE_S = 10.0

Why = Literal["power", "reboot", "watchdog", "crash"]
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """In a child before exec: the kernel kills it when the process that started it is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Power:
    """Whether the board has power, and the process that runs while it has."""

    def __init__(self, board: BoardDir, at_reset: Callable[[], None]) -> None:
        self._board = board
        self._at_reset = at_reset
        self._supply: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._why: Why = "power"
        self._reset_for: Why | None = None
        self.boots = 0
        self.slot = ""
        self.last_exit: int | None = None

    @property
    def is_on(self) -> bool:
        return self._supply is not None

    @property
    def why(self) -> Why:
        """Why the box was started the last time."""
        return self._why

    @property
    def pid(self) -> int | None:
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    def on(self) -> None:
        if self._supply is None:
            self._why = "power"
            self._supply = asyncio.create_task(self._run())

    async def cut(self) -> None:
        """Take the power away in the middle of whatever happens."""
        await self._unplug(signal.SIGKILL)

    async def off(self) -> None:
        """Ask the box to close down, then take the power away."""
        await self._unplug(signal.SIGTERM)

    def reset(self, why: Why) -> None:
        """Pull the reset line: the process is gone, the power stays."""
        if self._process is not None and self._process.returncode is None:
            self._reset_for = why
            _kill_group(self._process.pid, signal.SIGKILL)

    async def _unplug(self, goodbye: signal.Signals) -> None:
        supply, self._supply = self._supply, None
        if supply is not None:
            supply.cancel()
            with suppress(asyncio.CancelledError):
                await supply
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            _kill_group(process.pid, goodbye)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GOODBYE_S)
            _kill_group(process.pid, signal.SIGKILL)
            self.last_exit = await process.wait()
        self._at_reset()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        quick_ends = 0
        while True:
            started = loop.time()
            code = await self._boot()
            if code is not None:
                self._why = "reboot" if code == REBOOT_EXIT else self._reset_for or "crash"
            quick = loop.time() - started < QUICK_END_S and code != REBOOT_EXIT
            quick_ends = quick_ends + 1 if quick else 0
            if quick_ends:
                await asyncio.sleep(min(BACK_OFF_FIRST_S * 2 ** (quick_ends - 1), BACK_OFF_MAX_S))

    async def _boot(self) -> int | None:
        """One life of the box, from reset to exit; None if no slot holds an image."""
        self._at_reset()
        present = {slot for slot in boot_loader.SLOTS if self._board.image(slot).exists()}
        slot = boot_loader.choose(self._board.boot_state, present)
        if slot is None:
            self._say("no image in any slot")
            return None
        self.boots += 1
        self.slot = slot
        self._reset_for = None
        self._say(f"boot {self.boots}, slot {slot}, after {self._why}")
        with self._board.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(self._board.image(slot)),
                "--config",
                str(self._board.config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._board.root,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.last_exit = await self._process.wait()
        _kill_group(self._process.pid, signal.SIGKILL)
        self._say(f"the box ended with {self.last_exit}")
        return self.last_exit

    def _say(self, text: str) -> None:
        with self._board.log.open("a", encoding="utf-8") as log:
            log.write(f"board: {text}\n")


def _kill_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
