"""Reading for a page that shows several domains: one transaction for each, with the permission it needs."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from fleet_server.console.frame import may
from fleet_server.people import Act, Action, Call

T = TypeVar("T")


def read(call: Call, action: Action, what: Callable[[Act], T]) -> T:
    """What the actor sees by `action`."""
    with replace(call, action=action).reading() as act:
        return what(act)


def read_if_allowed(call: Call, action: Action, what: Callable[[Act], T]) -> T | None:
    """None where no role permits it: the page leaves that part out."""
    return read(call, action, what) if may(call.actor, action) else None
