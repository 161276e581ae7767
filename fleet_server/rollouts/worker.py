"""Deadlines of rollouts while the server runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fleet_server import audit
from fleet_server.fleet import Fleet
from fleet_server.rollouts import store

LOOK_EVERY_S = 5


@asynccontextmanager
async def worker(fleet: Fleet) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_go_on(fleet))
        try:
            yield
        finally:
            task.cancel()


def time_out(fleet: Fleet) -> None:
    """One round; blocks. The write lock is taken only when something is late."""
    now_ms = fleet.clock.now_ms()
    with fleet.database.reading() as connection:
        if not store.is_any_late(connection, now_ms):
            return
    with fleet.database.writing() as connection:
        late = store.time_out(connection, now_ms)
        for name in sorted({name for name, _ in late}):
            audit.record(
                connection,
                at_ms=now_ms,
                actor="rollouts",
                action="rollout.time-out",
                region="000000",
                subject=f"rollout:{name}",
            )
    for name, region in late:
        fleet.live.publish("rollout", region, name)


async def _go_on(fleet: Fleet) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(time_out, fleet)
