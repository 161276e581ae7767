"""The rules by which a box forgets no hold, each broken once: every one of these must turn the image restores red."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from device.core import damage, holds, orders, report, seal, start, turn
from device.core.effects import SaveState, TickCounter
from device.core.ladder import Usage
from device.protocol.errors import RejectedError


@contextmanager
def _patched(*changes: tuple[object, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        yield


def any_record_is_the_last() -> AbstractContextManager[None]:
    return _patched((start, "is_put_back", lambda *_counts: False))


def the_counter_ticks_at_boots_alone() -> AbstractContextManager[None]:
    """As a box does that binds its record once a boot: an image of this boot is as good as any."""
    save = turn.Turn.save

    def saved(self: turn.Turn) -> None:
        if self.memory.bound_at_ms:
            self.save_unbound()
        else:
            save(self)
        self.memory.bound_at_ms = max(1, self.memory.bound_at_ms)

    return _patched((turn.Turn, "save", saved))


def the_counter_ticks_before_the_record() -> AbstractContextManager[None]:
    """A cut between the two is then taken for a disk that was put back."""
    save = turn.Turn.save

    def saved(self: turn.Turn) -> None:
        save(self)
        if isinstance(self.effects[-1], TickCounter) and isinstance(self.effects[-2], SaveState):
            self.effects[-2:] = [self.effects[-1], self.effects[-2]]

    return _patched((turn.Turn, "save", saved))


def the_record_says_the_count_before() -> AbstractContextManager[None]:
    """The window lies the other way round: the record before the last one passes."""
    return _patched((start, "is_put_back", lambda then, now: then not in (now, now - 1, now + 1)))


def holds_are_not_kept() -> AbstractContextManager[None]:
    return _patched((holds.Holds, "all_holds", lambda _self: []))


def any_resume_ends_every_stop() -> AbstractContextManager[None]:
    end = holds.Holds.end

    def ended(self: holds.Holds, kind: str, orders: Any, authority: str, at_ms: int) -> list[str]:
        everything = [hold.order for hold in self.all_holds() if hold.kind == kind]
        return end(self, kind, [*orders, *everything], authority, at_ms)

    return _patched((holds.Holds, "end", ended))


def contact_heals_at_once() -> AbstractContextManager[None]:
    """A box that was put back opens at its next start, without any contact."""
    return _patched((damage.Damage, "found", lambda _self: None))


def a_restart_forgets_what_a_lease_has_given() -> AbstractContextManager[None]:
    resume = Usage.resume

    def resumed(self: Usage, _saved: Any, mono_ms: int) -> None:
        resume(self, {"powered_ms": 0, "plays": 0}, mono_ms)

    return _patched((Usage, "resume", resumed))


def a_box_is_new_only_while_its_journal_is_empty() -> AbstractContextManager[None]:
    """A cut behind the first entry then restricts it."""
    remember = start._remember

    def remembered(found: turn.Turn, event: Any) -> Any:
        saved, is_trusted = remember(found, event)
        return saved, is_trusted and (event.state is not None or event.journal_size == 0)

    return _patched((start, "_remember", remembered))


def a_record_is_held_to_smaller_limits() -> AbstractContextManager[None]:
    restore = holds.Holds.restore

    def restored(self: holds.Holds, hold: holds.Hold) -> None:
        if len(self.all_holds()) >= 1:
            raise RejectedError("ORDER_TOO_MANY", "of another version")
        restore(self, hold)

    return _patched((holds.Holds, "restore", restored))


def an_old_resume_ends_nothing() -> AbstractContextManager[None]:
    """An old stop, given to a restricted box, then locks it until officers give a new resume."""
    return _patched((holds.Holds, "doubted", lambda *_arguments: []))


def an_old_resume_ends_every_stop() -> AbstractContextManager[None]:
    return _patched((orders, "_is_late", lambda *_arguments: False))


def a_restart_forgets_a_doubt() -> AbstractContextManager[None]:
    return _patched((holds.Holds, "in_doubt", lambda _self: []))


def what_an_old_record_says_is_beyond_doubt() -> AbstractContextManager[None]:
    distrust = seal.distrust

    def undoubting(found: turn.Turn) -> None:
        """What comes last in a start that trusts nothing takes the doubts back."""
        found.memory.holds._in_doubt.clear()
        distrust(found)

    return _patched((seal, "distrust", undoubting))


def a_ban_asks_the_catalog_alone() -> AbstractContextManager[None]:
    """And not what the VOD server said that it plays."""

    def banned(found: turn.Turn, play: Any) -> bool:
        return play.record is not None and found.memory.holds.is_banned(play.record, found.proven_ms)

    return _patched((orders, "_is_banned", banned))


def the_fleet_hears_of_holds_before_the_card() -> AbstractContextManager[None]:
    send = report._report

    def sent(found: turn.Turn, state: str, _holds: list[str]) -> None:
        send(found, state, [hold.order for hold in found.memory.holds.in_force(found.proven_ms)])

    return _patched((report, "_report", sent))


MUTATIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    broken.__name__: broken
    for broken in (
        any_record_is_the_last,
        the_counter_ticks_at_boots_alone,
        the_counter_ticks_before_the_record,
        the_record_says_the_count_before,
        holds_are_not_kept,
        any_resume_ends_every_stop,
        contact_heals_at_once,
        a_restart_forgets_what_a_lease_has_given,
        a_box_is_new_only_while_its_journal_is_empty,
        a_record_is_held_to_smaller_limits,
        an_old_resume_ends_nothing,
        an_old_resume_ends_every_stop,
        a_restart_forgets_a_doubt,
        what_an_old_record_says_is_beyond_doubt,
        a_ban_asks_the_catalog_alone,
        the_fleet_hears_of_holds_before_the_card,
    )
}
