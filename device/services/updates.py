"""Install and arm (SPEC 13.2): what the core asks of content and slots, and what it is told of the
outcome.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from device.core.effects import Install
from device.core.events import UpdateAdvanced
from device.ports import DriverError, Slots
from device.services.content import Bundle, ContentError
from device.services.runtime import Events

READ_BYTES = 1 << 18
FetchBundle = Callable[[str, int], Awaitable[Bundle]]
_log = logging.getLogger(__name__)


class Updates:
    """One installation at a time; a newer leg ends the one before.

    A write that is under way cannot be called back. All writes share one thread, so that the newer one begins when the
    older has left the slot, and what is digested is what it has written.
    """

    def __init__(self, slots: Slots, fetch: FetchBundle, runtime: Events) -> None:
        self._slots = slots
        self._fetch = fetch
        self._runtime = runtime
        self._installing: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._writing = ThreadPoolExecutor(1, "slots")

    def install(self, effect: Install) -> None:
        if self._installing is not None:
            self._installing.cancel()
        self._installing = asyncio.create_task(self._install(effect))

    def arm(self) -> None:
        try:
            self._slots.arm()
            step = UpdateAdvanced(state="armed", code="")
        except DriverError as error:
            _log.error("%s", error)
            step = UpdateAdvanced(state="rejected", code=error.code)
        # However many events wait: the core asks once.
        self._telling = asyncio.create_task(self._runtime.post(step))

    async def close(self) -> None:
        tasks = [task for task in (self._installing, self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writing.shutdown(wait=False, cancel_futures=True)

    async def _install(self, effect: Install) -> None:
        version = effect.version
        try:
            bundle = await self._fetch(version, effect.security_epoch)
            loop = asyncio.get_running_loop()
            length = await loop.run_in_executor(self._writing, self._slots.write, _chunks(bundle.image))
            digest = await loop.run_in_executor(self._writing, self._slots.digest, length)
            is_whole = (length, digest) == (bundle.manifest.image.length, bundle.manifest.image.sha256)
            code = "" if is_whole else "UPDATE_DIGEST"
        except (ContentError, DriverError) as error:
            _log.warning("version %s: %s", version, error)
            code = error.code
        except OSError as error:
            _log.warning("version %s: %s", version, error)
            code = "SLOT_FAILED"
        state = "rejected" if code else "written"
        await self._runtime.post(UpdateAdvanced(state=state, code=code))


def _chunks(image: Path) -> Iterator[bytes]:
    with image.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            yield chunk
