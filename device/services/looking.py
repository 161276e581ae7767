"""When the box looks for new content (SPEC 5, 11.2).

The doorbell that asks for it is not signed, and rings for every box of the fleet at once. So:

1. What is rung within APART_S of a look is one more look, however often: a broker in foreign hands buys no more.
2. Each box waits by chance, up to SPREAD_S, so that a release does not bring all of them in one moment. The first look
   of a start waits for nothing: without policy and catalog nothing can be played.
3. Who has heard nothing looks by himself: after AGAIN_S where the last look failed, else after OFTEN_ENOUGH_S, for the
   fleet rings again at every report that shows less than it has.
4. What a look has found to be fetched is fetched beside the looks, and again after AGAIN_S or the next look where it
   did not come.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

APART_S = 10.0
SPREAD_S = 10.0
AGAIN_S = 60.0
OFTEN_ENOUGH_S = 900.0

Sleep = Callable[[float], Awaitable[None]]


class Bell(Protocol):
    """What asks for a look."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    async def wait(self) -> bool: ...


async def keep_looking(
    wanted: Bell,
    look: Callable[[], Awaitable[bool]],
    sleep: Sleep = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> None:
    """For ever. look: whether it came to anything; chance: 0 to 1."""
    await wanted.wait()
    while True:
        wanted.clear()
        try:
            is_well = await look()
        except Exception:
            wanted.set()  # whoever starts this part again looks at once, and waits for no bell
            raise
        await sleep(APART_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OFTEN_ENOUGH_S if is_well else AGAIN_S):
                await wanted.wait()
        await sleep(chance() * SPREAD_S)


async def keep_fetching(wanted: Bell, fetch: Callable[[], Awaitable[bool]]) -> None:
    """For ever. fetch: whether nothing is left to be fetched."""
    while True:
        await wanted.wait()
        wanted.clear()
        while not await fetch():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await wanted.wait()
            wanted.clear()
