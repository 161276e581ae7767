"""Work that the server does by itself, again and again while it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def rounds(every_s: float, look: Callable[[], object]) -> AsyncIterator[None]:
    """Inside, `look` runs in a thread every `every_s` seconds, one round at a time, the first after that time.

    What it raises ends the worker, and with it the process (`serve.py`).
    """

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(look)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()
