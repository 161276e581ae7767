"""The rules of time, each broken once: every one of these must turn the clock scripts red."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from device.core import clock, hours, ladder, lease, turn, verdict
from device.protocol.envelope import parse_envelope
from device.protocol.lease import Lease, accept_extension, accept_lease
from device.protocol.limits import INSTANT_MAX


@contextmanager
def _patched(*changes: tuple[object, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        yield


def the_lease_key_sets_the_time() -> AbstractContextManager[None]:
    def bounds(self: clock.Clock, _issued: int, _free: bool, now: Any) -> tuple[int, int]:
        return self.proven_ms(now) or 0, INSTANT_MAX

    return _patched((clock.Clock, "_bounds", bounds))


def the_lease_proves_alone() -> AbstractContextManager[None]:
    def prove(self: clock.Clock, issued_at_ms: int, now: Any) -> None:
        self._proven_ms = max(self.proven_ms(now) or 0, issued_at_ms)

    return _patched((clock.Clock, "_prove", prove))


def the_real_time_clock_proves_alone() -> AbstractContextManager[None]:
    resume = clock.Clock.resume

    def resumed(self: clock.Clock, saved: Any, last_at_ms: int | None, now: Any) -> None:
        resume(self, saved, last_at_ms, now)
        self._proven_ms = None if self._proven_ms is None else self._proven_ms + self._gap_ms

    return _patched((clock.Clock, "resume", resumed))


def trusted_time_ends_holds() -> AbstractContextManager[None]:
    return _patched((clock.Clock, "proven_ms", clock.Clock.trusted_ms))


def a_quick_crystal_is_believed() -> AbstractContextManager[None]:
    return _patched((clock, "DRIFT_PPM", 0))


def a_dead_clock_is_a_witness() -> AbstractContextManager[None]:
    return _patched((clock, "RTC_OFF_MS", INSTANT_MAX))


def time_off_is_forgotten() -> AbstractContextManager[None]:
    return _patched((clock.Clock, "likely_ms", clock.Clock.trusted_ms))


def steps_are_not_small() -> AbstractContextManager[None]:
    return _patched((clock, "LEASE_STEP_MS", 300_000))


def steps_are_not_recorded() -> AbstractContextManager[None]:
    take = clock.Clock.take

    def taken(self: clock.Clock, issued_at_ms: int, key: str, is_free: bool, now: Any) -> Any:
        step = take(self, issued_at_ms, key, is_free, now)
        return step if step is not None and step[0] is None else None  # the first is no step

    return _patched((clock.Clock, "take", taken))


def any_nonce_is_an_answer() -> AbstractContextManager[None]:
    def accepted(raw: bytes, policy: Any, verify: Any, box: str, place: Any, _nonce: str, last: Any) -> Any:
        said = Lease.decode(parse_envelope(raw, "lease").payload)
        return accept_lease(raw, policy, verify, box, place, said.nonce, last)

    return _patched((lease, "accept_lease", accepted))


def a_restart_forgets_what_is_used() -> AbstractContextManager[None]:
    def resume(self: ladder.Usage, _saved: dict[str, int], mono_ms: int) -> None:
        self.plays, self._powered_ms, self._mono_ms = 0, 0, mono_ms

    return _patched((ladder.Usage, "resume", resume))


def the_ladder_has_no_core() -> AbstractContextManager[None]:
    return _patched((ladder, "CORE", ladder.WARNING))


def the_ladder_has_no_end() -> AbstractContextManager[None]:
    standing = ladder.standing

    def endless(held: Any, usage: Any, now_ms: int | None, mono_ms: int) -> str:
        found = standing(held, usage, now_ms, mono_ms)
        return ladder.CORE if found == ladder.EXPIRED and held is not None else found

    return _patched((lease, "standing", endless))


def an_extension_counts_again() -> AbstractContextManager[None]:
    def accepted(raw: bytes, policy: Any, verify: Any, region: str, _last: Any) -> Any:
        return accept_extension(raw, policy, verify, region, ("", 0))

    return _patched((lease, "accept_extension", accepted))


def nights_are_open() -> AbstractContextManager[None]:
    return _patched((hours, "CLOSED_UNTIL_MS", hours.CLOSED_FROM_MS))


def holds_go_by_no_time() -> AbstractContextManager[None]:
    nothing = property(lambda _self: None)
    moment = verdict.Moment.__init__

    def made(self: verdict.Moment, memory: Any, now: Any) -> None:
        moment(self, memory, now)
        self.proven_ms = None

    return _patched((turn.Turn, "proven_ms", nothing), (verdict.Moment, "__init__", made))


def a_clock_that_was_mended_is_not_seen() -> AbstractContextManager[None]:
    return _patched((clock.Clock, "look", lambda *_arguments: None))


def what_entries_say_of_time_is_taken_from_the_proof() -> AbstractContextManager[None]:
    resume = clock.Clock.resume

    def resumed(self: clock.Clock, saved: Any, last_at_ms: int | None, now: Any) -> None:
        resume(self, saved, last_at_ms, now)
        self._off_ms = self._gap_ms

    return _patched((clock.Clock, "resume", resumed))


MUTATIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    broken.__name__: broken
    for broken in (
        the_lease_key_sets_the_time,
        the_lease_proves_alone,
        the_real_time_clock_proves_alone,
        trusted_time_ends_holds,
        a_quick_crystal_is_believed,
        a_dead_clock_is_a_witness,
        time_off_is_forgotten,
        steps_are_not_small,
        steps_are_not_recorded,
        any_nonce_is_an_answer,
        a_restart_forgets_what_is_used,
        the_ladder_has_no_core,
        the_ladder_has_no_end,
        an_extension_counts_again,
        nights_are_open,
        holds_go_by_no_time,
        a_clock_that_was_mended_is_not_seen,
        what_entries_say_of_time_is_taken_from_the_proof,
    )
}
