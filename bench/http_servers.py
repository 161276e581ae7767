"""The servers that `bench/http.py` asks, each a process: ``python -m bench.http_servers NAME FOLDER``.

A server prints one line of JSON with its port, and what a client needs besides.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from aiohttp import web

from device.core.events import Now
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from tests.builders import NOON_MS, BoardSecret
from tests.device.services.lan_rig import LanRig, StillClock

PLAYS_MAX = 100_000_000  # of the lease: more than any run begins


class NoonClock(StillClock):
    """Runs, and began at noon: no bench may meet the closing hours."""

    def __init__(self) -> None:
        super().__init__()
        self._began_ns = time.monotonic_ns()

    def mono_ms(self) -> int:
        return 1_000 + (time.monotonic_ns() - self._began_ns) // 1_000_000

    def rtc_ms(self) -> int:
        return NOON_MS + self.mono_ms()


async def in_service(folder: Path) -> LanRig:
    """A box with its LAN interface, core, journal and state record, and the catalog of a million."""
    catalog = CatalogFile(Folder(folder / "content"), BoardSecret())
    catalog.load()
    rig = LanRig(folder / "box", clock=NoonClock())
    await rig.start()
    await rig.open()
    await rig.bring_into_service(plays_max=PLAYS_MAX)
    await rig.until("state", "in-service")
    rig.box._memory.find_song = catalog.find
    rig.box._is_free = catalog.is_free  # as the composition root gives it
    return rig


async def box(folder: Path) -> None:
    rig = await in_service(folder)
    print(json.dumps({"port": rig.address[1], "token": rig.token}), flush=True)
    await asyncio.Event().wait()


async def stock(folder: Path) -> None:
    """What most would write: one handler that makes the same decision, no token, no limits, no journal."""
    rig = await in_service(folder)
    await rig.close()
    core, clock = rig.box, rig.clock

    async def asked(request: web.Request) -> web.Response:
        now = Now(mono_ms=clock.mono_ms(), rtc_ms=clock.rtc_ms())
        song, room = request.match_info["song"], request.query["room"]
        code = core.may_play(room, song, "", now)
        return web.json_response({"song": song, "room": room, "allowed": not code, "code": code})

    application = web.Application()
    application.router.add_get("/v1/songs/{song}", asked)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run({"box": box, "stock": stock}[sys.argv[1]](Path(sys.argv[2])))
