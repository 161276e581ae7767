"""Deadlines of rollouts while the server runs."""

from contextlib import AbstractAsyncContextManager

from fleet_server import audit
from fleet_server.fleet import Fleet
from fleet_server.rollouts import store
from fleet_server.rounds import rounds

LOOK_EVERY_S = 5


def worker(fleet: Fleet) -> AbstractAsyncContextManager[None]:
    return rounds(LOOK_EVERY_S, lambda: time_out(fleet))


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
