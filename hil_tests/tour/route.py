"""The way through the tour: each promise in turn, one line each; a promise that fails does not stop the rest."""

from types import ModuleType

from hil_tests.bench.stage import Stage
from hil_tests.bench.waiting import now_s
from hil_tests.tour import (
    promise_01_provisioned,
    promise_02_songs,
    promise_03_ledger,
    promise_04_lock,
    promise_05_refused,
    promise_06_kills,
    promise_07_offline,
    promise_08_ban,
    promise_09_update,
    promise_10_evidence,
)

PROMISES: tuple[ModuleType, ...] = (
    promise_01_provisioned,
    promise_02_songs,
    promise_03_ledger,
    promise_04_lock,
    promise_05_refused,
    promise_06_kills,
    promise_07_offline,
    promise_08_ban,
    promise_09_update,
    promise_10_evidence,
)
REASON_CHARS_MAX = 400


def walk(stage: Stage, only: frozenset[int] = frozenset()) -> bool:
    """Prove the promises, all or some; whether all held."""
    started = now_s()
    held = [_prove(number, promise, stage) for number, promise in enumerate(PROMISES, 1) if not only or number in only]
    stage.say(f"{sum(held)} of {len(held)} promises held, {now_s() - started:.0f} s")
    return all(held)


def _prove(number: int, promise: ModuleType, stage: Stage) -> bool:
    started = now_s()
    try:
        measured = promise.prove(stage)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a promise is its failure, told in its line
        reason = " ".join(str(error).split())[:REASON_CHARS_MAX] or type(error).__name__
        stage.say(f"FAIL {number} {promise.TITLE}: {reason}")
        _leave_clean(stage)
        return False
    stage.say(f"PASS {number} {promise.TITLE}: {measured} ({now_s() - started:.0f} s)")
    return True


def _leave_clean(stage: Stage) -> None:
    """What a failed promise may have left behind must not fail the next one."""
    for venue in stage.venues:
        venue.close_doors()
        if venue.board.is_on_bench:
            venue.board.heal_network()
