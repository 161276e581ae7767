"""The one gate: may this actor do this there? Pure.

Rules:

1. An actor may do what one of the roles permits, in the region where the role is held and below it.
2. Outside all regions where the actor may at least do this, a subject does not exist: NOT_FOUND, so that
   ids of other regions cannot be told from ids that were never given.
3. Inside a region of the actor's where no role permits the action: NOT_PERMITTED.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_
from sqlalchemy.sql.elements import ColumnClause

from device.protocol import regions
from fleet_server.http_errors import ProblemError
from fleet_server.people.roles import MAY, Action, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a region and below it."""

    role: Role
    region: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: one session of one account of one person."""

    account: str
    person: str
    name: str
    session: str  # shortened hash, for the audit record
    grants: tuple[Grant, ...]

    def regions(self, action: Action) -> tuple[str, ...]:
        """Where the actor may do this; each region includes those below it."""
        return tuple(sorted({grant.region for grant in self.grants if action in MAY[grant.role]}))


def authorise(actor: Actor, action: Action, region: str) -> None:
    """Raises ProblemError NOT_FOUND or NOT_PERMITTED (rules 2, 3)."""
    if any(regions.contains(outer, region) for outer in actor.regions(action)):
        return
    if any(regions.contains(grant.region, region) for grant in actor.grants):
        raise ProblemError("NOT_PERMITTED", f"{action.value} in {region}")
    raise ProblemError("NOT_FOUND")


def authorise_anywhere(actor: Actor, action: Action) -> None:
    """What can be asked before the subject is known: is there any region where the actor may do this?"""
    if not actor.regions(action):
        raise ProblemError("NOT_PERMITTED", action.value)


def visible(actor: Actor, action: Action, column: ColumnElement[str] | ColumnClause[str]) -> ColumnElement[bool]:
    """The SQL condition that the region in `column` is one where the actor may do this."""
    return or_(false(), *(below(region, column) for region in actor.regions(action)))


def below(region: str, column: ColumnElement[str] | ColumnClause[str]) -> ColumnElement[bool]:
    """The SQL condition that the region in `column` is `region` or lies below it; uses an index."""
    prefix = region[: 2 * (regions.level(region) - 1)]
    return column.between(prefix.ljust(6, "0"), prefix.ljust(6, "9"))
